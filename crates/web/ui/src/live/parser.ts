/** A parser for `text/event-stream`. */

export interface ServerEvent {
  id: string | null;
  name: string;
  data: string;
}

/** Takes a stream in chunks of any size and returns the events that each chunk completes. */
export class EventParser {
  #rest = '';
  #id: string | null = null;
  #name = '';
  #data: string[] = [];

  push(chunk: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === '') return this.#complete();
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment.
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') this.#id = value;
    else if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    return null;
  }

  #complete(): ServerEvent | null {
    const event = { id: this.#id, name: this.#name || 'message', data: this.#data.join('\n') };
    const empty = this.#data.length === 0 && this.#id === null;
    this.#id = null;
    this.#name = '';
    this.#data = [];
    return empty ? null : event;
  }
}
