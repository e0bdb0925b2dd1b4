// The hub's client: keeps one connection alive for as long as it is wanted, and everything that
// hangs on it: token, subscriptions, outbox, presence. Applications use this class; see
// README.md.

import { asHubError, closeAction, closeSlugs, HubError } from './codes.js';
import { fullJitterMs } from './backoff.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { browserEnvironment, completed } from './environment.js';
import { Outbox } from './outbox.js';
import { memoryStore, openOutboxStore } from './outbox-store.js';
import { Route } from './route.js';
import { Subscription } from './subscription.js';
import { Tokens } from './tokens.js';

/** @typedef {import('./types.js').Commands} Commands */
/** @typedef {import('./types.js').Replies} Replies */
/** @typedef {import('./types.js').Pushes} Pushes */
/**
 * idle → connecting → ready → waiting → connecting …; stopped is final.
 * @typedef {{name: 'idle'}
 *   | {name: 'connecting', attempt: number}
 *   | {name: 'ready', welcome: import('./types.js').Welcome}
 *   | {name: 'waiting', attempt: number, retryAtMs: number, slug: string}
 *   | {name: 'stopped', code: number, slug: string}} ClientState
 */
/** @typedef {{state: ClientState, push: {name: string, body: any}}} ClientEvents */

/** A connection that stood this long counts as good: the next loss starts with a short wait. */
const stableMs = 5_000;
/** Spread of reconnections that need no backoff. */
const resumeSpreadMs = 1_000;
const agent = 'hub-web/1';

/** @extends {Emitter<ClientEvents>} */
export class HubClient extends Emitter {
  /** @type {ClientState} */
  state = { name: 'idle' };
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Map<string, Subscription>} */
  #subscriptions = new Map();
  #attempt = 0;
  /** Closings that asked to come back, since a connection stood for long. */
  #sentAway = 0;
  /** Counts connection attempts, so that what belongs to an older one is ignored. */
  #generation = 0;
  /** By the clock that nobody sets, as is #retryAt. */
  #readyAtMs = 0;
  #retryAt = 0;
  /** @type {any} */
  #timer = null;
  /** @type {() => void} */
  #unlisten = () => {};

  /**
   * @param {object} options
   * @param {string} options.url ws: or wss: address of the hub
   * @param {() => Promise<import('./tokens.js').Token>} options.getToken a new access token at
   *   each call
   * @param {string} [options.outbox] name under which unsent messages survive a reload, one per
   *   account
   *   and organisation; absent: they are kept in memory
   * @param {Parameters<typeof completed>[0]} [options.environment] for tests
   */
  constructor({ url, getToken, outbox, environment: given = browserEnvironment() }) {
    super();
    const environment = completed(given);
    this.route = new Route(environment, url);
    this.environment = environment;
    this.tokens = new Tokens({
      environment, getToken,
      onRenewed: async (token) => {
        if (this.state.name === 'ready') await this.request('refresh', { token });
      },
    });
    this.outbox = new Outbox({
      environment,
      store: outbox ? openOutboxStore(outbox, environment.uniqueKey())
        : Promise.resolve(memoryStore()),
      post: ({ channel, key, text, target }) => (target === null
        ? this.request('post', { channel, key, text })
        : this.request('edit', { channel, key, target, text })),
    });
  }

  /** Connects, and stays connected until stop(). */
  start() {
    if (this.state.name !== 'idle') return;
    this.#unlisten = this.environment.listen((signal) => this.#signalled(signal));
    void this.#connect();
  }

  /**
   * Ends everything; the client cannot be started again.
   * @param {{forget?: boolean}} [options] forget: erase unsent messages, as when signing out
   */
  async stop(options) {
    this.#halt({ code: 1000, slug: 'stopped' });
    await this.outbox.close({ forget: options?.forget ?? false });
  }

  /**
   * How long until the next try, whatever the clock of the device is set to; 0 when there is none.
   * @returns {number} milliseconds
   */
  get retryInMs() {
    if (this.state.name !== 'waiting') return 0;
    return Math.max(0, this.#retryAt - this.environment.monotonic());
  }

  /** Skips the present wait. */
  retryNow() {
    if (this.state.name !== 'waiting') return;
    this.environment.cancel(this.#timer);
    void this.#connect();
  }

  /**
   * Sends one command; only while ready. It is not repeated when the connection is lost.
   * @template {keyof Commands} K
   * @param {K} name
   * @param {Commands[K]} body
   * @param {import('./connection.js').RequestOptions<Replies[K]>} [options]
   * @returns {Promise<Replies[K]>} rejects with a HubError
   */
  request(name, body, options) {
    if (this.state.name === 'ready' && this.#connection) {
      return this.#connection.request(name, body, options);
    }
    const slug = this.state.name === 'stopped' ? 'stopped' : 'connection_lost';
    return Promise.reject(new HubError({ slug, retryable: slug === 'connection_lost' }));
  }

  /**
   * Reads a list to its end, page by page.
   * @template {'list_channels' | 'list_people' | 'list_members' | 'watch_presence'} K
   * @param {K} name
   * @param {Commands[K]} body
   * @param {(page: Replies[K]) => void} onPage runs before what follows the page is looked at
   * @returns {Promise<void>} rejects with a HubError
   */
  async list(name, body, onPage) {
    for (let page = await this.request(name, body, { onReply: onPage }); page.next !== '';) {
      page = await this.request(name, { ...body, after: page.next }, { onReply: onPage });
    }
  }

  /**
   * Sends a message as soon as possible, once, in the order of writing.
   * @param {string} channel
   * @param {string} text
   * @returns {import('./outbox.js').OutboxEntry} follow it by the outbox's `change`
   * @throws {HubError} too_large, with the details `limit` and `have` in bytes; invalid_argument
   */
  post(channel, text) {
    this.#checkText(text);
    return this.outbox.add(channel, text);
  }

  /**
   * Gives an own message a new text, as reliably as it was sent. Edits of one message take effect
   * in the order of writing.
   * @param {string} channel
   * @param {number} target sequence of the message, also when it has been edited before
   * @param {string} text
   * @returns {import('./outbox.js').OutboxEntry} follow it by the outbox's `change`
   * @throws {HubError} as post
   */
  edit(channel, target, text) {
    this.#checkText(text);
    return this.outbox.add(channel, text, target);
  }

  /**
   * Sends a text to whoever is subscribed to the channel now: at most once, and only while ready.
   * @param {string} channel
   * @param {string} text at most 4,096 bytes of UTF-8, such as JSON
   * @returns {Promise<{}>} the hub has passed it on; rejects with a HubError
   */
  broadcast(channel, text) {
    return this.request('broadcast', { channel, text });
  }

  /** @param {string} text */
  #checkText(text) {
    const have = new TextEncoder().encode(text).length;
    const limit = this.textBytesMax;
    if (have === 0) throw new HubError({ code: 102, slug: 'invalid_argument', message: 'no text' });
    if (have > limit) {
      const details = [{ name: 'limit', value: `${limit}` }, { name: 'have', value: `${have}` }];
      throw new HubError({ code: 103, slug: 'too_large', details });
    }
  }

  /** Largest text of a message in bytes of UTF-8, as the last welcome said. */
  textBytesMax = 16_384;

  /** Most events to ask for in a page of history. */
  pageEventsMax = 200;

  /**
   * The channel's live events; one subscription per channel.
   * @param {string} channel
   * @param {import('./types.js').Position | null} [after] null: from now on
   * @returns {Subscription}
   */
  subscribe(channel, after = null) {
    const existing = this.#subscriptions.get(channel);
    if (existing) return existing;
    const subscription = new Subscription(this, channel, after);
    this.#subscriptions.set(channel, subscription);
    if (this.state.name === 'ready') subscription.begin();
    return subscription;
  }

  /**
   * For Subscription: it has ended.
   * @param {Subscription} subscription
   */
  forget(subscription) {
    if (this.#subscriptions.get(subscription.channel) === subscription) {
      this.#subscriptions.delete(subscription.channel);
    }
  }

  async #connect() {
    const generation = ++this.#generation;
    const isCurrent = () => generation === this.#generation;
    this.#become({ name: 'connecting', attempt: this.#attempt });
    /** @type {string} */
    let token;
    try {
      token = await this.tokens.usable();
    } catch (error) {
      if (isCurrent()) this.#tokenRefused(asHubError(error));
      return;
    }
    if (!isCurrent()) return;
    /** @type {Connection} */
    const connection = new Connection({
      environment: this.environment,
      open: () => this.route.open(),
      onHeard: () => this.route.heard(),
      onOpen: () => this.#hello(connection, token),
      onPush: (name, body) => void (isCurrent() && this.#pushed(name, body)),
      onServerTime: (serverTimeMs) => void (isCurrent() && this.tokens.synchronise(serverTimeMs)),
      onEnded: (ended) => void (isCurrent() && this.#ended(ended)),
    });
    this.#connection = connection;
  }

  /** @param {Connection} connection @param {string} token */
  #hello(connection, token) {
    connection.request('hello', { token, capabilities: [], agent }, {
      onReply: (welcome) => {
        connection.established(welcome);
        this.textBytesMax = welcome.limits.text_bytes_max || this.textBytesMax;
        this.pageEventsMax = Math.min(200, welcome.limits.history_events_max || 200);
        this.#readyAtMs = this.environment.monotonic();
        this.tokens.synchronise(welcome.server_time_ms);
        this.#become({ name: 'ready', welcome });
        for (const subscription of [...this.#subscriptions.values()]) subscription.begin();
        this.outbox.resume();
        this.route.watch(() => this.#connection?.end(4001));
      },
    }).catch((error) => {
      if (asHubError(error).slug === 'connection_lost') return;
      connection.end(helloRefusal(asHubError(error)));
    });
  }

  /** @param {HubError} error */
  #tokenRefused(error) {
    if (error.retryable) this.#wait('backoff', error.retryAfterMs, error.slug);
    else this.#halt({ code: error.code, slug: error.slug });
  }

  /** @param {import('./connection.js').Ended} ended */
  #ended({ code, retryAfterMs, heard }) {
    if (!heard && code !== 1000) this.route.failed();
    const wasReady = this.state.name === 'ready';
    if (wasReady && this.environment.monotonic() - this.#readyAtMs >= stableMs) {
      this.#attempt = this.#sentAway = 0;
    }
    // A connection that brought something was good for something, however short it was.
    if ([...this.#subscriptions.values()].some(({ hasMoved }) => hasMoved)) this.#attempt = 0;
    this.#connection = null;
    this.route.unwatch();
    this.outbox.suspend();
    for (const subscription of this.#subscriptions.values()) subscription.suspend();
    const action = closeAction(code);
    const slug = closeSlugs[code] ?? 'connection_lost';
    if (action === 'stop') {
      this.#halt({ code, slug });
      return;
    }
    if (action === 'refresh') this.tokens.discard();
    this.#wait(action, retryAfterMs, slug);
  }

  /**
   * @param {Exclude<import('./codes.js').CloseAction, 'stop'>} action
   * @param {number} atLeastMs
   * @param {string} slug
   */
  #wait(action, atLeastMs, slug) {
    const { now, random } = this.environment;
    const waitMs = atLeastMs + (action === 'backoff' ? fullJitterMs(this.#attempt, random)
      : this.#spreadMs(action));
    const attempt = ++this.#attempt;
    this.#generation += 1;
    this.#retryAt = this.environment.monotonic() + waitMs;
    this.#become({ name: 'waiting', attempt, retryAtMs: now() + waitMs, slug });
    this.#timer = this.environment.after(() => void this.#connect(), waitMs);
  }

  /**
   * "At once" holds for the first time, whatever went wrong before: who comes back after an outage
   * does not wait for a new role as for an absent hub. A hub that keeps sending us away is left
   * alone for longer.
   * @param {'resume' | 'refresh'} action
   * @returns {number} milliseconds
   */
  #spreadMs(action) {
    const { random } = this.environment;
    const times = this.#sentAway++;
    if (times > 0) return fullJitterMs(times, random);
    return Math.floor(random() * (action === 'resume' ? resumeSpreadMs : 100));
  }

  /** @param {{code: number, slug: string}} why */
  #halt({ code, slug }) {
    if (this.state.name === 'stopped') return;
    this.#generation += 1;
    this.#unlisten();
    this.environment.cancel(this.#timer);
    this.tokens.stop();
    this.route.unwatch();
    this.outbox.suspend();
    this.#become({ name: 'stopped', code, slug });
    this.#connection?.end(1000);
    this.#connection = null;
  }

  /** @param {import('./environment.js').Signal} signal */
  #signalled(signal) {
    if (signal === 'leave') {
      // A frozen page would look present for ever; it connects again when it is shown.
      this.#connection?.end(1000);
    } else if (this.state.name === 'ready') {
      this.tokens.wake();
      this.#connection?.probe();
      // Another tab may have been closed since, and left something to be sent.
      this.outbox.resume();
    } else if (signal !== 'offline') {
      this.retryNow();
    }
  }

  /** @param {string} name @param {any} body */
  #pushed(name, body) {
    if (name === 'events') {
      this.#subscriptions.get(body.channel)?.received(body.epoch, body.events);
    } else if (name === 'broadcast') {
      this.#subscriptions.get(body.channel)?.broadcastReceived(body);
    } else if (name === 'subscription_ended') {
      this.#subscriptions.get(body.channel)?.endedByHub(body);
    } else {
      this.emit('push', { name, body });
    }
  }

  /** @param {ClientState} state */
  #become(state) {
    this.state = state;
    this.emit('state', state);
  }
}

/**
 * The close code that an error to the hello amounts to.
 * @param {HubError} error
 * @returns {number}
 */
function helloRefusal(error) {
  if (error.slug === 'token_expired') return 4200;
  if (error.slug === 'unauthenticated' || error.slug === 'forbidden') return 4500;
  if (error.slug === 'key_unavailable') return 4502;
  return error.retryable ? 4100 : 4503;
}
