// Unread messages and read markers. The hub counts events; people count messages of others. For
// channels with few unread events the difference is looked up once and then kept by what arrives.

import { asHubError } from './codes.js';

/** @typedef {import('./types.js').ChannelSummary} ChannelSummary */
/** @typedef {import('./types.js').Event} Event */

/** Beyond this many the exact number matters to nobody: one page of history. */
const exactMax = 200;
/** Markers are told together; a later one replaces an earlier. */
const sayDelayMs = 300;

export class Unread {
  /**
   * Sequences of others' messages that are not read; no entry: not known.
   * @type {Map<string, number[]>}
   */
  #known = new Map();
  /**
   * Messages that came while being looked up.
   * @type {Map<string, number[]>}
   */
  #asked = new Map();
  /**
   * Markers that the hub has not confirmed.
   * @type {Map<string, number>}
   */
  #unsaid = new Map();
  /** @type {any} */
  #timer = null;

  /**
   * @param {import('./client.js').HubClient} client
   * @param {(channel: ChannelSummary) => void} onChange
   */
  constructor(client, onChange) {
    this.client = client;
    this.onChange = onChange;
  }

  /** @param {ChannelSummary} channel @returns {number} */
  count({ id, joined, head, read }) {
    if (!joined || head.sequence <= read) return 0;
    const known = this.#known.get(id);
    return known ? known.filter((sequence) => sequence > read).length : head.sequence - read;
  }

  /**
   * Looks up which unread events count, where that is not known yet.
   * @param {ChannelSummary} channel
   * @param {string} self own account
   */
  async lookUp(channel, self) {
    const { id, head, read } = channel;
    if (this.#known.has(id) || this.#asked.has(id)) return;
    if (head.sequence <= read) this.#known.set(id, []);
    if (head.sequence <= read || head.sequence - read > exactMax) return;
    /** @type {number[]} */
    const late = [];
    this.#asked.set(id, late);
    try {
      const page = await this.client.request('history', {
        channel: id, after: read, limit: this.client.pageEventsMax,
      });
      if (page.epoch !== channel.head.epoch || page.more) return;
      const found = page.events.filter((event) => counts(event, self))
        .map(({ sequence }) => sequence);
      const last = page.events.at(-1)?.sequence ?? read;
      this.#known.set(id, [...found, ...late.filter((sequence) => sequence > last)]);
      this.onChange(channel);
    } catch {
      // The number of events stands in until the next connection asks again.
    } finally {
      this.#asked.delete(id);
    }
  }

  /** @param {string} id @param {Event} event @param {string} self */
  arrived(id, event, self) {
    if (!counts(event, self)) return;
    this.#asked.get(id)?.push(event.sequence);
    const known = this.#known.get(id);
    // The page may have run ahead of the subscription.
    if (!known || known.includes(event.sequence)) return;
    known.push(event.sequence);
    if (known.length > exactMax) known.shift();
  }

  /** @param {string} id */
  forget(id) {
    this.#known.delete(id);
    this.#unsaid.delete(id);
  }

  /**
   * Moves the read marker forward, at the hub too as soon as it can be reached.
   * @param {ChannelSummary} channel
   * @param {number} sequence
   */
  mark(channel, sequence) {
    if (!channel.joined || sequence <= channel.read) return;
    channel.read = sequence;
    const known = this.#known.get(channel.id);
    if (known) this.#known.set(channel.id, known.filter((unread) => unread > sequence));
    else if (sequence >= channel.head.sequence) this.#known.set(channel.id, []);
    this.#unsaid.set(channel.id, sequence);
    if (this.#timer === null) {
      this.#timer = this.client.environment.after(() => this.say(), sayDelayMs);
    }
    this.onChange(channel);
  }

  /** Tells the hub what it has not confirmed. */
  say() {
    this.client.environment.cancel(this.#timer);
    this.#timer = null;
    for (const [channel, sequence] of [...this.#unsaid]) {
      this.client.request('mark_read', { channel, sequence }).then(() => {
        if (this.#unsaid.get(channel) === sequence) this.#unsaid.delete(channel);
      }, (error) => {
        if (!asHubError(error).retryable) this.#unsaid.delete(channel);
      });
    }
  }
}

/** @param {Event} event @param {string} self @returns {boolean} */
function counts({ kind, sender }, self) {
  return kind === 'MESSAGE' && sender !== self;
}
