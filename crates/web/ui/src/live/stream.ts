/**
 * The event stream of the service: reads it, notices when it is cut, and resumes it.
 *
 * It is read with `fetch` instead of `EventSource`, because only that shows the comments by which
 * an idle stream proves that it is alive, and can send an API key.
 */
import { EventParser, type ServerEvent } from './parser';

/** The service sends a comment after 15 s without an event. */
export const SILENCE_LIMIT_MS = 40_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15_000;

export interface StreamHandlers {
  /** The stream delivers events from here on. */
  onOpen(): void;
  onEvent(event: ServerEvent): void;
  /** The stream has ended. `status` is the HTTP status of a refusal. */
  onCut(status: number | null): void;
}

export interface StreamOptions {
  url: string;
  headers: () => Record<string, string>;
  fetch?: typeof fetch;
  /** Returns a number from 0 to 1. */
  random?: () => number;
}

/** Returns the pause before an attempt, with jitter so that clients do not return all at once. */
export function backoff(attempt: number, random: () => number): number {
  const limit = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return limit / 2 + (limit / 2) * random();
}

export class EventStream {
  #lastId: string | null = null;
  #attempt = 0;
  #stopped = false;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly options: StreamOptions,
    private readonly handlers: StreamHandlers,
  ) {}

  start(): void {
    this.#stopped = false;
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#clear();
    this.#abort?.abort();
    this.#abort = null;
  }

  /** Connects now instead of after the pause, for instance when the network is back. */
  hurry(): void {
    if (this.#timer === null || this.#stopped || this.#abort !== null) return;
    this.#clear();
    void this.#connect();
  }

  async #connect(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    let status: number | null = null;
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      Object.assign(headers, this.options.headers());
      if (this.#lastId !== null) headers['Last-Event-ID'] = this.#lastId;
      this.#watch(abort);
      const request = { headers, signal: abort.signal, cache: 'no-store' as const };
      const response = await (this.options.fetch ?? fetch)(this.options.url, request);
      if (response.ok && response.body !== null) await this.#read(response.body, abort);
      else status = response.status;
      // A position that the service does not understand would be refused for ever.
      if (status === 422) this.#lastId = null;
    } catch {
      // The connection is lost; handled below like an ended stream.
    }
    // It was stopped, and perhaps started again meanwhile.
    if (this.#abort !== abort) return;
    this.#clear();
    this.#abort = null;
    if (this.#stopped) return;
    this.handlers.onCut(status);
    this.#timer = setTimeout(
      () => void this.#connect(),
      backoff(this.#attempt, this.options.random ?? Math.random),
    );
    this.#attempt += 1;
  }

  async #read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (this.#abort !== abort) return;
      this.#watch(abort);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        if (event.id !== null) this.#lastId = event.id;
        if (event.name === 'ready') {
          this.#attempt = 0;
          this.handlers.onOpen();
        }
        if (event.data !== '') this.handlers.onEvent(event);
      }
    }
  }

  /** Ends a connection over which nothing arrives any more. */
  #watch(abort: AbortController): void {
    this.#clear();
    this.#timer = setTimeout(() => abort.abort(), SILENCE_LIMIT_MS);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
