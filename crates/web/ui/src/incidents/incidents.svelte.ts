/** Open and recent incidents, which the API calls alerts. The event stream says when to read again. */
import {
  api,
  ApiFailure,
  expectData,
  messageOf,
  type Alert,
  type AlertWithTimeline,
} from '../api/client';
import { catalog } from '../live/catalog.svelte';

const COMPARE_MS = 30_000;
const RECENT = 20;
/** Several entries that belong together lead to one request. */
const SETTLE_MS = 150;

export type Edit = 'acknowledge' | 'comment' | 'resolve';

class Incidents {
  open = $state.raw<readonly Alert[]>([]);
  recent = $state.raw<readonly Alert[]>([]);
  /** The incident whose timeline is shown. */
  detail = $state.raw<AlertWithTimeline | null>(null);
  loaded = $state(false);
  error = $state<string | null>(null);
  #chosen: number | null = null;
  #soon: ReturnType<typeof setTimeout> | null = null;

  /** Starts and returns the function that stops. */
  start(): () => void {
    void this.read();
    const timer = setInterval(() => {
      if (!document.hidden) void this.read();
    }, COMPARE_MS);
    const unwatch = catalog.watchEntries((entity) => {
      if (entity !== 'incident' || this.#soon !== null) return;
      this.#soon = setTimeout(() => {
        this.#soon = null;
        void this.read();
      }, SETTLE_MS);
    });
    return () => {
      clearInterval(timer);
      unwatch();
    };
  }

  choose(id: number | null): void {
    this.#chosen = id;
    if (this.detail?.id !== id) this.detail = null;
    if (id !== null) void this.#readDetail(id);
  }

  async read(): Promise<void> {
    try {
      const list = (query: { status: ('open' | 'acknowledged' | 'resolved')[]; limit?: number }) =>
        api.GET('/api/fed/alerts', { params: { query } });
      const [open, recent] = await Promise.all([
        list({ status: ['open', 'acknowledged'] }),
        list({ status: ['resolved'], limit: RECENT }),
      ]);
      this.open = expectData(open);
      this.recent = expectData(recent);
      this.loaded = true;
      this.error = null;
      if (this.#chosen !== null) await this.#readDetail(this.#chosen);
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    }
  }

  /** Edits an incident. Returns what is wrong. */
  async edit(id: number, edit: Edit, comment: string): Promise<string | null> {
    const path = `/api/fed/alerts/{id}/${edit}` as const;
    const body = comment === '' ? {} : { comment };
    try {
      expectData(await api.POST(path, { params: { path: { id } }, body }));
      await this.read();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #readDetail(id: number): Promise<void> {
    try {
      const detail = expectData(await api.GET('/api/fed/alerts/{id}', { params: { path: { id } } }));
      if (this.#chosen === id) this.detail = detail;
    } catch (error) {
      if (this.#chosen === id && !(error instanceof ApiFailure && error.status === 401)) {
        this.error = messageOf(error);
      }
    }
  }
}

export const incidents = new Incidents();
