/** Runs of actions. The event stream says when to read again. */
import { api, ApiFailure, expectData, messageOf, type ActionOrder, type ActionPlan, type ActionRun } from '../api/client';
import { catalog } from '../live/catalog.svelte';

const COMPARE_MS = 30_000;
/** While a run is in progress, replies are shown soon. */
const PROGRESS_MS = 1_000;
const LISTED = 30;
const MAX_TARGETS = 1_000;

export const OUTCOMES = ['done', 'accepted', 'failed', 'timed_out', 'not_allowed', 'offline', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const OUTCOME_WORDS: Record<Outcome, string> = {
  done: 'done',
  accepted: 'accepted, no result in time',
  failed: 'failed',
  timed_out: 'did not reply',
  not_allowed: 'not allowed',
  offline: 'offline',
  unknown: 'not known',
};

class Actions {
  runs = $state.raw<readonly ActionRun[]>([]);
  /** The run that is shown, with its targets. */
  run = $state.raw<ActionRun | null>(null);
  /** Names that some project allows. */
  names = $state.raw<readonly string[]>([]);
  loaded = $state(false);
  error = $state<string | null>(null);
  missing = $state(false);
  #chosen: string | null = null;

  /** Starts and returns the function that stops. */
  start(): () => void {
    void this.read();
    void this.#readNames();
    const timer = setInterval(() => {
      if (!document.hidden) void this.read();
    }, COMPARE_MS);
    const progress = setInterval(() => {
      if (!document.hidden && this.run !== null && this.run.ended_at === null) void this.#readRun();
    }, PROGRESS_MS);
    const unwatch = catalog.watchEntries((entity) => {
      if (entity === 'action') void this.read();
    });
    return () => {
      clearInterval(timer);
      clearInterval(progress);
      unwatch();
    };
  }

  choose(id: string | null): void {
    this.#chosen = id;
    this.missing = false;
    if (this.run?.id !== id) this.run = null;
    if (id !== null) void this.#readRun();
  }

  async read(): Promise<void> {
    try {
      this.runs = expectData(await api.GET('/api/fed/actions', { params: { query: { limit: LISTED } } }));
      this.loaded = true;
      this.error = null;
      if (this.#chosen !== null) await this.#readRun();
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    }
  }

  /** Returns who would be asked. */
  async plan(order: ActionOrder): Promise<ActionPlan> {
    const outcome = await api.POST('/api/fed/actions', { params: { query: { dry_run: true } }, body: order });
    return expectData(outcome) as ActionPlan;
  }

  /** Starts a run and returns its id. A repetition with the same key starts no second one. */
  async begin(order: ActionOrder, key: string): Promise<string> {
    const header = { 'Idempotency-Key': key };
    const run = expectData(await api.POST('/api/fed/actions', { params: { header }, body: order })) as ActionRun;
    void this.read();
    return run.id;
  }

  async cancel(id: string): Promise<string | null> {
    try {
      expectData(await api.POST('/api/fed/actions/{id}/cancel', { params: { path: { id } } }));
      await this.read();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #readRun(): Promise<void> {
    const id = this.#chosen;
    if (id === null) return;
    const params = { path: { id }, query: { limit: MAX_TARGETS } };
    try {
      const outcome = await api.GET('/api/fed/actions/{id}', { params });
      if (this.#chosen !== id) return;
      this.missing = outcome.response.status === 404;
      if (!this.missing) this.run = expectData(outcome);
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    }
  }

  async #readNames(): Promise<void> {
    try {
      const query = { fields: ['allow_fanout' as const] };
      const projects = expectData(await api.GET('/api/fed/projects', { params: { query } }));
      const names = projects.flatMap((project) => project.allow_fanout ?? []);
      this.names = [...new Set(names)].sort();
    } catch {
      // The names are only suggestions.
    }
  }
}

export const actions = new Actions();
