// What a chat shows of an organisation, kept current: channels with unread counts, people,
// presence, typing. It subscribes to every joined channel, so that counts and open views agree.

import { lookedUpMax } from './account.js';
import { asHubError } from './codes.js';
import { fullJitterMs } from './backoff.js';
import { Emitter } from './emitter.js';
import { Typing } from './typing.js';
import { Unread } from './unread.js';

/** @typedef {import('./types.js').ChannelSummary} ChannelSummary */
/** @typedef {import('./types.js').Person} Person */
/** @typedef {import('./types.js').PresenceState} PresenceState */
/** @typedef {import('./types.js').Event} Event */
/**
 * @typedef {object} WorkspaceEvents
 * @property {null} loaded the lists are complete (again)
 * @property {import('./codes.js').HubError} failed the lists cannot be had
 * @property {ChannelSummary | null} channels one changed, or several
 * @property {string} removed a channel that is no longer ours to see
 * @property {null} people
 * @property {null} expelled the own account is no longer in the organisation
 * @property {null} presence
 * @property {string} typing channel
 * @property {{channel: ChannelSummary, event: Event}} message a live message of somebody else
 */

/** Names that are missing are looked up together. */
const nameDelayMs = 50;
const nameRetryMs = 5_000;

/** @extends {Emitter<WorkspaceEvents>} */
export class Workspace extends Emitter {
  /** @type {Map<string, ChannelSummary>} */
  channels = new Map();
  /** @type {Map<string, Person>} */
  people = new Map();
  isLoaded = false;
  account = '';
  /** @type {Map<string, PresenceState>} */
  #presence = new Map();
  /** @type {PresenceState} */
  #own = 'ONLINE';
  #lookingUpPeople = false;

  /**
   * People who left, as far as somebody asked for them; null: looked up in vain.
   * @type {Map<string, {account: string, first_name: string, last_name: string} | null>}
   */
  #former = new Map();
  /** Of whom the names are to be looked up. @type {Set<string>} */
  #unnamed = new Set();
  /** @type {any} */
  #naming = null;
  /**
   * By channel: larger where something happened later.
   * @type {Map<string, number>}
   */
  #activity = new Map();

  /**
   * @param {import('./client.js').HubClient} client
   * @param {object} [options]
   * @param {(accounts: string[]) => Promise<import('./account.js').Colleague[]>}
   *   [options.lookUpPeople] names of people who left, such as HubAccount's; absent: they stay unknown
   */
  constructor(client, options) {
    super();
    this.client = client;
    this.lookUpPeople = options?.lookUpPeople;
    this.typing = new Typing(client, (channel) => this.emit('typing', channel));
    this.unreadMessages = new Unread(client, (channel) => this.emit('channels', channel));
    client.on('state', (state) => {
      if (state.name === 'ready') this.#ready(state.welcome);
      else this.#unready();
    });
    client.on('push', ({ name, body }) => this.#pushed(name, body));
  }

  /** @param {string} account @returns {PresenceState} */
  presence(account) {
    return this.#presence.get(account) ?? 'OFFLINE';
  }

  /**
   * Somebody who is or was in the organisation. Who left is looked up, and `people` tells when the name
   * is there.
   * @param {string} account
   * @returns {{account: string, first_name: string, last_name: string} | undefined}
   */
  person(account) {
    const person = this.people.get(account) ?? this.#former.get(account);
    if (person === undefined && this.isLoaded && this.lookUpPeople) {
      this.#unnamed.add(account);
      if (this.#naming === null) {
        this.#naming = this.client.environment.after(() => void this.#nameThem(), nameDelayMs);
      }
    }
    return person ?? undefined;
  }

  async #nameThem() {
    const wanted = [...this.#unnamed].slice(0, lookedUpMax);
    for (const account of wanted) this.#unnamed.delete(account);
    let waitMs = nameDelayMs;
    try {
      const found = await this.lookUpPeople?.(wanted) ?? [];
      for (const account of wanted) this.#former.set(account, null);
      for (const person of found) this.#former.set(person.account, person);
      this.emit('people', null);
    } catch (error) {
      // A hub that is away for a moment; whoever is still shown is asked for again.
      if (!asHubError(error).retryable) for (const one of wanted) this.#former.set(one, null);
      else for (const one of wanted) this.#unnamed.add(one);
      waitMs = nameRetryMs;
    }
    this.#naming = this.#unnamed.size === 0 ? null
      : this.client.environment.after(() => void this.#nameThem(), waitMs);
  }

  /**
   * For ordering: larger where something was written later, since this client is here; 0: nothing was.
   * @param {string} channel
   * @returns {number}
   */
  activity(channel) {
    return this.#activity.get(channel) ?? 0;
  }

  /**
   * Messages of others above the read marker; where there are very many, events.
   * @param {ChannelSummary} channel
   * @returns {number}
   */
  unread(channel) {
    return this.unreadMessages.count(channel);
  }

  /**
   * Where what is not read begins.
   * @param {ChannelSummary} channel
   * @returns {number} the sequence of the first; 0: not known, or none is unread
   */
  firstUnread(channel) {
    return this.unreadMessages.first(channel);
  }

  /**
   * This session's presence; told again after each reconnection.
   * @param {'ONLINE' | 'AWAY'} state
   */
  setPresence(state) {
    if (this.#own === state) return;
    this.#own = state;
    this.client.request('presence', { state }).catch(() => {});
  }

  /**
   * Everything up to here has been seen.
   * @param {string} id
   * @param {number} sequence
   */
  markRead(id, sequence) {
    const channel = this.channels.get(id);
    if (channel) this.unreadMessages.mark(channel, sequence);
  }

  /** @param {string} id @returns {Promise<ChannelSummary>} */
  async join(id) {
    return this.#enter((await this.client.request('join', { channel: id })).channel);
  }

  /**
   * @param {{name: string, topic: string, kind: 'OPEN' | 'CLOSED'}} channel
   * @returns {Promise<ChannelSummary>}
   */
  async create(channel) {
    return this.#enter((await this.client.request('create_channel', channel)).channel);
  }

  /**
   * Who comes in did not miss what was said before.
   * @param {ChannelSummary} summary
   * @returns {ChannelSummary}
   */
  #enter(summary) {
    const channel = this.#take(summary);
    this.unreadMessages.mark(channel, channel.head.sequence);
    return channel;
  }

  /** @param {string} account @returns {Promise<ChannelSummary>} */
  async openDirect(account) {
    return this.#take((await this.client.request('open_direct', { account })).channel);
  }

  /** @param {string} id */
  async leave(id) {
    await this.client.request('leave', { channel: id });
    const channel = this.channels.get(id);
    if (channel?.kind === 'OPEN') this.#take({ ...channel, joined: false });
    else this.#remove(id);
  }

  /** Asks for the lists, until they are there or the hub refuses them for good. */
  load() {
    const round = ++this.#round;
    const { client } = this;
    let isFirst = true;
    const presence = client.list('watch_presence', { active: true }, ({ present }) => {
      if (isFirst) this.#presence.clear();
      isFirst = false;
      for (const { account, state } of present) this.#presence.set(account, state);
      this.emit('presence', null);
    });
    const channels = this.#loadChannels();
    Promise.all([presence, this.#loadPeople(), channels]).then(() => {
      this.isLoaded = true;
      this.#failures = 0;
      this.emit('loaded', null);
      this.unreadMessages.say();
    }, (error) => {
      const failure = asHubError(error);
      if (round !== this.#round || failure.slug === 'connection_lost') return;
      if (!failure.retryable) {
        this.emit('failed', failure);
        return;
      }
      const { after, random } = client.environment;
      after(() => void (round === this.#round && this.load()),
        failure.retryAfterMs + 500 + fullJitterMs(this.#failures++, random));
    });
  }
  /** Counts the askings, so that answers to older ones start nothing. */
  #round = 0;
  #failures = 0;

  /** @param {import('./types.js').Welcome} welcome */
  #ready({ account }) {
    this.account = account;
    if (this.#own !== 'ONLINE') {
      this.client.request('presence', { state: this.#own }).catch(() => {});
    }
    this.load();
  }

  #unready() {
    this.#round += 1;
    this.#presence.clear();
    this.typing.clear();
    this.emit('presence', null);
  }

  async #loadPeople() {
    await this.#telling(this.#toldPeople, async (told) => {
      await this.client.list('list_people', {}, ({ people }) => {
        for (const person of people) this.#know(person);
        this.emit('people', null);
      });
      for (const account of [...this.people.keys()]) {
        if (!told.has(account)) this.people.delete(account);
      }
    });
    this.emit('people', null);
  }

  async #loadChannels() {
    await this.#telling(this.#toldChannels, async (told) => {
      await this.client.list('list_channels', {}, ({ channels }) => {
        for (const summary of channels) this.#take(summary);
      });
      for (const id of [...this.channels.keys()]) if (!told.has(id)) this.#remove(id);
    });
    this.emit('channels', null);
  }

  /**
   * While a list is read, what a page or a push tells of is noted: what is in neither is no more.
   * @param {Set<Set<string>>} listings
   * @param {(told: Set<string>) => Promise<void>} read
   */
  async #telling(listings, read) {
    /** @type {Set<string>} */
    const told = new Set();
    listings.add(told);
    try {
      await read(told);
    } finally {
      listings.delete(told);
    }
  }
  /** @type {Set<Set<string>>} */
  #toldPeople = new Set();
  /** @type {Set<Set<string>>} */
  #toldChannels = new Set();

  /** @param {Person} person */
  #know(person) {
    for (const told of this.#toldPeople) told.add(person.account);
    this.people.set(person.account, person);
  }

  /**
   * Takes the hub's word for a channel.
   * @param {ChannelSummary} summary
   * @returns {ChannelSummary}
   */
  #take(summary) {
    for (const told of this.#toldChannels) told.add(summary.id);
    const known = this.channels.get(summary.id);
    const isSameLog = known?.head.epoch === summary.head.epoch;
    const read = isSameLog ? Math.max(summary.read, known.read) : summary.read;
    const isAhead = isSameLog && known.head.sequence > summary.head.sequence;
    const head = isAhead ? known.head : summary.head;
    const channel = Object.assign(known ?? {}, { ...summary, read, head });
    this.channels.set(channel.id, channel);
    if (channel.joined) {
      this.#follow(channel);
      void this.unreadMessages.lookUp(channel, this.account);
    } else if (this.#followed.has(channel.id)) {
      this.client.subscribe(channel.id).unsubscribe();
    }
    this.emit('channels', channel);
    return channel;
  }

  /** @param {string} id */
  #remove(id) {
    if (!this.channels.delete(id)) return;
    this.unreadMessages.forget(id);
    this.client.subscribe(id).unsubscribe();
    this.emit('removed', id);
  }

  /**
   * Counts what arrives in a joined channel from its present head on.
   * @param {ChannelSummary} channel
   */
  #follow(channel) {
    if (this.#followed.has(channel.id)) return;
    this.#followed.add(channel.id);
    const subscription = this.client.subscribe(channel.id, channel.head);
    subscription.on('events', (events) => {
      for (const event of events) this.#arrived(channel, subscription.position?.epoch ?? '', event);
      this.emit('channels', channel);
    });
    subscription.on('reset', (position) => {
      channel.head = position;
      channel.read = Math.min(channel.read, position.sequence);
      this.unreadMessages.forget(channel.id);
      void this.unreadMessages.lookUp(channel, this.account);
      this.emit('channels', channel);
    });
    subscription.on('state', (state) => {
      if (state === 'ended') this.#followed.delete(channel.id);
    });
  }
  /** @type {Set<string>} */
  #followed = new Set();

  /** @param {ChannelSummary} channel @param {string} epoch @param {Event} event */
  #arrived(channel, epoch, event) {
    channel.head = { epoch, sequence: event.sequence };
    this.#activity.delete(channel.id);
    this.#activity.set(channel.id, 1 + Math.max(0, ...this.#activity.values()));
    const isOwn = event.sender === this.account;
    const isMessage = event.kind === 'MESSAGE';
    if (isMessage) this.typing.changed(channel.id, event.sender, false);
    const isKnown = this.people.has(event.sender) || this.#former.has(event.sender);
    if (event.kind !== 'DAMAGED' && !isKnown) this.#lookUpPeople();
    this.unreadMessages.arrived(channel.id, event, this.account);
    // An own message is read; what others wrote above it may not be.
    if (isOwn && this.unread(channel) === 0) this.markRead(channel.id, event.sequence);
    if (isMessage && !isOwn) this.emit('message', { channel, event });
  }

  /** Somebody new speaks before the hub announced them. */
  #lookUpPeople() {
    if (this.#lookingUpPeople) return;
    this.#lookingUpPeople = true;
    const done = () => void (this.#lookingUpPeople = false);
    this.#loadPeople().then(done, done);
  }

  /** @param {string} name @param {any} body */
  #pushed(name, body) {
    switch (name) {
      case 'presence':
        for (const { account, state } of body.changes) {
          if (state === 'OFFLINE') this.#presence.delete(account);
          else this.#presence.set(account, state);
        }
        this.emit('presence', null);
        break;
      case 'typing':
        if (body.account !== this.account) {
          this.typing.changed(body.channel, body.account, body.active);
        }
        break;
      case 'channel_added':
        this.#take(body.channel);
        break;
      case 'channel_removed':
        this.#remove(body.channel);
        break;
      case 'read_marker': {
        const channel = this.channels.get(body.channel);
        if (!channel || body.sequence <= channel.read) break;
        channel.read = body.sequence;
        this.emit('channels', channel);
        break;
      }
      case 'person_changed':
        this.#know(body.person);
        this.#former.delete(body.person.account);
        this.emit('people', null);
        break;
      case 'person_removed':
        this.#former.set(body.account, this.people.get(body.account) ?? null);
        this.people.delete(body.account);
        this.emit('people', null);
        if (body.account === this.account) this.emit('expelled', null);
        break;
      default: // A push newer than this client.
    }
  }
}
