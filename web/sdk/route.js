// Which way to the hub: a WebSocket, or a stream of events where WebSockets do not get through.

import { EventStreamSocket, streamURL } from './event-stream.js';
import { subprotocol } from './protocol.js';

/** WebSockets in a row over which nothing came before the stream is tried. */
const silentMax = 2;
/** For how long it is remembered that WebSockets do not get through; then one is tried again. */
const rememberMs = 30 * 60_000;
/** Streams that fail in a row before that is doubted. Lower: a hub that restarts costs detours. */
const doubtMax = 5;

export class Route {
  /** @type {'socket' | 'stream'} The way of the present or last connection. */
  way = 'socket';
  #silent = 0;
  #brokenStreams = 0;
  /** Until when WebSockets are known not to get through; also kept for the next visit. */
  #untilMs = 0;

  /**
   * @param {import('./environment.js').Environment} environment
   * @param {string} url ws: or wss: address of the hub
   */
  constructor(environment, url) {
    this.environment = environment;
    this.url = url;
    this.name = `hub.no-sockets.${new URL(url).host}`;
    this.#untilMs = Number(environment.recall(this.name) ?? 0);
  }

  /** @returns {import('./environment.js').Socket} for the next connection */
  open() {
    this.way = this.#silent >= silentMax || this.#isRemembered() ? 'stream' : 'socket';
    return this.way === 'socket' ? this.environment.openSocket(this.url, subprotocol)
      : new EventStreamSocket(this.environment, streamURL(this.url));
  }

  /** The hub was heard: this way is good. */
  heard() {
    this.#brokenStreams = 0;
    this.#silent = 0;
    if (this.way === 'socket') this.#remember(0);
    else if (!this.#isRemembered()) this.#remember(this.environment.now() + rememberMs);
  }

  /** The connection failed before the hub was heard. */
  failed() {
    if (!this.environment.isOnline()) return;
    if (this.way === 'socket') {
      this.#silent += 1;
      return;
    }
    this.#brokenStreams += 1;
    if (this.#isRemembered() && this.#brokenStreams < doubtMax) return;
    // The hub may be down: each way has its turn until one of them is heard.
    this.#silent = silentMax - 1;
    this.#remember(0);
  }

  /** @param {number} untilMs 0 forgets */
  #remember(untilMs) {
    this.#untilMs = untilMs;
    this.environment.keep(this.name, untilMs === 0 ? null : `${untilMs}`);
  }

  #isRemembered() {
    const left = this.#untilMs - this.environment.now();
    // More than was ever written: the clock was set back.
    return left > 0 && left <= rememberMs;
  }
}
