// One channel's live events, in sequence, each once: across reconnects by position, across gaps
// by pages of history. Whatever order pushes, pages and reconnects come in, `events` never shows
// a hole.

import { asHubError } from './codes.js';
import { fullJitterMs } from './backoff.js';
import { Emitter } from './emitter.js';

/** @typedef {import('./types.js').Event} Event */
/** @typedef {import('./types.js').Position} Position */
/**
 * @typedef {object} SubscriptionEvents
 * @property {Event[]} events new ones, oldest first; each sequence is one above its predecessor's
 * @property {import('./types.js').BroadcastSent} broadcast somebody's, sent just now
 * @property {Position} reset what was delivered cannot be continued (the log was begun anew, or
 *   more
 *   was missed than is worth fetching); live events follow from this position, load history anew
 * @property {{code: number, slug: string}} ended the hub ended it for good
 * @property {SubscriptionState} state
 */
/**
 * pending: not (or not again) acknowledged by the hub; live; ended: no more events.
 * @typedef {'pending' | 'live' | 'ended'} SubscriptionState
 */

/** Most events fetched to close a gap; beyond that `reset` is cheaper for everybody. */
export const fillEventsMax = 5_000;

/** @extends {Emitter<SubscriptionEvents>} */
export class Subscription extends Emitter {
  /** @type {SubscriptionState} */
  state = 'pending';
  /** The position behind which the next event is delivered; unknown before the first reply.
   *  @type {Position | null} */
  position;
  /** Something has been delivered since this connection began. */
  hasMoved = false;
  /**
   * Events that came early: behind a hole.
   * @type {Map<number, Event>}
   */
  #early = new Map();
  /** Events up to here exist but are not pushed: pages bring them. */
  #gapTo = 0;
  /** The next reply's position replaces one that was given up. */
  #resets = false;
  #filling = false;
  #failures = 0;
  /** Counts subscribe commands, so that answers to older ones are ignored. */
  #round = 0;

  /**
   * @param {import('./client.js').HubClient} client
   * @param {string} channel
   * @param {Position | null} after
   */
  constructor(client, channel, after) {
    super();
    this.client = client;
    this.channel = channel;
    this.position = after;
  }

  /** Ends it, here and at the hub. */
  unsubscribe() {
    if (this.state === 'ended') return;
    this.#become('ended');
    this.client.forget(this);
    if (this.client.state.name === 'ready') {
      this.client.request('unsubscribe', { channel: this.channel }).catch(() => {});
    }
  }

  /** Called by the client whenever a connection is ready. */
  begin() {
    if (this.state === 'ended') return;
    const round = ++this.#round;
    this.#filling = false;
    this.hasMoved = false;
    this.#early.clear();
    this.#become('pending');
    const body = this.position
      ? { channel: this.channel, after: this.position }
      : { channel: this.channel };
    this.client.request('subscribe', body, {
      onReply: (reply) => void (round === this.#round && this.#subscribed(reply)),
    }).catch((error) => void (round === this.#round && this.#refused(asHubError(error))));
  }

  /** Called by the client when the connection is gone. */
  suspend() {
    this.#round += 1;
    this.hasMoved = false;
    this.#filling = false;
    if (this.state === 'live') this.#become('pending');
  }

  /**
   * Called by the client.
   * @param {string} epoch
   * @param {Event[]} events
   */
  received(epoch, events) {
    // Before the reply nothing can be meant for this subscription but leftovers of an earlier one.
    if (this.state !== 'live' || !this.position) return;
    if (epoch !== this.position.epoch) return this.#beginAnew();
    for (const event of events) {
      if (event.sequence > this.position.sequence) this.#early.set(event.sequence, event);
    }
    this.#drain();
  }

  /**
   * Called by the client.
   * @param {import('./types.js').BroadcastSent} sent
   */
  broadcastReceived(sent) {
    if (this.state === 'live') this.emit('broadcast', sent);
  }

  /**
   * Called by the client.
   * @param {{code: number, slug: string}} why
   */
  endedByHub(why) {
    // Causes of the hub's side (400 and up) pass; the others (left, removed, forbidden) do not.
    if (why.code >= 400) {
      this.suspend();
      this.#beginLater(0);
    } else {
      this.#finish(why);
    }
  }

  /** @param {import('./types.js').Subscribed} reply */
  #subscribed({ from, head, gap }) {
    const had = this.position;
    const missed = gap ? gap.to - gap.from + 1 : 0;
    // A head before our position means that the hub's log was set back: as good as another epoch.
    const continues = had !== null && had.epoch === from.epoch && missed <= fillEventsMax
      && head.sequence >= had.sequence;
    const isReset = !continues && (had !== null || this.#resets);
    this.#failures = 0;
    this.#resets = false;
    if (!continues) this.position = from;
    this.#gapTo = continues ? Math.max(gap?.to ?? 0, from.sequence) : 0;
    this.#become('live');
    if (isReset) this.emit('reset', from);
    this.#drain();
  }

  /** Delivers what connects to the position; fetches what is missing before the rest. */
  #drain() {
    if (!this.position) return;
    const ready = [];
    let next = this.position.sequence + 1;
    for (let event; (event = this.#early.get(next)); next += 1) {
      this.#early.delete(next);
      ready.push(event);
    }
    this.position = { ...this.position, sequence: next - 1 };
    for (const sequence of this.#early.keys()) {
      if (sequence < next) this.#early.delete(sequence);
    }
    if (ready.length > 0) {
      this.hasMoved = true;
      this.emit('events', ready);
    }
    if (this.state === 'live' && (this.#early.size > 0 || this.#gapTo >= next)) void this.#fill();
  }

  /** Reads pages behind the position until no hole is left. */
  async #fill() {
    if (this.#filling || !this.position) return;
    this.#filling = true;
    const round = this.#round;
    const { epoch, sequence } = this.position;
    try {
      const page = await this.client.request('history', {
        channel: this.channel, after: sequence, limit: this.client.pageEventsMax,
      });
      if (round !== this.#round) return;
      this.#filling = false;
      if (page.epoch !== epoch) return this.#beginAnew();
      for (const event of page.events) {
        if (event.sequence > sequence) this.#early.set(event.sequence, event);
      }
      if (this.#early.has(this.position.sequence + 1)) {
        this.#failures = 0;
        this.#drain();
      } else if (this.#failures < 5) {
        this.#later(0, () => this.#drain());
      } else {
        this.#beginAnew(); // The hub does not have what it announced: say so instead of hiding it.
      }
    } catch (error) {
      if (round !== this.#round) return;
      this.#filling = false;
      const failure = asHubError(error);
      if (failure.slug === 'connection_lost') return; // begin() asks again from the position.
      if (!failure.retryable) return this.#finish(failure);
      this.#later(failure.retryAfterMs, () => this.#drain());
    }
  }

  /** Gives up the position; the next reply sets a new one, and `reset` tells. */
  #beginAnew() {
    this.position = null;
    this.#resets = true;
    this.begin();
  }

  /** @param {import('./codes.js').HubError} error */
  #refused(error) {
    if (error.slug === 'connection_lost' || error.slug === 'stopped') return;
    if (error.retryable || error.code >= 500) this.#beginLater(error.retryAfterMs);
    else this.#finish(error);
  }

  /** @param {number} atLeastMs */
  #beginLater(atLeastMs) {
    this.#later(atLeastMs, () => this.begin());
  }

  /** @param {number} atLeastMs @param {() => void} run */
  #later(atLeastMs, run) {
    const round = this.#round;
    const { environment } = this.client;
    const waitMs = atLeastMs + 100 + fullJitterMs(this.#failures++, environment.random);
    environment.after(() => {
      if (round === this.#round && this.client.state.name === 'ready') run();
    }, waitMs);
  }

  /** @param {{code: number, slug: string}} why */
  #finish({ code, slug }) {
    if (this.state === 'ended') return;
    this.#become('ended');
    this.client.forget(this);
    this.emit('ended', { code, slug });
  }

  /** @param {SubscriptionState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit('state', state);
  }
}
