/** Sends graphs to the worker. Only the newest answer counts. */
import type { Box, Link, Placed } from './layout';

export class Placing {
  #worker: Worker | null = null;
  #number = 0;
  #signature = '';

  constructor(private readonly done: (placed: Placed) => void) {}

  /** Places a graph, unless it is the one that was placed before. */
  place(boxes: readonly Box[], links: readonly Link[], aspect: number): void {
    const signature = JSON.stringify([
      boxes.map(({ id, width, group }) => [id, width, group]),
      links.map(({ id }) => id),
      aspect,
    ]);
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#number += 1;
    if (this.#worker === null) {
      this.#worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
      this.#worker.addEventListener('message', (event: MessageEvent<{ number: number; placed: Placed }>) => {
        if (event.data.number === this.#number) this.done(event.data.placed);
      });
    }
    // Proxies of Svelte cannot be sent.
    this.#worker.postMessage({ number: this.#number, boxes: [...boxes], links: [...links], aspect });
  }

  stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#signature = '';
  }
}
