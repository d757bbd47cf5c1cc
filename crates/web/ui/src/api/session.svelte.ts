/**
 * The API key of this tab. It is kept in memory only: a reload asks for it again.
 */
class Session {
  /** True once a request was refused because it has no valid key. */
  required = $state(false);
  #key = $state<string | null>(null);

  get signedIn(): boolean {
    return this.#key !== null;
  }

  headers(): Record<string, string> {
    return this.#key === null ? {} : { 'X-API-Key': this.#key };
  }

  use(key: string): void {
    this.#key = key;
    this.required = false;
  }

  /** The service refused the key, or requires one. */
  refused(): void {
    this.#key = null;
    this.required = true;
  }
}

export const session = new Session();
