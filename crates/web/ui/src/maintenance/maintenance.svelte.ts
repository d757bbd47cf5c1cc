/** Maintenance windows that are open or planned. The event stream says when to read again. */
import {
  api,
  ApiFailure,
  expectData,
  expectOk,
  messageOf,
  type MaintenanceWindow,
  type NewMaintenanceWindow,
} from '../api/client';
import { follow } from '../live/follow';
import { current, Lookup, type Covered } from './windows';

class Maintenance {
  /** The open ones first. */
  windows = $state.raw<readonly MaintenanceWindow[]>([]);
  loaded = $state(false);
  /** Why they could not be read. */
  error = $state<string | null>(null);
  #all: readonly MaintenanceWindow[] = [];
  #etag: string | null = null;
  #asked = 0;
  #answered = 0;
  #lookup = $derived(new Lookup(this.windows.filter(({ open }) => open)));

  /** Starts and returns the function that stops. */
  start(): () => void {
    return follow('maintenance', () => void this.read());
  }

  /** Returns the open window that covers a project. */
  of(project: Covered): MaintenanceWindow | undefined {
    return this.#lookup.find(project);
  }

  async read(): Promise<void> {
    const headers: Record<string, string> = {};
    if (this.#etag !== null) headers['If-None-Match'] = this.#etag;
    const turn = ++this.#asked;
    try {
      const outcome = await api.GET('/api/fed/maintenance', { headers });
      // A later request was answered earlier.
      if (turn < this.#answered) return;
      this.#answered = turn;
      if (outcome.response.status !== 304) {
        this.#all = expectData(outcome);
        this.#etag = outcome.response.headers.get('ETag');
      }
      this.windows = current(this.#all, new Date());
      this.loaded = true;
      this.error = null;
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    }
  }

  /** Starts a window. Returns what is wrong. */
  async begin(order: NewMaintenanceWindow): Promise<string | null> {
    return this.#write(async () => expectData(await api.POST('/api/fed/maintenance', { body: order })));
  }

  /** Ends a window. Returns what is wrong. */
  async end(id: number): Promise<string | null> {
    return this.#write(async () => {
      const outcome = await api.DELETE('/api/fed/maintenance/{id}', { params: { path: { id } } });
      // Another user may have been faster.
      if (outcome.response.status !== 404) expectOk(outcome);
    });
  }

  async #write(write: () => Promise<unknown>): Promise<string | null> {
    try {
      await write();
      await this.read();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }
}

export const maintenance = new Maintenance();
