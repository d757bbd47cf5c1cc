/** Key figures of all projects, read while an overlay needs them. */
import { api, expectData, type Kpis } from '../api/client';
import type { Figures } from './overlay';

const COMPARE_MS = 60_000;

interface WithFigures {
  slug: string;
  kpis: Kpis;
  kpi_times: Record<string, { stale: boolean }>;
  risk: { score: number } | null;
}

class FiguresOfAll {
  bySlug = $state.raw<ReadonlyMap<string, Figures>>(new Map());
  /** Why they could not be read. */
  error = $state<string | null>(null);
  #etag: string | null = null;

  /** Starts and returns the function that stops. */
  start(): () => void {
    void this.#read();
    const timer = setInterval(() => {
      if (!document.hidden) void this.#read();
    }, COMPARE_MS);
    return () => clearInterval(timer);
  }

  async #read(): Promise<void> {
    const headers: Record<string, string> = {};
    if (this.#etag !== null) headers['If-None-Match'] = this.#etag;
    const query = { fields: ['slug' as const], include: ['kpis' as const] };
    try {
      const outcome = await api.GET('/api/fed/projects', { params: { query }, headers });
      this.error = null;
      if (outcome.response.status === 304) return;
      const projects = expectData(outcome) as unknown as WithFigures[];
      this.#etag = outcome.response.headers.get('ETag');
      this.bySlug = new Map(
        projects.map(({ slug, kpis, kpi_times, risk }) => {
          const stale = Object.entries(kpi_times).filter(([, time]) => time.stale);
          return [slug, { kpis, stale: new Set(stale.map(([name]) => name)), risk: risk?.score ?? null }];
        }),
      );
    } catch {
      this.error = 'The key figures could not be read.';
    }
  }
}

export const figures = new FiguresOfAll();
