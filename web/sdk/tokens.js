// Keeps an access token fresh: asks the application's getToken, remembers when the token ends, and
// renews it ahead of that, in band where a connection is open.

import { asHubError } from './codes.js';
import { fullJitterMs } from './backoff.js';

/**
 * @typedef {object} Token
 * @property {string} token
 * @property {number} expiresAtMs by the hub's clock
 * @property {number} [expiresInMs] how long it lasts from now on, which needs no right clock here
 */

/** Renewed this long before its end: timers of hidden tabs may be a minute late. */
const renewAheadMs = 90_000;
/** A shorter life than this is renewed after 4/5 of it. */
const longLifeMs = 120_000;
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
  #isRenewing = false;
  /**
   * How long before its end the present token is renewed; null until its life is known.
   * @type {number | null}
   */
  #aheadMs = null;
  /** What has to be added to the clock that nobody sets for the hub's time. */
  #offsetMs;

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
    // The best guess until the hub is heard.
    this.#offsetMs = environment.now() - environment.monotonic();
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
   * Learns the hub's time, at each welcome and each answer to a heartbeat: a clock here may be
   * wrong, and the one that nobody sets may stand still while the device sleeps.
   * @param {number} serverTimeMs
   */
  synchronise(serverTimeMs) {
    if (serverTimeMs > 0) this.#offsetMs = serverTimeMs - this.environment.monotonic();
    this.wake();
  }

  /** Timers may have been held up: renews now what is due. */
  wake() {
    if (this.#token && !this.#isRenewing && this.#failures === 0) this.#schedule();
  }

  stop() {
    this.environment.cancel(this.#timer);
    this.#token = null;
  }

  #leftMs() {
    if (!this.#token) return 0;
    return this.#token.expiresAtMs - this.environment.monotonic() - this.#offsetMs;
  }

  /**
   * One request at a time: its answer serves all who wait.
   * @returns {Promise<Token>}
   */
  #ask() {
    this.#asking ??= this.getToken().then((token) => {
      this.#token = token;
      this.#aheadMs = null;
      this.#failures = 0;
      if (token.expiresInMs) {
        this.#offsetMs = token.expiresAtMs - token.expiresInMs - this.environment.monotonic();
      }
      return token;
    }).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  #schedule() {
    const leftMs = this.#leftMs();
    this.#aheadMs ??= leftMs >= longLifeMs ? renewAheadMs : Math.max(0, leftMs * 0.2);
    this.#renewIn(Math.max(leftMs - this.#aheadMs, 1_000));
  }

  /** @param {number} milliseconds */
  #renewIn(milliseconds) {
    this.environment.cancel(this.#timer);
    // Timers beyond 2^31 ms fire at once in browsers.
    this.#timer = this.environment.after(() => void this.#renew(), Math.min(milliseconds, 2 ** 30));
  }

  async #renew() {
    this.#isRenewing = true;
    try {
      const { token } = await this.#ask();
      await this.onRenewed(token);
      this.#isRenewing = false;
      this.#schedule();
    } catch (thrown) {
      // The hub closes the connection with 4200 when the token ends; until then, try again. A
      // refusal that is final surfaces there, with the connection.
      this.#isRenewing = false;
      const error = asHubError(thrown);
      if (error.slug === 'token_expired') this.discard();
      if (error.retryable || error.slug === 'token_expired') {
        this.#renewIn(1_000 + fullJitterMs(this.#failures++, this.environment.random));
      }
    }
  }
}
