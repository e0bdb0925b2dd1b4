// Which way to the hub: a WebSocket, or a stream of events where WebSockets do not get through.

import { EventStreamSocket, streamURL } from './event-stream.js';
import { encodeCommand, subprotocol } from './protocol.js';

/** WebSockets in a row over which nothing came before the stream is tried. */
const silentMax = 2;
/**
 * For how long it is remembered that WebSockets do not get through; then one is tried again. A hub
 * that was slow once is no network that breaks WebSockets, so the first time is short; each trial in
 * vain doubles it, up to the longest. Lower: more vain trials; higher: longer on the costlier way.
 */
const rememberFirstMs = 60_000;
const rememberLongestMs = 30 * 60_000;
/** A WebSocket that is tried beside a stream is given up after this. */
const trialMs = 10_000;
/** Streams that fail in a row before that is doubted. Lower: a hub that restarts costs detours. */
const doubtMax = 5;

export class Route {
  /** @type {'socket' | 'stream'} The way of the present or last connection. */
  way = 'socket';
  #silent = 0;
  #brokenStreams = 0;
  /** Until when WebSockets are known not to get through; also kept for the next visit. */
  #untilMs = 0;
  /** For how long that was remembered the last time; 0: WebSockets get through. */
  #spanMs = 0;
  /** Ends the trial beside a stream, or the wait for it. */
  #endTrial = () => {};

  /**
   * @param {import('./environment.js').Environment} environment
   * @param {string} url ws: or wss: address of the hub
   */
  constructor(environment, url) {
    this.environment = environment;
    this.url = url;
    this.name = `hub.no-sockets.${new URL(url).host}`;
    const [until, span] = (environment.recall(this.name) ?? '').split(' ').map(Number);
    if (until > 0 && span > 0) [this.#untilMs, this.#spanMs] = [until, span];
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
    if (this.way === 'socket') this.#forget();
    else if (!this.#isRemembered()) this.#remember();
  }

  /**
   * While a stream serves: tries a WebSocket when its time has come, again and again.
   * @param {() => void} onThrough one got through: the next connection will be a WebSocket
   */
  watch(onThrough) {
    this.unwatch();
    if (this.way !== 'stream') return;
    const { now, after, cancel } = this.environment;
    const timer = after(() => this.#try(onThrough), Math.max(1_000, this.#untilMs - now()));
    this.#endTrial = () => cancel(timer);
  }

  /** The stream is over, and what is tried beside it. */
  unwatch() {
    this.#endTrial();
    this.#endTrial = () => {};
  }

  /** @param {() => void} onThrough */
  #try(onThrough) {
    const { after, cancel, openSocket, isOnline } = this.environment;
    const socket = openSocket(this.url, subprotocol);
    /** @param {boolean} isThrough */
    const end = (isThrough) => {
      this.unwatch();
      if (isThrough) {
        this.#silent = 0;
        this.#forget();
        onThrough();
      } else {
        if (isOnline()) this.#remember();
        this.watch(onThrough);
      }
    };
    const timer = after(() => end(false), trialMs);
    // Opening proves little: some networks let nothing through afterwards. Any answer will do.
    socket.onopen = () => socket.send(encodeCommand(1, 'ping', {}));
    socket.onmessage = () => end(true);
    socket.onclose = () => end(false);
    this.#endTrial = () => {
      cancel(timer);
      socket.onopen = socket.onmessage = socket.onclose = null;
      try {
        socket.close(1000);
      } catch {
        // One that never opened may refuse.
      }
    };
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
    this.#forget();
  }

  #remember() {
    this.#spanMs = Math.min(rememberLongestMs, this.#spanMs * 2 || rememberFirstMs);
    this.#untilMs = this.environment.now() + this.#spanMs;
    this.environment.keep(this.name, `${this.#untilMs} ${this.#spanMs}`);
  }

  #forget() {
    this.#untilMs = this.#spanMs = 0;
    this.environment.keep(this.name, null);
  }

  #isRemembered() {
    const left = this.#untilMs - this.environment.now();
    // More than was ever written: the clock was set back.
    return left > 0 && left <= this.#spanMs;
  }
}
