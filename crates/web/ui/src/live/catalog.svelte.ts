/**
 * All projects, kept current by one event stream. Views read `list`; it is replaced at most once
 * per frame.
 */
import {
  api,
  ApiFailure,
  expectData,
  LISTED,
  messageOf,
  type ChangeEvent,
  type ListedProject,
} from '../api/client';
import { session } from '../api/session.svelte';
import { base } from '../lib/base';
import type { Stream } from './hub';
import type { ServerEvent } from './parser';
import { applyChanges } from './projection';
import { openStream } from './shared';

/** Beyond this many projects to read one by one, the whole list is read. */
const MAX_SINGLE_READS = 5;
/** `status_known` can change without an entry in the log, so the list is compared regularly. */
const COMPARE_MS = 30_000;
/**
 * A tab in the background gives its stream back after this time, because a browser has few connections
 * for all its tabs. It resumes without a gap.
 */
const BACKGROUND_MS = 120_000;
/** Events that arrive while a list is read. More than this, and it is read again afterwards. */
const MAX_QUEUED = 20_000;

type Watcher = (changes: readonly ChangeEvent[]) => void;

class Catalog {
  list = $state.raw<readonly ListedProject[]>([]);
  loaded = $state(false);
  /** Why the list could not be read. */
  error = $state<string | null>(null);
  /** The stream delivers events. */
  live = $state(false);
  /** When the stream was cut. Null while it is live, and before it was first opened. */
  cutSince = $state.raw<Date | null>(null);

  #projects = new Map<string, ListedProject>();
  #index = 0;
  #etag: string | null = null;
  #queue: ChangeEvent[] = [];
  #frame: number | null = null;
  #reading = false;
  #again = false;
  #watchers = new Set<Watcher>();
  #entryWatchers = new Set<(entity: string, key: string) => void>();
  #stream: Stream | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #pause: ReturnType<typeof setTimeout> | null = null;
  #resting = false;

  start(): void {
    this.stop();
    this.#etag = null;
    this.#stream = openStream(`${base}/api/fed/events`, {
      onOpen: () => this.#opened(),
      onEvent: (event) => this.#received(event),
      onCut: (status) => this.#cut(status),
    });
    this.#stream.start();
    void this.refresh();
    this.#timer = setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, COMPARE_MS);
    window.addEventListener('online', this.#hurry);
    document.addEventListener('visibilitychange', this.#hurry);
  }

  stop(): void {
    this.#stream?.stop();
    this.#stream = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    this.#resting = false;
    window.removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#hurry);
  }

  /** Drops all data, so that nothing of it is left when the key is. */
  forget(): void {
    this.stop();
    this.#projects.clear();
    this.#queue = [];
    this.#index = 0;
    this.list = [];
    this.loaded = false;
    this.live = false;
    this.cutSince = null;
    this.error = null;
  }

  find(slug: string): ListedProject | undefined {
    // Read so that views depend on it; it is replaced whenever the map changes.
    void this.list;
    return this.#projects.get(slug);
  }

  /** Calls `watcher` with each batch of changes until the returned function is called. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Calls `watcher` with the entity and the key of each entry that is not a change of a project. */
  watchEntries(watcher: (entity: string, key: string) => void): () => void {
    this.#entryWatchers.add(watcher);
    return () => this.#entryWatchers.delete(watcher);
  }

  /** Reads the list, unless it has not changed. */
  async refresh(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      do {
        this.#again = false;
        await this.#read();
      } while (this.#again);
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    } finally {
      this.#reading = false;
    }
    this.#schedule();
  }

  async #read(): Promise<void> {
    const headers: Record<string, string> = {};
    if (this.#etag !== null) headers['If-None-Match'] = this.#etag;
    const query = { fields: [...LISTED] };
    const outcome = await api.GET('/api/fed/projects', { params: { query }, headers });
    this.#index = Math.max(this.#index, Number(outcome.response.headers.get('X-Federation-Index')));
    if (outcome.response.status !== 304) {
      const projects = expectData(outcome) as ListedProject[];
      this.#etag = outcome.response.headers.get('ETag');
      this.#projects = new Map(projects.map((project) => [project.slug, project]));
      this.#publish();
    }
    this.error = null;
    this.loaded = true;
  }

  #opened(): void {
    this.live = true;
    this.cutSince = null;
  }

  #cut(status: number | null): void {
    if (status === 401) session.refused();
    if (this.live || (this.cutSince === null && this.loaded)) this.cutSince = new Date();
    this.live = false;
  }

  #received(event: ServerEvent): void {
    const data: unknown = JSON.parse(event.data);
    if (typeof data !== 'object' || data === null) return;
    if (event.name === 'ready' || event.name === 'reset') {
      const position = 'revision' in data ? Number(data.revision) : Infinity;
      if (event.name === 'reset') this.#index = 0;
      // Changes between the list and the start of the stream are in neither.
      if (event.name === 'reset' || position > this.#index) this.#readAgain();
      return;
    }
    if ('entity' in data && 'key' in data) {
      this.#receivedEntry(String(data.entity), String(data.key));
    } else if ('slug' in data && 'revision' in data) {
      this.#queue.push(data as ChangeEvent);
      if (this.#queue.length > MAX_QUEUED) {
        this.#queue = [];
        this.#readAgain();
      }
      this.#schedule();
    }
  }

  /** An entry of another entity, or of a kind of a newer version. */
  #receivedEntry(entity: string, key: string): void {
    if (entity === 'project') void this.#readOne(key);
    for (const watcher of this.#entryWatchers) watcher(entity, key);
  }

  #readAgain(): void {
    this.#etag = null;
    void this.refresh();
  }

  #schedule(): void {
    if (this.#reading || this.#frame !== null || this.#queue.length === 0) return;
    // No frames are drawn in the background, but the state has to stay current.
    if (document.hidden) this.#apply();
    else {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = null;
        this.#apply();
      });
    }
  }

  #apply(): void {
    if (this.#reading) return;
    const changes = this.#queue;
    this.#queue = [];
    const { read } = applyChanges(this.#projects, changes, this.#index);
    for (const change of changes) this.#index = Math.max(this.#index, change.revision);
    this.#etag = null;
    this.#publish();
    for (const watcher of this.#watchers) watcher(changes);
    if (read.size > MAX_SINGLE_READS) void this.refresh();
    else for (const slug of read) void this.#readOne(slug);
  }

  async #readOne(slug: string): Promise<void> {
    try {
      const params = { path: { slug }, query: { fields: [...LISTED] } };
      const outcome = await api.GET('/api/fed/projects/{slug}', { params });
      if (outcome.response.status === 404) this.#projects.delete(slug);
      else this.#projects.set(slug, expectData(outcome) as ListedProject);
      this.#publish();
    } catch {
      this.#readAgain();
    }
  }

  #publish(): void {
    this.list = [...this.#projects.values()];
  }

  #hurry = (): void => {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    if (document.hidden) {
      this.#pause = setTimeout(() => this.#rest(), BACKGROUND_MS);
      return;
    }
    if (this.#resting) this.#stream?.start();
    else this.#stream?.hurry();
    this.#resting = false;
    void this.refresh();
  };

  #rest(): void {
    this.#stream?.stop();
    this.#resting = true;
    this.#cut(null);
  }
}

export const catalog = new Catalog();
