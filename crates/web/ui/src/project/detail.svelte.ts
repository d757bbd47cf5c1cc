/** One project: the parts that the list does not have, kept current while it is shown. */
import {
  api,
  ApiFailure,
  expectData,
  messageOf,
  type Change,
  type ChangeEvent,
  type Explanation,
  type History,
  type Project,
  type Uptime,
} from '../api/client';
import { catalog } from '../live/catalog.svelte';

const EXPLAIN_MS = 5_000;
const HISTORY_PAGE = 30;

/** A project with what its heartbeats say, which lists leave out. */
export type DetailedProject = Project & { version?: string | null };
export type TimelineEntry = Pick<Change, 'revision' | 'kind' | 'from' | 'to' | 'at' | 'because'>;

/** A newer service may log entries that this page does not know. They have no status. */
function entryOf(item: History['changes'][number]): TimelineEntry {
  if ('because' in item) return item;
  const { revision, at } = item;
  const kind = item.kind as Change['kind'];
  return { revision, at, kind, from: null, to: null, because: versions(item.payload) };
}

/** The versions in the payload of an entry of the kind `version_changed`. */
function versions(payload: unknown): string {
  if (typeof payload !== 'object' || payload === null) return '';
  if (!('previous' in payload) || !('version' in payload)) return '';
  return `from ${String(payload.previous)} to ${String(payload.version)}`;
}

export class Detail {
  project = $state.raw<DetailedProject | null>(null);
  explanation = $state.raw<Explanation | null>(null);
  uptime = $state.raw<readonly Uptime[]>([]);
  changes = $state.raw<readonly TimelineEntry[]>([]);
  hasMore = $state(false);
  missing = $state(false);
  error = $state<string | null>(null);
  historyError = $state<string | null>(null);
  #ended = false;

  constructor(readonly slug: string) {}

  /** Starts and returns the function that stops. */
  start(): () => void {
    const unwatch = catalog.watch((changes) => this.#changed(changes));
    const unwatchEntries = catalog.watchEntries((entity, key) => {
      if (entity === 'project' && key === this.slug) void this.#readHistory();
    });
    const timer = setInterval(() => {
      if (!document.hidden) void this.#readState();
    }, EXPLAIN_MS);
    void this.read();
    return () => {
      this.#ended = true;
      unwatch();
      unwatchEntries();
      clearInterval(timer);
    };
  }

  async read(): Promise<void> {
    await Promise.all([this.#readState(), this.#readHistory()]);
  }

  async more(): Promise<void> {
    const oldest = this.changes.at(-1)?.revision;
    if (oldest !== undefined) await this.#readHistory(oldest);
  }

  async #readState(): Promise<void> {
    const params = { path: { slug: this.slug } };
    try {
      const [project, explanation] = await Promise.all([
        api.GET('/api/fed/projects/{slug}', { params }),
        api.GET('/api/fed/projects/{slug}/explain', { params }),
      ]);
      if (this.#ended) return;
      this.missing = project.response.status === 404;
      if (this.missing) return;
      // Without `fields` in the request, the answer has all keys.
      this.project = expectData(project) as DetailedProject;
      this.explanation = expectData(explanation);
      this.error = null;
    } catch (error) {
      if (!this.#ended && !isSignedOut(error)) this.error = messageOf(error);
    }
  }

  async #readHistory(before?: number): Promise<void> {
    try {
      const query = { limit: HISTORY_PAGE, ...(before === undefined ? {} : { before }) };
      const params = { path: { slug: this.slug }, query };
      const history = expectData(await api.GET('/api/fed/projects/{slug}/history', { params }));
      if (this.#ended) return;
      this.uptime = history.uptime;
      const read = history.changes.map(entryOf);
      this.changes = before === undefined ? read : [...this.changes, ...read];
      this.hasMore = history.next !== null;
      this.historyError = null;
    } catch (error) {
      if (!this.#ended && !isSignedOut(error)) this.historyError = messageOf(error);
    }
  }

  #changed(changes: readonly ChangeEvent[]): void {
    const newest = this.changes[0]?.revision ?? 0;
    const own = changes.filter(({ slug, revision }) => slug === this.slug && revision > newest);
    if (own.length === 0) return;
    this.changes = [...own.reverse(), ...this.changes];
    void this.#readState();
  }
}

function isSignedOut(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 401;
}
