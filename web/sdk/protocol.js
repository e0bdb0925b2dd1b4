// The JSON encoding of protocol 1 (subprotocol hub.v1.json): commands to text, text to checked
// values. The tables restate docs/hub.v1.proto; fields and alternatives not listed here are
// ignored, absent ones get their default, wrong types are refused.

/** @typedef {import('./types.js').Commands} Commands */

export const subprotocol = 'hub.v1.json';

/** A frame of the hub that breaks the contract. */
export class ProtocolError extends Error {}

/**
 * A field's type: a scalar, a message by name, `[type]` for a list, `type?` for an optional one.
 * Enums carry the name of their zero value.
 * @typedef {string | [string]} FieldType
 */

/** @type {Record<string, Record<string, FieldType>>} */
const messages = {
  Position: { epoch: 'epoch', sequence: 'u64' },
  Event: {
    sequence: 'u64', id: 'string', kind: 'enum EVENT_KIND_UNSPECIFIED', sender: 'string',
    subject: 'string?', at_ms: 'u64', key: 'string', text: 'string', target: 'u64?',
  },
  ChannelSummary: {
    id: 'string', kind: 'enum CHANNEL_KIND_UNSPECIFIED', name: 'string', topic: 'string',
    head: 'Position', joined: 'bool', read: 'u64', parties: ['string'],
  },
  Presence: { account: 'string', state: 'enum PRESENCE_STATE_UNSPECIFIED' },
  Person: {
    account: 'string', first_name: 'string', last_name: 'string', role: 'enum ROLE_UNSPECIFIED',
  },
  Gap: { from: 'u64', to: 'u64' },
  Limits: {
    frame_bytes_max: 'u32', text_bytes_max: 'u32', subscriptions_max: 'u32',
    commands_in_flight_max: 'u32', replay_events_max: 'u32', history_events_max: 'u32',
  },
  Detail: { name: 'string', value: 'string' },

  Error: {
    code: 'u32', slug: 'string', message: 'string', retryable: 'bool', retry_after_ms: 'u32',
    details: ['Detail'],
  },
  Welcome: {
    session: 'string', account: 'string', organisation: 'string', role: 'enum ROLE_UNSPECIFIED',
    heartbeat_ms: 'u32', token_expires_at_ms: 'u64', server_time_ms: 'u64',
    capabilities: ['string'], limits: 'Limits',
  },
  Refreshed: { token_expires_at_ms: 'u64' },
  Pong: { server_time_ms: 'u64' },
  Done: {},
  Subscribed: { channel: 'string', from: 'Position', head: 'Position', gap: 'Gap?' },
  Posted: {
    channel: 'string', position: 'Position', event: 'string', at_ms: 'u64', duplicate: 'bool',
  },
  HistoryPage: { channel: 'string', epoch: 'epoch', events: ['Event'], more: 'bool' },
  PresenceList: { present: ['Presence'], next: 'string' },
  ChannelList: { channels: ['ChannelSummary'], next: 'string' },
  ChannelReply: { channel: 'ChannelSummary' },
  MemberList: { channel: 'string', accounts: ['string'], next: 'string' },
  PeopleList: { people: ['Person'], next: 'string' },

  Events: { channel: 'string', epoch: 'epoch', events: ['Event'] },
  TypingChanged: { channel: 'string', account: 'string', active: 'bool' },
  PresenceChanged: { changes: ['Presence'] },
  ChannelAdded: { channel: 'ChannelSummary' },
  ChannelRemoved: { channel: 'string' },
  ReadMarker: { channel: 'string', sequence: 'u64' },
  PersonChanged: { person: 'Person' },
  SubscriptionEnded: { channel: 'string', code: 'u32', slug: 'string' },
  Closing: { code: 'u32', slug: 'string', retry_after_ms: 'u32' },
  PersonRemoved: { account: 'string' },
  BroadcastSent: { channel: 'string', account: 'string', text: 'string' },
};

/**
 * Alternatives of a reply and of a push, with the message each holds.
 * @type {Record<string, string>}
 */
const replies = {
  error: 'Error', welcome: 'Welcome', refreshed: 'Refreshed', pong: 'Pong', done: 'Done',
  subscribed: 'Subscribed', posted: 'Posted', history_page: 'HistoryPage',
  presence_list: 'PresenceList', channel_list: 'ChannelList', channel: 'ChannelReply',
  member_list: 'MemberList', people_list: 'PeopleList',
};
/** @type {Record<string, string>} */
const pushes = {
  events: 'Events', typing: 'TypingChanged', presence: 'PresenceChanged',
  channel_added: 'ChannelAdded', channel_removed: 'ChannelRemoved', read_marker: 'ReadMarker',
  person_changed: 'PersonChanged', subscription_ended: 'SubscriptionEnded', closing: 'Closing',
  person_removed: 'PersonRemoved', broadcast: 'BroadcastSent',
};

/**
 * The alternative that answers each command.
 * @type {Record<keyof Commands, string>}
 */
export const replyName = {
  hello: 'welcome', refresh: 'refreshed', ping: 'pong', subscribe: 'subscribed',
  unsubscribe: 'done', post: 'posted', history: 'history_page', typing: 'done', presence: 'done',
  watch_presence: 'presence_list', list_channels: 'channel_list', create_channel: 'channel',
  open_direct: 'channel', join: 'channel', leave: 'done', add_member: 'done',
  list_members: 'member_list', mark_read: 'done', list_people: 'people_list', edit: 'posted',
  remove_member: 'done', change_role: 'done', remove_person: 'done', broadcast: 'done',
};

/** Fields of commands that are 64 bits wide, hence strings on the wire. */
const wide = new Set(['sequence', 'before', 'after', 'epoch', 'target']);

/**
 * One command as the text of a frame.
 * @template {keyof Commands} K
 * @param {number} id 1 to 2^31−1
 * @param {K} name
 * @param {Commands[K]} body
 * @returns {string}
 */
export function encodeCommand(id, name, body) {
  return JSON.stringify({ id, [name]: body }, (field, value) =>
    typeof value === 'number' && wide.has(field) ? String(value) : value);
}

/**
 * @typedef {object} Frame
 * @property {number} id 0 for a push
 * @property {string} name of the alternative; empty: one this client does not know
 * @property {any} body the alternative's message with all fields
 */

/**
 * The frames of one WebSocket message.
 * @param {string} text
 * @returns {Frame[]}
 * @throws {ProtocolError}
 */
export function decodeFrames(text) {
  return text.split('\n').filter((line) => line.trim() !== '').map(decodeFrame);
}

/** @param {string} line @returns {Frame} */
function decodeFrame(line) {
  /** @type {any} */
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ProtocolError('a frame is not JSON');
  }
  if (!isRecord(value)) throw new ProtocolError('a frame is not an object');
  const id = integer(value.id ?? 0, 'id');
  const table = id === 0 ? pushes : replies;
  const set = Object.keys(table).filter((name) => value[name] != null);
  if (set.length > 1) throw new ProtocolError(`a frame has ${set.join(' and ')}`);
  const name = set[0] ?? '';
  return { id, name, body: name ? message(table[name], value[name]) : null };
}

/** @param {string} type @param {any} value @returns {any} */
function message(type, value) {
  if (!isRecord(value)) throw new ProtocolError(`${type} is not an object`);
  /** @type {Record<string, any>} */
  const out = {};
  for (const [name, fieldType] of Object.entries(messages[type])) {
    const raw = value[name];
    if (typeof fieldType !== 'string') {
      if (raw != null && !Array.isArray(raw)) throw new ProtocolError(`${type}.${name} is no list`);
      out[name] = (raw ?? []).map((/** @type {any} */ item) => field(fieldType[0], item, name));
    } else if (fieldType.endsWith('?')) {
      out[name] = raw == null ? undefined : field(fieldType.slice(0, -1), raw, name);
    } else {
      out[name] = field(fieldType, raw, name);
    }
  }
  return out;
}

/**
 * @param {string} type
 * @param {any} value undefined or null: the default
 * @param {string} name
 * @returns {any}
 */
function field(type, value, name) {
  const scalar = { string: '', bool: false }[type];
  if (scalar !== undefined) {
    if (value != null && typeof value !== typeof scalar) throw new ProtocolError(`bad ${name}`);
    return value ?? scalar;
  }
  if (type === 'u32' || type === 'u64') return integer(value ?? 0, name);
  if (type === 'epoch') return epoch(value ?? '0', name);
  if (type.startsWith('enum ')) {
    // An enum value newer than this client may come as a number; it is then unknown, like a new
    // name.
    return typeof value === 'string' ? value : type.slice(5);
  }
  return message(type, value ?? {});
}

/** @param {any} value @param {string} name @returns {number} */
function integer(value, name) {
  const number = typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number) || number < 0) throw new ProtocolError(`bad ${name}`);
  return number;
}

/** @param {any} value @param {string} name @returns {string} */
function epoch(value, name) {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) throw new ProtocolError(`bad ${name}`);
  return text;
}

/** @param {any} value @returns {value is Record<string, any>} */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
