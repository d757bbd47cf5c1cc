/** The state of the service itself, from `/readyz`. */
import { api, type SourceHearing } from '../api/client';

const INTERVAL_MS = 5_000;

class Health {
  /** Null before the first answer. */
  ready = $state<boolean | null>(null);
  reasons = $state.raw<readonly string[]>([]);
  sources = $state.raw<readonly SourceHearing[]>([]);
  /** False while the service does not answer. */
  reachable = $state(true);
  /** Time of the newest answer. */
  at = $state.raw<Date | null>(null);
  /** When the service was first seen not ready. */
  notReadySince = $state.raw<Date | null>(null);
  #listeners = new Set<() => void>();

  start(): void {
    void this.#poll();
    setInterval(() => {
      if (!document.hidden) void this.#poll();
    }, INTERVAL_MS);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) void this.#poll();
    });
  }

  /** Calls `listener` when the service becomes able or unable to know statuses. */
  onTurn(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async #poll(): Promise<void> {
    const before = this.#sign();
    try {
      const { data, error } = await api.GET('/readyz', { cache: 'no-store' });
      const answer = data ?? error;
      this.reachable = answer !== undefined && 'sources' in answer;
      if (answer === undefined || !('sources' in answer)) return;
      this.at = new Date();
      this.sources = answer.sources;
      this.ready = data !== undefined;
      this.reasons = 'reasons' in answer ? answer.reasons : [];
      if (this.ready) this.notReadySince = null;
      else this.notReadySince ??= new Date();
    } catch {
      this.reachable = false;
    }
    if (before !== this.#sign()) for (const listener of this.#listeners) listener();
  }

  #sign(): string {
    const heard = this.sources.map(({ source, hears }) => `${source}${hears}`);
    return `${this.reachable} ${this.ready} ${heard.join()}`;
  }
}

export const health = new Health();
