// Keeps an access token fresh: asks the application's getToken, remembers when the token ends, and
// renews it ahead of that, in band where a connection is open.

import { asHubError } from './codes.js';
import { fullJitterMs } from './backoff.js';

/** @typedef {{token: string, expiresAtMs: number}} Token */

/** Renewed this long before its end, or after 4/5 of a shorter life. */
const renewAheadMs = 90_000;
/** A token with less left than this is not used to connect. */
const usableMs = 10_000;

export class Tokens {
  /** @type {Token | null} */
  #token = null;
  /** @type {Promise<Token> | null} */
  #asking = null;
  /** @type {any} */
  #timer = null;
  #failures = 0;
  #skewMs = 0;

  /**
   * @param {object} options
   * @param {import('./environment.js').Environment} options.environment
   * @param {() => Promise<Token>} options.getToken a newer token at each call; rejects with a
   *   HubError that is not retryable when a person must sign in
   * @param {(token: string) => Promise<unknown>} options.onRenewed hands the token to the hub
   */
  constructor({ environment, getToken, onRenewed }) {
    this.environment = environment;
    this.getToken = getToken;
    this.onRenewed = onRenewed;
  }

  /**
   * The present token where it still lasts, else a new one.
   * @returns {Promise<string>}
   */
  async usable() {
    if (this.#token && this.#leftMs() > usableMs) return this.#token.token;
    return (await this.#ask()).token;
  }

  /** The present token must not be used again: the hub refused it or its facts changed. */
  discard() {
    this.#token = null;
  }

  /**
   * Learns the hub's clock, for browsers whose own is wrong.
   * @param {number} serverTimeMs
   */
  synchronise(serverTimeMs) {
    if (serverTimeMs > 0) this.#skewMs = serverTimeMs - this.environment.now();
    this.#schedule();
  }

  stop() {
    this.environment.cancel(this.#timer);
    this.#token = null;
  }

  #leftMs() {
    return this.#token ? this.#token.expiresAtMs - this.environment.now() - this.#skewMs : 0;
  }

  /**
   * One request at a time: its answer serves all who wait.
   * @returns {Promise<Token>}
   */
  #ask() {
    this.#asking ??= this.getToken().then((token) => {
      this.#token = token;
      this.#failures = 0;
      return token;
    }).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  #schedule() {
    this.environment.cancel(this.#timer);
    const leftMs = this.#leftMs();
    this.#renewIn(Math.max(leftMs - renewAheadMs, leftMs * 0.8, 1_000));
  }

  /** @param {number} milliseconds */
  #renewIn(milliseconds) {
    // Timers beyond 2^31 ms fire at once in browsers.
    this.#timer = this.environment.after(() => void this.#renew(), Math.min(milliseconds, 2 ** 30));
  }

  async #renew() {
    try {
      const { token } = await this.#ask();
      await this.onRenewed(token);
      this.#schedule();
    } catch (error) {
      // The hub closes the connection with 4200 when the token ends; until then, try again. A
      // refusal that is final surfaces there, with the connection.
      if (asHubError(error).retryable) {
        this.#renewIn(1_000 + fullJitterMs(this.#failures++, this.environment.random));
      }
    }
  }
}
