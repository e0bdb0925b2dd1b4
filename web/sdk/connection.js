// One connection: commands with ids and timeouts, their replies, pushes, and the heartbeat that
// notices a dead link. It connects once and ends once; coming back is the client's affair
// (client.js).

import { asHubError, HubError } from './codes.js';
import { decodeFrames, encodeCommand, replyName } from './protocol.js';

/** @typedef {import('./types.js').Commands} Commands */
/** @typedef {import('./types.js').Replies} Replies */
/** @typedef {{code: number, retryAfterMs: number, heard: boolean}} Ended */

/** A socket that is not open after this is given up. */
const connectTimeoutMs = 10_000;
/** Default time for a reply. The hub answers in milliseconds; this covers slow mobile links. */
const replyTimeoutMs = 15_000;
/** For what may be large, or wait until what was asked for before has been taken. That the link is dead is
 *  noticed by the heartbeat. */
const pageTimeoutMs = 120_000;
/** @type {Set<string>} */
const paged = new Set([
  'subscribe', 'history', 'list_channels', 'list_people', 'list_members', 'watch_presence',
]);
/** A heartbeat not answered in this time means that the link is dead. */
const pongTimeoutMs = 8_000;
/** The same after a wake, when a dead link is likely and a person is looking. */
const wakePongTimeoutMs = 3_000;
/** A command that is not answered in this time makes the link doubtful: it is asked for a pong. */
const doubtMs = 4_000;

/**
 * @typedef {object} Waiting
 * @property {keyof Commands} name
 * @property {(body: any) => void} resolve
 * @property {(error: HubError) => void} reject
 * @property {any} timer
 * @property {((reply: any) => void) | undefined} onReply
 */
/**
 * `onReply` runs before the frames that follow the reply are looked at, which a promise cannot
 * promise:
 * what arrived in the same message would come first.
 * @template R
 * @typedef {{timeoutMs?: number, onReply?: (reply: R) => void}} RequestOptions
 */

export class Connection {
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Array<() => void>} Commands held back by the hub's limit of unanswered ones. */
  #held = [];
  #inFlightMax = 16;
  #lastID = 0;
  #ended = false;
  #heard = false;
  #retryAfterMs = 0;
  #closingCode = 0;
  #lastHeard = 0;
  /** @type {any} */
  #timer = null;
  /** @type {any} */
  #pulse = null;
  #pinging = false;
  /** Runs while a command may show that the link is dead. @type {any} */
  #doubt = null;

  /**
   * @param {object} options
   * @param {import('./environment.js').Environment} options.environment
   * @param {() => import('./environment.js').Socket} options.open
   * @param {() => void} options.onHeard called once, with the first message of the hub
   * @param {() => void} options.onOpen
   * @param {(name: string, body: any) => void} options.onPush
   * @param {(serverTimeMs: number) => void} [options.onServerTime] the hub's clock, with each heartbeat
   * @param {(ended: Ended) => void} options.onEnded called once, last
   */
  constructor({ environment, open, onOpen, onHeard, onPush, onServerTime = () => {}, onEnded }) {
    this.environment = environment;
    this.onHeard = onHeard;
    this.onPush = onPush;
    this.onServerTime = onServerTime;
    this.onEnded = onEnded;
    this.#timer = environment.after(() => this.end(1006), connectTimeoutMs);
    this.socket = open();
    this.socket.onopen = () => {
      if (this.#ended) return;
      environment.cancel(this.#timer);
      this.#lastHeard = environment.monotonic();
      onOpen();
    };
    this.socket.onmessage = (event) => this.#received(event.data);
    this.socket.onclose = (event) => this.end(this.#closingCode || event.code);
  }

  /**
   * Sends a command and resolves with its reply.
   * @template {keyof Commands} K
   * @param {K} name
   * @param {Commands[K]} body
   * @param {RequestOptions<Replies[K]>} [options]
   * @returns {Promise<Replies[K]>} rejects with a HubError
   */
  request(name, body, options) {
    const { timeoutMs = paged.has(name) ? pageTimeoutMs : replyTimeoutMs, onReply } = options ?? {};
    return new Promise((resolve, reject) => {
      const send = () => {
        if (this.#ended) {
          reject(new HubError({ slug: 'connection_lost', retryable: true }));
          return;
        }
        const id = this.#nextID();
        const timer = this.environment.after(() => {
          this.#waiting.delete(id);
          reject(new HubError({ slug: 'timeout', message: 'no answer in time', retryable: true }));
          this.#release();
        }, timeoutMs);
        this.#waiting.set(id, { name, resolve, reject, timer, onReply });
        this.socket.send(encodeCommand(id, name, body));
        // A hello may take long: a hub that takes everybody back has much to do.
        if (name !== 'ping' && name !== 'hello') this.#doubt ??= this.environment.after(() => this.#doubted(), doubtMs);
      };
      // Heartbeats never wait behind other commands: they decide whether the link lives.
      if (this.#waiting.size < this.#inFlightMax || name === 'ping' || this.#ended) send();
      else this.#held.push(send);
    });
  }

  /**
   * Takes the welcome's limits and starts the heartbeat.
   * @param {import('./types.js').Welcome} welcome
   */
  established(welcome) {
    this.#inFlightMax = Math.max(1, (welcome.limits.commands_in_flight_max || 128) - 4);
    const heartbeatMs = welcome.heartbeat_ms || 25_000;
    const beat = () => {
      const silentMs = this.environment.monotonic() - this.#lastHeard;
      if (silentMs >= heartbeatMs) this.#ping(pongTimeoutMs);
      const next = Math.max(1_000, heartbeatMs - Math.max(0, Math.min(silentMs, heartbeatMs)));
      this.#pulse = this.environment.after(beat, next);
    };
    this.#pulse = this.environment.after(beat, heartbeatMs);
    this.#release();
  }

  /** Asks at once whether the link still lives, as after sleep. */
  probe() {
    this.#ping(wakePongTimeoutMs);
  }

  /**
   * Ends the connection; harmless when it has ended.
   * @param {number} code 1000 to say goodbye, else what the end means to us
   */
  end(code) {
    if (this.#ended) return;
    this.#ended = true;
    this.environment.cancel(this.#timer);
    this.environment.cancel(this.#pulse);
    this.environment.cancel(this.#doubt);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    try {
      this.socket.close(1000);
    } catch {
      // A socket that never opened may refuse; it is abandoned either way.
    }
    for (const waiting of this.#waiting.values()) {
      this.environment.cancel(waiting.timer);
      waiting.reject(new HubError({ slug: 'connection_lost', retryable: true }));
    }
    this.#waiting.clear();
    for (const send of this.#held.splice(0)) send();
    this.onEnded({ code, retryAfterMs: this.#retryAfterMs, heard: this.#heard });
  }

  /** Some time after a command: where nothing at all was heard since, the link may be dead. */
  #doubted() {
    this.#doubt = null;
    if (this.#waiting.size === 0) return;
    const silentMs = this.environment.now() - this.#lastHeard;
    if (silentMs >= doubtMs) this.#ping(wakePongTimeoutMs);
    else this.#doubt = this.environment.after(() => this.#doubted(), doubtMs - silentMs);
  }

  /** @param {number} timeoutMs */
  #ping(timeoutMs) {
    if (this.#pinging || this.#ended) return;
    this.#pinging = true;
    const since = this.environment.monotonic();
    this.request('ping', {}, {
      timeoutMs, onReply: (pong) => this.onServerTime(pong.server_time_ms),
    }).catch(() => {
      // Any traffic since then proves life; the pong may only be queued behind it.
      if (this.#lastHeard <= since) this.end(1006);
    }).finally(() => {
      this.#pinging = false;
    });
  }

  #nextID() {
    do this.#lastID = this.#lastID % 0x7fff_ffff + 1; while (this.#waiting.has(this.#lastID));
    return this.#lastID;
  }

  #release() {
    while (this.#held.length > 0 && this.#waiting.size < this.#inFlightMax) {
      /** @type {() => void} */ (this.#held.shift())();
    }
  }

  /** @param {any} data */
  #received(data) {
    if (this.#ended) return;
    this.#lastHeard = this.environment.monotonic();
    if (!this.#heard) this.onHeard();
    this.#heard = true;
    try {
      if (typeof data !== 'string') throw new Error('a binary message in hub.v1.json');
      for (const frame of decodeFrames(data)) {
        if (frame.id === 0) this.#pushed(frame.name, frame.body);
        else this.#replied(frame.id, frame.name, frame.body);
      }
    } catch (error) {
      console.warn('hub: bad frame:', asHubError(error).message);
      this.end(1002);
    }
  }

  /** @param {string} name @param {any} body */
  #pushed(name, body) {
    if (name === 'closing') {
      this.#closingCode = body.code;
      this.#retryAfterMs = body.retry_after_ms;
    }
    if (name !== '') this.onPush(name, body);
  }

  /** @param {number} id @param {string} name @param {any} body */
  #replied(id, name, body) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return; // It timed out here; the command may have been carried out all the same.
    this.#waiting.delete(id);
    this.environment.cancel(waiting.timer);
    if (name === 'error') {
      waiting.reject(new HubError({ ...body, retryAfterMs: body.retry_after_ms }));
    } else if (name === replyName[waiting.name]) {
      waiting.onReply?.(body);
      waiting.resolve(body);
    } else {
      waiting.reject(new HubError({ slug: 'malformed', code: 100, message: `unexpected ${name}` }));
    }
    this.#release();
  }
}
