/** The last 24 hours of projects. They are read for the rows in view. */
import { SvelteMap } from 'svelte/reactivity';
import { api, expectData, type UptimeOfProject, type UptimeOfProjects } from '../api/client';

const FRESH_MS = 60_000;
const MAX_KEPT = 2_000;
/** As many slugs fit into one request. */
const MAX_SLUGS = 500;

export interface KnownUptime extends UptimeOfProject {
  from: Date;
  until: Date;
  stepSeconds: number;
}

class Uptimes {
  #kept = new SvelteMap<string, { uptime: KnownUptime | null; at: number }>();
  #running = false;
  #wanted: readonly string[] = [];

  of(slug: string): KnownUptime | null {
    return this.#kept.get(slug)?.uptime ?? null;
  }

  /** Reads those of `slugs` that are missing or old. Replaces earlier wishes. */
  want(slugs: readonly string[]): void {
    const old = Date.now() - FRESH_MS;
    this.#wanted = slugs.filter((slug) => (this.#kept.get(slug)?.at ?? 0) < old).slice(0, MAX_SLUGS);
    if (!this.#running && this.#wanted.length > 0) void this.#read();
  }

  /** Reads the uptime of all projects, for an export. */
  async all(): Promise<ReadonlyMap<string, KnownUptime>> {
    const answer = expectData(await api.GET('/api/fed/uptime'));
    return new Map(known(answer).map((uptime) => [uptime.slug, uptime]));
  }

  async #read(): Promise<void> {
    this.#running = true;
    while (this.#wanted.length > 0) {
      const slugs = this.#wanted;
      this.#wanted = [];
      let found: KnownUptime[] = [];
      try {
        const params = { query: { slug: [...slugs] } };
        found = known(expectData(await api.GET('/api/fed/uptime', { params })));
      } catch {
        // The strips stay empty, and are read again later.
      }
      if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
      const bySlug = new Map(found.map((uptime) => [uptime.slug, uptime]));
      for (const slug of slugs) this.#kept.set(slug, { uptime: bySlug.get(slug) ?? null, at: Date.now() });
    }
    this.#running = false;
  }
}

function known(answer: UptimeOfProjects): KnownUptime[] {
  const [from, until] = [new Date(answer.from), new Date(answer.until)];
  return answer.projects.map((one) => ({ ...one, from, until, stepSeconds: answer.step_seconds }));
}

export const uptimes = new Uptimes();
