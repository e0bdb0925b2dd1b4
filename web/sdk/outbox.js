// Messages and edits on their way: kept until the hub acknowledged or finally refused them, across
// lost connections and reloads. In order per channel, one at a time, each retry with its first key.

import { asHubError, HubError } from './codes.js';
import { fullJitterMs } from './backoff.js';
import { Emitter } from './emitter.js';

/** @typedef {import('./outbox-store.js').StoredEntry} StoredEntry */
/** @typedef {import('./types.js').Posted} Posted */
/**
 * pending: waits for a connection or its turn; sending; sent: durable at `posted`; failed:
 * refused for
 * good, until retried or discarded.
 * @typedef {'pending' | 'sending' | 'sent' | 'failed' | 'discarded'} OutboxState
 */
/**
 * @typedef {object} OutboxEntry
 * @property {string} key
 * @property {string} channel
 * @property {string} text
 * @property {number | null} target sequence of the message that it edits; null: a new message
 * @property {number} createdAtMs
 * @property {number} order
 * @property {OutboxState} state
 * @property {HubError | null} error why it failed or was put off
 * @property {Posted | null} posted
 */

/** @extends {Emitter<{change: OutboxEntry}>} */
export class Outbox extends Emitter {
  /**
   * In order of writing.
   * @type {Map<string, OutboxEntry>}
   */
  #entries = new Map();
  /**
   * Channels with a post under way or a wait for the next try.
   * @type {Set<string>}
   */
  #busy = new Set();
  #open = false;
  #closed = false;
  #order = 0;
  /** The latest time that was given to an entry: the clock may be set back, the order of writing may not. */
  #latestMs = 0;
  #hasClaimed = false;
  #failures = 0;

  /**
   * @param {object} options
   * @param {import('./environment.js').Environment} options.environment
   * @param {Promise<import('./outbox-store.js').OutboxStore>} options.store
   * @param {(entry: OutboxEntry) => Promise<Posted>} options.post
   */
  constructor({ environment, store, post }) {
    super();
    this.environment = environment;
    this.store = store;
    this.post = post;
  }

  /**
   * What is not sent yet, oldest first.
   * @param {string} channel
   * @returns {OutboxEntry[]}
   */
  entries(channel) {
    return [...this.#entries.values()].filter((entry) => entry.channel === channel);
  }

  /** @returns {number} what has not been sent, also what was refused */
  get keptCount() {
    return this.#entries.size;
  }

  /** @returns {number} messages that still have to be sent */
  get pendingCount() {
    return [...this.#entries.values()].filter((entry) => entry.state !== 'failed').length;
  }

  /**
   * Takes a message, or an edit of one; its state follows by `change`.
   * @param {string} channel
   * @param {string} text
   * @param {number | null} [target]
   * @returns {OutboxEntry}
   */
  add(channel, text, target = null) {
    // What was refused would hide the newer text.
    for (const { key, state, ...old } of target === null ? [] : this.entries(channel)) {
      if (old.target === target && state === 'failed') this.discard(key);
    }
    /** @type {OutboxEntry} */
    const entry = {
      key: this.environment.uniqueKey(), channel, text, target,
      createdAtMs: this.#stamp(), order: this.#order++, state: 'pending',
      error: null, posted: null,
    };
    this.#entries.set(entry.key, entry);
    this.emit('change', entry);
    this.#save(entry).finally(() => this.#pump(channel));
    return entry;
  }

  /**
   * Tries a failed one again, as the newest of its channel.
   * @param {string} key
   */
  retry(key) {
    const entry = this.#entries.get(key);
    if (!entry || entry.state !== 'failed') return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.createdAtMs = this.#stamp();
    entry.order = this.#order++;
    entry.error = null;
    this.#become(entry, 'pending');
    this.#save(entry).finally(() => this.#pump(entry.channel));
  }

  /**
   * Drops one that is not being sent.
   * @param {string} key
   */
  discard(key) {
    const entry = this.#entries.get(key);
    if (!entry || entry.state === 'sending') return;
    this.#drop(entry, 'discarded');
  }

  /** A connection is ready. */
  resume() {
    this.#open = true;
    this.#pumpAll();
    void this.#claim();
  }

  /** The connection is gone; what was under way stays and is asked again. */
  suspend() {
    this.#open = false;
  }

  /**
   * Stops for good.
   * @param {{forget: boolean}} options forget: also erase what is stored
   */
  async close({ forget }) {
    this.#open = false;
    this.#closed = true;
    const store = await this.store;
    if (forget) await store.clear().catch(() => {});
    store.close();
  }

  /** Entries that an earlier load or a closed tab left behind become ours. */
  async #claim() {
    const stored = await (await this.store).claim().catch(() => /** @type {StoredEntry[]} */ ([]));
    if (this.#closed) return;
    const written = this.#hasClaimed ? [] : [...this.#entries.values()];
    this.#hasClaimed = true;
    for (const { failure, ...kept } of stored) {
      if (this.#entries.has(kept.key)) continue;
      const error = failure ? new HubError({ slug: failure }) : null;
      /** @type {OutboxEntry} */
      const entry = {
        ...kept, target: kept.target ?? null, state: failure ? 'failed' : 'pending', error,
        posted: null,
      };
      this.#order = Math.max(this.#order, entry.order + 1);
      this.#latestMs = Math.max(this.#latestMs, entry.createdAtMs);
      this.#entries.set(entry.key, entry);
      this.emit('change', entry);
    }
    if (stored.length > 0) {
      this.#follow(written);
      this.#sort();
    }
    this.#pumpAll();
  }

  /** Not before anything written earlier, here or in an earlier load. */
  #stamp() {
    this.#latestMs = Math.max(this.#latestMs, this.environment.now());
    return this.#latestMs;
  }

  /**
   * What was written since the page was loaded comes after what earlier loads left, also when the
   * clock was set back in between.
   * @param {OutboxEntry[]} written
   */
  #follow(written) {
    for (const entry of written) {
      if (entry.createdAtMs >= this.#latestMs) continue;
      entry.createdAtMs = this.#latestMs;
      entry.order = this.#order++;
      void this.#save(entry);
    }
  }

  #sort() {
    this.#entries = new Map([...this.#entries].sort(([, a], [, b]) =>
      a.createdAtMs - b.createdAtMs || a.order - b.order));
  }

  #pumpAll() {
    for (const channel of new Set([...this.#entries.values()].map((entry) => entry.channel))) {
      this.#pump(channel);
    }
  }

  /**
   * Sends the channel's oldest pending message, if it may.
   * @param {string} channel
   */
  #pump(channel) {
    if (!this.#open || this.#busy.has(channel)) return;
    const entry = this.entries(channel).find(({ state }) => state === 'pending');
    if (!entry) return;
    this.#busy.add(channel);
    void this.#send(entry);
  }

  /** @param {OutboxEntry} entry */
  async #send(entry) {
    this.#become(entry, 'sending');
    try {
      entry.posted = await this.post(entry);
      this.#failures = 0;
      this.#drop(entry, 'sent');
      this.#next(entry.channel, 0);
    } catch (error) {
      this.#refused(entry, asHubError(error));
    }
  }

  /** @param {OutboxEntry} entry @param {HubError} error */
  #refused(entry, error) {
    entry.error = error;
    // Whether an unanswered post was carried out is unknown: asking again with the same key
    // tells. A token that ended is renewed by the connection.
    if (error.retryable || error.slug === 'token_expired') {
      this.#become(entry, 'pending');
      const isLink = error.slug === 'connection_lost';
      const waitMs = isLink ? 0
        : error.retryAfterMs + 250 + fullJitterMs(this.#failures++, this.environment.random);
      this.#next(entry.channel, waitMs);
    } else {
      this.#become(entry, 'failed');
      void this.#save(entry);
      this.#next(entry.channel, 0);
    }
  }

  /** @param {string} channel @param {number} waitMs */
  #next(channel, waitMs) {
    const proceed = () => {
      this.#busy.delete(channel);
      this.#pump(channel);
    };
    if (waitMs > 0) this.environment.after(proceed, waitMs);
    else proceed();
  }

  /** @param {OutboxEntry} entry @param {OutboxState} state */
  #become(entry, state) {
    entry.state = state;
    this.emit('change', entry);
  }

  /** @param {OutboxEntry} entry @param {'sent' | 'discarded'} state */
  #drop(entry, state) {
    this.#entries.delete(entry.key);
    this.store.then((store) => store.remove(entry.key)).catch(() => {});
    this.#become(entry, state);
  }

  /** A store that fails costs the message its survival of a reload, not its sending.
   *  @param {OutboxEntry} entry @returns {Promise<void>} */
  async #save({ key, channel, text, target, createdAtMs, order, state, error }) {
    const failure = state === 'failed' ? error?.slug ?? 'refused' : null;
    const store = await this.store;
    await store.put({ key, channel, text, target, createdAtMs, order, failure }).catch(() => {});
  }
}
