/**
 * One event stream for all tabs. Runs in a shared worker; pure apart from the stream that it is given.
 *
 * A tab that joins while the stream is open learns the position of the stream by an event `ready`, as
 * if it had opened the stream itself. It then reads the list again if it knows less.
 */
import type { ServerEvent } from './parser';
import type { StreamHandlers } from './stream';

/** From a tab. */
export type ToHub = { type: 'join'; url: string } | { type: 'alive' } | { type: 'hurry' } | { type: 'leave' };

/** To a tab. */
export type FromHub =
  | { type: 'open' }
  | { type: 'events'; events: ServerEvent[] }
  | { type: 'cut'; status: number | null };

/** A tab says that it is there this often. A browser may delay it to once a minute in the background. */
export const ALIVE_MS = 25_000;
/** A tab that was closed without a word is forgotten after this time. */
export const FORGET_MS = 150_000;

export interface Stream {
  start(): void;
  stop(): void;
  hurry(): void;
}

export interface Tab {
  post(message: FromHub): void;
}

export class Hub {
  #tabs = new Map<Tab, number>();
  #stream: Stream | null = null;
  #live = false;
  /** Position up to which events were delivered. */
  #revision: number | null = null;
  #batch: ServerEvent[] = [];

  constructor(
    private readonly open: (url: string, handlers: StreamHandlers) => Stream,
    private readonly now: () => number = Date.now,
  ) {}

  receive(tab: Tab, message: ToHub): void {
    switch (message.type) {
      case 'join':
        this.#join(tab, message.url);
        break;
      case 'alive':
        if (this.#tabs.has(tab)) this.#tabs.set(tab, this.now());
        else this.#join(tab, null);
        break;
      case 'hurry':
        this.#stream?.hurry();
        break;
      case 'leave':
        this.#leave(tab);
        break;
    }
    this.#forget();
  }

  #join(tab: Tab, url: string | null): void {
    const isFirst = this.#tabs.size === 0;
    this.#tabs.set(tab, this.now());
    if (this.#stream === null && url !== null) {
      this.#stream = this.open(url, {
        onOpen: () => this.#opened(),
        onEvent: (event) => this.#received(event),
        onCut: (status) => this.#cut(status),
      });
    }
    if (isFirst) this.#stream?.start();
    else if (this.#live) {
      tab.post({ type: 'open' });
      const data = JSON.stringify(this.#revision === null ? {} : { revision: this.#revision });
      tab.post({ type: 'events', events: [{ id: null, name: 'ready', data }] });
    }
  }

  #leave(tab: Tab): void {
    if (!this.#tabs.delete(tab) || this.#tabs.size > 0) return;
    // It resumes after the last event when a tab comes back.
    this.#stream?.stop();
    this.#live = false;
  }

  #forget(): void {
    for (const [tab, seen] of this.#tabs) if (this.now() - seen > FORGET_MS) this.#leave(tab);
  }

  #opened(): void {
    this.#live = true;
    this.#flush();
    this.#send({ type: 'open' });
  }

  #received(event: ServerEvent): void {
    const revision = /"revision":(\d+)/.exec(event.data)?.[1];
    if (event.name === 'reset') this.#revision = null;
    if (revision !== undefined) this.#revision = Number(revision);
    // Events that arrive together are one message.
    if (this.#batch.length === 0) queueMicrotask(() => this.#flush());
    this.#batch.push(event);
  }

  #cut(status: number | null): void {
    this.#live = false;
    this.#flush();
    this.#send({ type: 'cut', status });
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const events = this.#batch;
    this.#batch = [];
    this.#send({ type: 'events', events });
  }

  #send(message: FromHub): void {
    for (const tab of this.#tabs.keys()) tab.post(message);
  }
}
