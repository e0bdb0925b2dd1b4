// Unread messages and read markers. The hub counts events; people count messages of others. For
// channels with few unread events the difference is looked up once and then kept by what arrives.

import { asHubError } from './codes.js';

/** @typedef {import('./types.js').ChannelSummary} ChannelSummary */
/** @typedef {import('./types.js').Event} Event */

/** With more unread events than this nobody looks up which of them count: one page of history. */
const lookUpMax = 200;
/** Unread messages of a channel that are known one by one; of those below only the number is. */
const listedMax = 1_000;
/** So long after a marker was told, those of this time are told together; a later one replaces an
 *  earlier. The first goes out at once, for the page may be left at any moment. */
const sayDelayMs = 300;

export class Unread {
  /**
   * Sequences of what others wrote and is not read, and how many more lie below them; no entry: not
   * known.
   * @type {Map<string, {listed: number[], below: number}>}
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
  /**
   * Markers that were told last, confirmed or not.
   * @type {Map<string, number>}
   */
  #told = new Map();
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
    if (!known) return head.sequence - read;
    return known.listed.filter((sequence) => sequence > read).length + this.#below(known, read);
  }

  /**
   * The first that counts, as far as it is known.
   * @param {ChannelSummary} channel
   * @returns {number} its sequence; 0: not known
   */
  first({ id, read }) {
    const known = this.#known.get(id);
    if (!known || this.#below(known, read) > 0) return 0;
    return known.listed.find((sequence) => sequence > read) ?? 0;
  }

  /**
   * How many of those that are not listed can be unread.
   * @param {{listed: number[], below: number}} known
   * @param {number} read
   */
  #below({ listed, below }, read) {
    return below === 0 ? 0 : Math.max(0, Math.min(below, (listed[0] ?? 0) - 1 - read));
  }

  /**
   * Looks up which unread events count, where that is not known yet.
   * @param {ChannelSummary} channel
   * @param {string} self own account
   */
  async lookUp(channel, self) {
    const { id, head, read } = channel;
    if (this.#known.has(id) || this.#asked.has(id)) return;
    if (head.sequence <= read) this.#known.set(id, { listed: [], below: 0 });
    if (head.sequence <= read || head.sequence - read > lookUpMax) return;
    /** @type {number[]} */
    const late = [];
    this.#asked.set(id, late);
    try {
      /** @type {number[]} */
      const found = [];
      let last = read;
      for (let more = true; more;) {
        const page = await this.client.request('history', {
          channel: id, after: last, limit: this.client.pageEventsMax,
        });
        // Meanwhile there may be so many that nobody looks up which of them count.
        if (page.epoch !== channel.head.epoch || last - read > lookUpMax) return;
        for (const event of page.events) if (counts(event, self)) found.push(event.sequence);
        more = page.more && page.events.length > 0;
        last = page.events.at(-1)?.sequence ?? last;
      }
      const listed = [...found, ...late.filter((sequence) => sequence > last)];
      this.#known.set(id, { listed, below: 0 });
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
    if (!known || known.listed.includes(event.sequence)) return;
    known.listed.push(event.sequence);
    if (known.listed.length <= listedMax) return;
    known.listed.shift();
    known.below += 1;
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
    if (known) {
      known.below = this.#below(known, sequence);
      known.listed = known.listed.filter((unread) => unread > sequence);
    } else if (sequence >= channel.head.sequence) {
      this.#known.set(channel.id, { listed: [], below: 0 });
    }
    this.#unsaid.set(channel.id, sequence);
    if (this.#timer === null) {
      this.say();
      this.#timer = this.client.environment.after(() => this.#sayLate(), sayDelayMs);
    }
    this.onChange(channel);
  }

  #sayLate() {
    this.#timer = null;
    this.#say([...this.#unsaid].filter(([channel, sequence]) =>
      this.#told.get(channel) !== sequence));
  }

  /** Tells the hub what it has not confirmed. */
  say() {
    this.#say([...this.#unsaid]);
  }

  /** @param {Array<[string, number]>} markers */
  #say(markers) {
    for (const [channel, sequence] of markers) {
      this.#told.set(channel, sequence);
      this.client.request('mark_read', { channel, sequence }).then(() => {
        if (this.#unsaid.get(channel) === sequence) this.#unsaid.delete(channel);
      }, (error) => {
        if (!asHubError(error).retryable) this.#unsaid.delete(channel);
      });
    }
  }
}

/** @param {Event} event @param {string} self @returns {boolean} */
function counts({ kind, sender, subject }, self) {
  if (sender === self) return false;
  // To be added to a channel by somebody is news, even where nothing is said.
  return kind === 'MESSAGE' || kind === 'JOINED' && subject === self;
}
