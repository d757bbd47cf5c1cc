/** The open incidents that a project caused or is affected by. */
import { api, ApiFailure, expectData, messageOf, type Alert } from '../api/client';
import { follow } from '../live/follow';

export class IncidentsOfProject {
  open = $state.raw<readonly Alert[]>([]);
  loaded = $state(false);
  /** Why they could not be read. */
  error = $state<string | null>(null);
  #ended = false;

  constructor(readonly slug: string) {}

  /** Starts and returns the function that stops. */
  start(): () => void {
    const stop = follow('incident', () => void this.#read());
    return () => {
      this.#ended = true;
      stop();
    };
  }

  async #read(): Promise<void> {
    const query = { project: this.slug, status: ['open' as const, 'acknowledged' as const] };
    try {
      const open = expectData(await api.GET('/api/fed/alerts', { params: { query } }));
      if (this.#ended) return;
      this.open = open;
      this.loaded = true;
      this.error = null;
    } catch (error) {
      const isSignedOut = error instanceof ApiFailure && error.status === 401;
      if (!this.#ended && !isSignedOut) this.error = messageOf(error);
    }
  }
}
