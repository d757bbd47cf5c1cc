/** The event stream as a tab sees it: that of the shared worker, or its own where there is none. */
import { ALIVE_MS, type FromHub, type Stream, type ToHub } from './hub';
import { EventStream, type StreamHandlers } from './stream';
import { headers } from '../api/headers';

export function openStream(url: string, handlers: StreamHandlers): Stream {
  const own = () => new EventStream({ url, headers }, handlers);
  if (typeof SharedWorker === 'undefined') return own();
  try {
    return new SharedStream(url, handlers, own);
  } catch {
    return own();
  }
}

class SharedStream implements Stream {
  #worker = new SharedWorker(new URL('./hub.worker.ts', import.meta.url), {
    type: 'module',
    name: 'federation',
  });
  #timer: ReturnType<typeof setInterval> | null = null;
  /** Used after the worker could not be started. */
  #fallback: Stream | null = null;

  constructor(
    private readonly url: string,
    private readonly handlers: StreamHandlers,
    own: () => Stream,
  ) {
    this.#worker.port.addEventListener('message', ({ data }: MessageEvent<FromHub>) => this.#receive(data));
    this.#worker.port.start();
    this.#worker.addEventListener('error', () => {
      if (this.#fallback !== null) return;
      this.#fallback = own();
      if (this.#timer !== null) this.#fallback.start();
    });
    window.addEventListener('pagehide', () => this.#send({ type: 'leave' }));
    window.addEventListener('pageshow', (event) => {
      if (event.persisted && this.#timer !== null) this.#send({ type: 'join', url: this.url });
    });
  }

  start(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#send({ type: 'alive' }), ALIVE_MS);
    this.#send({ type: 'join', url: this.url });
    this.#fallback?.start();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#send({ type: 'leave' });
    this.#fallback?.stop();
  }

  hurry(): void {
    this.#send({ type: 'hurry' });
    this.#fallback?.hurry();
  }

  #send(message: ToHub): void {
    this.#worker.port.postMessage(message);
  }

  #receive(message: FromHub): void {
    // Messages that were under way when the tab left do not count.
    if (this.#timer === null) return;
    if (message.type === 'open') this.handlers.onOpen();
    else if (message.type === 'cut') this.handlers.onCut(message.status);
    else for (const event of message.events) this.handlers.onEvent(event);
  }
}
