/**
 * The session of the browser. An API key is exchanged once for a cookie that scripts cannot read; the
 * key itself is not kept.
 */
import { base } from '../lib/base';
import { headers } from './headers';

interface SessionAnswer {
  required: boolean;
  scopes: string[] | null;
}

export type SignInProblem = 'unknown' | 'scope' | 'throttled' | 'unreachable' | 'cookies' | 'other';

/** Tells the other tabs of the browser that somebody signed in or out. */
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('federation-session');

class Session {
  /** True once a request was refused because there is no session. */
  required = $state(false);
  /** True while there is a session that can be ended. */
  signedIn = $state(false);
  /** Scopes of the key. Null before they are known, and if the service has no keys. */
  #scopes = $state.raw<readonly string[] | null>(null);
  #open = $state(false);

  constructor() {
    channel?.addEventListener('message', (event: MessageEvent<'in' | 'out'>) => {
      if (event.data === 'out') this.refused();
      else void this.read();
    });
  }

  /** Returns true if the service allows operations that need the scope. */
  allows(scope: string): boolean {
    return this.#open || (this.#scopes?.some((held) => held === scope || held === 'admin') ?? false);
  }

  /** Reads what the session allows. */
  async read(): Promise<void> {
    try {
      const answer = await fetch(`${base}/api/fed/session`, { headers: headers() });
      if (answer.status === 401) this.refused();
      else if (answer.ok) this.#take((await answer.json()) as SessionAnswer);
    } catch {
      // The service does not answer; the banner says so.
    }
  }

  /** Exchanges a key for a session. Returns what is wrong with it. */
  async begin(key: string): Promise<SignInProblem | null> {
    const url = `${base}/api/fed/session`;
    let answer: Response;
    try {
      answer = await fetch(url, { method: 'POST', headers: { ...headers(), 'X-API-Key': key } });
    } catch {
      return 'unreachable';
    }
    if (answer.status === 401) return 'unknown';
    if (answer.status === 403) return 'scope';
    if (answer.status === 429) return 'throttled';
    if (!answer.ok) return 'other';
    // A browser may refuse the cookie.
    const check = await fetch(url, { headers: headers() }).catch(() => null);
    if (check?.status === 401) return 'cookies';
    this.#take((await answer.json()) as SessionAnswer);
    channel?.postMessage('in');
    return null;
  }

  async end(): Promise<void> {
    const request = { method: 'DELETE', headers: headers() };
    await fetch(`${base}/api/fed/session`, request).catch(() => undefined);
    channel?.postMessage('out');
    this.refused();
  }

  /** The session has ended, or there never was one. */
  refused(): void {
    this.signedIn = false;
    this.#scopes = null;
    this.required = true;
  }

  #take({ required, scopes }: SessionAnswer): void {
    this.#open = !required;
    this.#scopes = scopes;
    this.signedIn = required;
    this.required = false;
  }
}

export const session = new Session();
