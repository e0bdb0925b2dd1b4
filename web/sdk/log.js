// A window into a channel's log for showing it: a contiguous stretch of events that grows at both
// ends and is cut at the far one, live while it includes the newest, with the messages still on
// their way. Edits are not among the events: each message has the text of its newest edit,
// whichever of the two came first.

import { asHubError } from './codes.js';
import { Emitter } from './emitter.js';

/** @typedef {import('./types.js').Event} Event */
/** @typedef {import('./codes.js').HubError} HubError */
/** @typedef {import('./outbox.js').OutboxEntry} OutboxEntry */
/**
 * A message with its newest text, and the edit that this is from.
 * @typedef {Event & {edit?: Event}} ShownEvent
 */
/**
 * loading: no events yet; ready; failed: nothing could be loaded (see `error`).
 * @typedef {'loading' | 'ready' | 'failed'} LogState
 */

/** Events kept at once. More: longer scrolling without the hub, more memory and slower drawing. */
export const windowEventsMax = 300;
/** Messages whose newest edit is remembered, in the window and around it. */
export const editedMax = 1_000;
const pageEvents = 60;

/** @extends {Emitter<{change: null}>} */
export class ChannelLog extends Emitter {
  /** @type {LogState} */
  state = 'loading';
  /**
   * Oldest first and, but for edits, contiguous.
   * @type {ShownEvent[]}
   */
  events = [];
  /** The newest event up to which the window goes, shown or not. */
  newestSequence = 0;
  /** Nothing older exists. */
  isAtStart = false;
  /** The newest event is included and new ones are appended. */
  isAtEnd = false;
  /** @type {HubError | null} */
  error = null;
  /** @type {'older' | 'newer' | 'newest' | null} */
  loading = null;
  #epoch = '';
  /** The oldest event of the window, shown or not; 0: it is empty. */
  #oldestSequence = 0;
  /** The newest event that was ever here, in the window or above it. */
  #seenSequence = 0;
  /**
   * The newest edit of each message, by the message's sequence.
   * @type {Map<number, Event>}
   */
  #edits = new Map();
  #firstEvents;
  /**
   * Behind what the first page begins when it cannot reach from the newest to there.
   * @type {number | null}
   */
  #firstAfter = null;
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
   * @param {{read: number, head: number}} [place] what is read and what is there, as sequences: the
   *   first window has what follows the one, and reaches to the other where one page has room
   */
  constructor(client, channel, place) {
    super();
    const { read, head } = place ?? { read: 0, head: 0 };
    const unread = Math.max(0, head - read);
    this.#firstEvents = Math.max(pageEvents, unread + 20);
    if (place && this.#firstEvents > client.pageEventsMax) this.#firstAfter = read;
    this.client = client;
    this.channel = channel;
    this.#ends.push(client.on('state', (state) => {
      this.#round += 1;
      this.loading = null;
      if (state.name === 'ready' && this.state !== 'ready') void this.#loadFirst();
    }));
    this.#ends.push(client.outbox.on('change', (entry) => {
      if (entry.channel !== channel) return;
      const at = entry.posted?.position.sequence ?? 0;
      if (entry.state === 'sent' && at > this.#seenSequence) this.#echoes.set(entry.key, entry);
      this.#change();
    }));
    this.#follow();
    void this.#loadFirst();
  }
  /** Sent, but their event has not arrived: shown until it does.
   *  @type {Map<string, OutboxEntry>} */
  #echoes = new Map();

  /** Messages on their way, oldest first, without those already among the events. */
  get outgoing() {
    const keys = new Set(this.events.map((event) => event.key));
    return this.#unsettled.filter(({ key, target }) => target === null && !keys.has(key));
  }

  /**
   * The newest own edit of each message that is on its way or was refused, by the message's
   * sequence.
   * @returns {Map<number, OutboxEntry>}
   */
  get outgoingEdits() {
    /** @type {Map<number, OutboxEntry>} */
    const edits = new Map();
    for (const entry of this.#unsettled) {
      const { target, key } = entry;
      if (target !== null && this.#edits.get(target)?.key !== key) edits.set(target, entry);
    }
    return edits;
  }

  get #unsettled() {
    return [...this.#echoes.values(), ...this.client.outbox.entries(this.channel)];
  }

  /** The oldest event down to which the window goes, shown or not; 0: it is empty. */
  get oldestSequence() {
    return this.#oldestSequence;
  }

  close() {
    this.#closed = true;
    for (const end of this.#ends) end();
  }

  /** Loads the newest page, in place of what is there. */
  async loadNewest() {
    this.#arrived = [];
    await this.#load('newest', { before: 0, limit: this.#firstEvents }, (page) => {
      if (page.epoch !== this.#epoch) this.#beginAnew(page.epoch);
      this.events = [];
      this.newestSequence = this.#oldestSequence = 0;
      this.isAtStart = !page.more;
      this.isAtEnd = true;
      this.state = 'ready';
      this.#push(page.events);
      this.#append(this.#arrived.splice(0));
    });
  }

  #loadFirst() {
    return this.#firstAfter === null ? this.loadNewest() : this.loadBehind(this.#firstAfter);
  }

  /**
   * Loads the page behind a sequence, in place of what is there.
   * @param {number} sequence
   */
  async loadBehind(sequence) {
    this.#arrived = [];
    await this.#load('newest', { after: sequence }, (page) => {
      const isOther = this.#epoch !== '' && page.epoch !== this.#epoch;
      if (isOther || page.events.length === 0) {
        void this.loadNewest();
        return;
      }
      if (page.epoch !== this.#epoch) this.#beginAnew(page.epoch);
      this.events = [];
      this.newestSequence = this.#oldestSequence = 0;
      this.isAtStart = sequence === 0;
      this.isAtEnd = !page.more;
      this.state = 'ready';
      this.#push(page.events);
      this.#append(this.#arrived.splice(0));
    });
  }

  /** Loads a page of older events, if there are any. */
  async loadOlder() {
    const before = this.#oldestSequence;
    if (this.isAtStart || before === 0 || this.loading) return;
    await this.#load('older', { before }, (page) => {
      if (page.epoch !== this.#epoch) {
        void this.loadNewest();
        return;
      }
      this.#oldestSequence = page.events[0]?.sequence ?? before;
      this.events = [...this.#shown(page.events), ...this.events];
      this.isAtStart = !page.more;
      if (this.events.length > windowEventsMax) {
        this.events.length = windowEventsMax;
        this.newestSequence = this.events[windowEventsMax - 1].sequence;
        this.isAtEnd = false;
      }
      this.#applyEdits();
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

  /** @param {string} epoch */
  #beginAnew(epoch) {
    this.#epoch = epoch;
    this.#seenSequence = 0;
    this.#edits.clear();
    this.#echoes.clear();
  }

  /**
   * Adds live events to a window that has its end; their edits are of use to any.
   * @param {Event[]} events
   */
  #append(events) {
    this.#shown(events);
    this.#applyEdits();
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
    if (events.length === 0) return;
    this.newestSequence = events[events.length - 1].sequence;
    this.#oldestSequence ||= events[0].sequence;
    this.events = [...this.events, ...this.#shown(events)];
    const excess = this.events.length - windowEventsMax;
    if (excess > 0) {
      this.events = this.events.slice(excess);
      this.#oldestSequence = this.events[0].sequence;
      this.isAtStart = false;
    }
    this.#applyEdits();
  }

  /**
   * Remembers edits, and what need not be shown as sent any more; returns the other events.
   * @param {Event[]} events
   * @returns {Event[]}
   */
  #shown(events) {
    for (const event of events) {
      this.#echoes.delete(event.key);
      this.#seenSequence = Math.max(this.#seenSequence, event.sequence);
      const { kind, target } = event;
      if (kind !== 'EDITED' || target === undefined) continue;
      const known = this.#edits.get(target);
      if (!known || known.sequence < event.sequence) this.#edits.set(target, event);
    }
    return events.filter(({ kind }) => kind !== 'EDITED');
  }

  #applyEdits() {
    this.events = this.events.map((event) => {
      const edit = this.#edits.get(event.sequence);
      return edit ? { ...event, text: edit.text, edit } : event;
    });
    if (this.#edits.size <= editedMax) return;
    // What is farthest from the window goes; a message that is come back to has its first text
    // until the page with its edit is there.
    const distance = (/** @type {number} */ target) =>
      Math.max(this.#oldestSequence - target, target - this.newestSequence);
    const kept = [...this.#edits].sort(([a], [b]) => distance(a) - distance(b)).slice(0, editedMax);
    this.#edits = new Map(kept);
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
