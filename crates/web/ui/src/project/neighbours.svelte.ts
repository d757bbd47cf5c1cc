/** The projects that a project uses, and those that use it, with what lies behind them. */
import { api, ApiFailure, expectData, messageOf, type Reach } from '../api/client';
import { catalog } from '../live/catalog.svelte';

const COMPARE_MS = 30_000;
const MAX_READ = 200;

export class Neighbours {
  uses = $state.raw<Reach | null>(null);
  usedBy = $state.raw<Reach | null>(null);
  error = $state<string | null>(null);
  #ended = false;

  constructor(readonly slug: string) {}

  /** Starts and returns the function that stops. */
  start(): () => void {
    void this.read();
    const timer = setInterval(() => {
      if (!document.hidden) void this.read();
    }, COMPARE_MS);
    const unwatch = catalog.watchEntries((entity) => {
      if (entity === 'edge') void this.read();
    });
    return () => {
      this.#ended = true;
      clearInterval(timer);
      unwatch();
    };
  }

  async read(): Promise<void> {
    const query = { limit: MAX_READ, include: ['stale' as const, 'unresolved' as const] };
    const options = {
      params: { path: { slug: this.slug }, query },
      querySerializer: { array: { style: 'form' as const, explode: true } },
    };
    try {
      const [uses, usedBy] = await Promise.all([
        api.GET('/api/fed/projects/{slug}/dependencies', options),
        api.GET('/api/fed/projects/{slug}/impact', options),
      ]);
      if (this.#ended) return;
      this.uses = expectData(uses);
      this.usedBy = expectData(usedBy);
      this.error = null;
    } catch (error) {
      const isSignedOut = error instanceof ApiFailure && error.status === 401;
      if (!this.#ended && !isSignedOut) this.error = messageOf(error);
    }
  }
}
