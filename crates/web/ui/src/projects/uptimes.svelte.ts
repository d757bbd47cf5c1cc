/** The last 24 hours of the projects in view. They are read for few at a time. */
import { SvelteMap } from 'svelte/reactivity';
import { api, type Uptime } from '../api/client';

const MAX_RUNNING = 4;
const FRESH_MS = 60_000;
const MAX_KEPT = 500;

class Uptimes {
  #kept = new SvelteMap<string, { uptime: Uptime | null; at: number }>();
  #wanted: string[] = [];
  #running = new Set<string>();

  of(slug: string): Uptime | null {
    return this.#kept.get(slug)?.uptime ?? null;
  }

  /** Reads those of `slugs` that are missing or old. Replaces earlier wishes. */
  want(slugs: readonly string[]): void {
    const old = Date.now() - FRESH_MS;
    this.#wanted = slugs.filter((slug) => (this.#kept.get(slug)?.at ?? 0) < old);
    this.#pump();
  }

  #pump(): void {
    while (this.#running.size < MAX_RUNNING) {
      const slug = this.#wanted.shift();
      if (slug === undefined) return;
      if (!this.#running.has(slug)) void this.#read(slug);
    }
  }

  async #read(slug: string): Promise<void> {
    this.#running.add(slug);
    let uptime: Uptime | null = null;
    try {
      const params = { path: { slug }, query: { limit: 1 } };
      const { data } = await api.GET('/api/fed/projects/{slug}/history', { params });
      uptime = data?.uptime.find((one) => one.window === '24h') ?? null;
    } catch {
      // The bar stays empty, and is read again later.
    }
    this.#running.delete(slug);
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(slug, { uptime, at: Date.now() });
    this.#pump();
  }
}

export const uptimes = new Uptimes();
