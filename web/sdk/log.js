// A window into a channel's log for showing it: a contiguous stretch of events that grows at both
// ends and is cut at the far one, live while it includes the newest, with the messages still on
// their way.

import { asHubError } from './codes.js';
import { Emitter } from './emitter.js';

/** @typedef {import('./types.js').Event} Event */
/** @typedef {import('./codes.js').HubError} HubError */
/**
 * loading: no events yet; ready; failed: nothing could be loaded (see `error`).
 * @typedef {'loading' | 'ready' | 'failed'} LogState
 */

/** Events kept at once. More: longer scrolling without the hub, more memory and slower drawing. */
export const windowEventsMax = 300;
const pageEvents = 60;

/** @extends {Emitter<{change: null}>} */
export class ChannelLog extends Emitter {
  /** @type {LogState} */
  state = 'loading';
  /**
   * Contiguous, oldest first.
   * @type {Event[]}
   */
  events = [];
  /** Nothing older exists. */
  isAtStart = false;
  /** The newest event is included and new ones are appended. */
  isAtEnd = false;
  /** @type {HubError | null} */
  error = null;
  /** @type {'older' | 'newer' | 'newest' | null} */
  loading = null;
  #epoch = '';
  #firstEvents;
  #round = 0;
  #closed = false;
  /**
   * Events that arrived while the newest page was under way.
   * @type {Event[]}
   */
  #arrived = [];
  /** @type {Array<() => void>} */
  #ends = [];

  /**
   * @param {import('./client.js').HubClient} client
   * @param {string} channel
   * @param {number} [unread] so many are to be included in the first page, where possible
   */
  constructor(client, channel, unread = 0) {
    super();
    this.#firstEvents = Math.max(pageEvents, unread + 20);
    this.client = client;
    this.channel = channel;
    this.#ends.push(client.on('state', (state) => {
      this.#round += 1;
      this.loading = null;
      if (state.name === 'ready' && this.state !== 'ready') void this.loadNewest();
    }));
    this.#ends.push(client.outbox.on('change', (entry) => {
      if (entry.channel !== channel) return;
      if (entry.state === 'sent') this.#echoes.set(entry.key, entry);
      this.#change();
    }));
    this.#follow();
    void this.loadNewest();
  }
  /** Sent, but their event has not arrived: shown until it does.
   *  @type {Map<string, import('./outbox.js').OutboxEntry>} */
  #echoes = new Map();

  /** Messages on their way, oldest first, without those already among the events. */
  get outgoing() {
    const keys = new Set(this.events.slice(-windowEventsMax).map((event) => event.key));
    const unseen = (/** @type {import('./outbox.js').OutboxEntry} */ { key }) => !keys.has(key);
    return [...this.#echoes.values(), ...this.client.outbox.entries(this.channel)].filter(unseen);
  }

  get newestSequence() {
    return this.events.at(-1)?.sequence ?? 0;
  }

  close() {
    this.#closed = true;
    for (const end of this.#ends) end();
  }

  /** Loads the newest page, in place of what is there. */
  async loadNewest() {
    this.#arrived = [];
    await this.#load('newest', { before: 0, limit: this.#firstEvents }, (page) => {
      this.#epoch = page.epoch;
      this.events = page.events;
      this.isAtStart = !page.more;
      this.isAtEnd = true;
      this.state = 'ready';
      this.#append(this.#arrived.splice(0));
    });
  }

  /** Loads a page of older events, if there are any. */
  async loadOlder() {
    const first = this.events[0];
    if (this.isAtStart || !first || this.loading) return;
    await this.#load('older', { before: first.sequence }, (page) => {
      if (page.epoch !== this.#epoch) {
        void this.loadNewest();
        return;
      }
      this.events = [...page.events, ...this.events];
      this.isAtStart = !page.more;
      if (this.events.length > windowEventsMax) {
        this.events.length = windowEventsMax;
        this.isAtEnd = false;
      }
    });
  }

  /** Loads a page of newer events, where the window has been cut. */
  async loadNewer() {
    if (this.isAtEnd || this.loading) return;
    await this.#load('newer', { after: this.newestSequence }, (page) => {
      if (page.epoch !== this.#epoch) {
        void this.loadNewest();
        return;
      }
      this.isAtEnd = !page.more;
      this.#push(page.events);
    });
  }

  #follow() {
    const subscription = this.client.subscribe(this.channel);
    this.#ends.push(subscription.on('events', (events) => {
      if (this.loading === 'newest') this.#arrived.push(...events);
      if (this.state === 'ready' && this.loading !== 'newest') this.#append(events);
      this.#change();
    }));
    this.#ends.push(subscription.on('reset', () => void this.loadNewest()));
  }

  /**
   * Adds live events to a window that has its end.
   * @param {Event[]} events
   */
  #append(events) {
    for (const event of events) this.#echoes.delete(event.key);
    const fresh = events.filter((event) => event.sequence > this.newestSequence);
    if (!this.isAtEnd || fresh.length === 0) return;
    if (fresh[0].sequence === this.newestSequence + 1) {
      this.#push(fresh);
    } else {
      // The page and the subscription do not meet: read what lies between.
      this.isAtEnd = false;
      void this.loadNewer();
    }
  }

  /** @param {Event[]} events */
  #push(events) {
    for (const event of events) this.#echoes.delete(event.key);
    this.events = [...this.events, ...events];
    const excess = this.events.length - windowEventsMax;
    if (excess > 0) {
      this.events = this.events.slice(excess);
      this.isAtStart = false;
    }
  }

  /**
   * @param {'older' | 'newer' | 'newest'} what
   * @param {{before?: number, after?: number, limit?: number}} where
   * @param {(page: import('./types.js').HistoryPage) => void} take
   */
  async #load(what, where, take) {
    const round = ++this.#round;
    this.loading = what;
    this.error = null;
    this.#change();
    try {
      const page = await this.client.request('history', {
        channel: this.channel, ...where,
        limit: Math.min(this.client.pageEventsMax, where.limit ?? pageEvents),
      });
      if (round !== this.#round || this.#closed) return;
      this.loading = null;
      take(page);
    } catch (error) {
      if (round !== this.#round || this.#closed) return;
      this.loading = null;
      const failure = asHubError(error);
      // A lost connection is no failure of the log: it loads again when the client is ready.
      if (failure.slug !== 'connection_lost') {
        this.error = failure;
        if (this.state !== 'ready') this.state = 'failed';
      }
    }
    this.#change();
  }

  #change() {
    if (!this.#closed) this.emit('change', null);
  }
}
