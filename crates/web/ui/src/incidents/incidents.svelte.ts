/** Open and recent incidents, which the API calls alerts. The event stream says when to read again. */
import {
  api,
  ApiFailure,
  expectData,
  messageOf,
  type Alert,
  type AlertWithTimeline,
} from '../api/client';
import { follow } from '../live/follow';

const RECENT = 20;

export type Edit = 'acknowledge' | 'comment' | 'resolve';

class Incidents {
  open = $state.raw<readonly Alert[]>([]);
  recent = $state.raw<readonly Alert[]>([]);
  /** The incident whose timeline is shown. */
  detail = $state.raw<AlertWithTimeline | null>(null);
  loaded = $state(false);
  error = $state<string | null>(null);
  #chosen: number | null = null;

  /** Starts and returns the function that stops. */
  start(): () => void {
    return follow('incident', () => void this.read());
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

  /** Returns the slugs of all affected projects, of which lists have only the first ones. */
  async affectedBy(alert: Alert): Promise<string[]> {
    const path = { id: alert.id };
    const isPart = alert.affected.length < alert.affected_count;
    const { affected } = isPart ? expectData(await api.GET('/api/fed/alerts/{id}', { params: { path } })) : alert;
    return affected.map(({ project }) => project);
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
