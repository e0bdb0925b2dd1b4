// How channels are called and ordered.

import { fullName } from '../format.js';

/** @typedef {import('../../sdk/types.js').ChannelSummary} ChannelSummary */
/** @typedef {import('./chat.js').Chat} Chat */

/** @param {ChannelSummary} channel @returns {boolean} */
export const isDirect = ({ kind }) => kind === 'DIRECT';

/**
 * The other side of a direct conversation, or oneself in the one with oneself.
 * @param {Chat} chat
 * @param {ChannelSummary} channel
 * @returns {string}
 */
export function counterpart(chat, { parties }) {
  return parties.find((account) => account !== chat.self()) ?? chat.self();
}

/** @param {Chat} chat @param {string} account @returns {string} */
export function personName(chat, account) {
  const person = chat.workspace.person(account);
  // The list has everybody who is in the organisation: others have left it.
  return person || !chat.workspace.isLoaded ? fullName(person) : 'Former member';
}

/**
 * Open channels that one has not joined, by name.
 * @param {Chat} chat
 * @returns {ChannelSummary[]}
 */
export function unjoinedChannels(chat) {
  return [...chat.workspace.channels.values()]
    .filter(({ kind, joined }) => kind === 'OPEN' && !joined)
    .sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * What the own account may do about somebody.
 * @param {Chat} chat
 * @param {string} account
 * @returns {{remove: boolean, roles: import('../../sdk/types.js').Role[]}} roles it may give
 */
export function powersOver(chat, account) {
  const own = chat.workspace.people.get(chat.self())?.role;
  const role = chat.workspace.people.get(account)?.role;
  if (own === 'OWNER') return { remove: true, roles: ['MEMBER', 'ADMIN', 'OWNER'] };
  if (own === 'ADMIN' && role !== 'OWNER') return { remove: true, roles: ['MEMBER', 'ADMIN'] };
  return { remove: account === chat.self(), roles: [] };
}

/** @param {Chat} chat @param {ChannelSummary} channel @returns {string} */
export function channelName(chat, channel) {
  if (!isDirect(channel)) return channel.name;
  const other = counterpart(chat, channel);
  return other === chat.self() ? `${personName(chat, other)} (you)` : personName(chat, other);
}

/**
 * The joined channels as the sidebar shows them: channels by name, then direct conversations, those
 * with the newest messages first. Conversations in which nothing has been written are left out.
 * @param {Chat} chat
 * @returns {ChannelSummary[]}
 */
export function sortedChannels(chat) {
  const { workspace } = chat;
  const order = (/** @type {ChannelSummary} */ channel) => (isDirect(channel) ? 1 : 0);
  const age = (/** @type {ChannelSummary} */ channel) =>
    (isDirect(channel) ? -workspace.activity(channel.id) : 0);
  return [...workspace.channels.values()].filter((channel) => channel.joined
    && (!isDirect(channel) || channel.head.sequence > 0 || channel.id === chat.current()))
    .sort((a, b) => order(a) - order(b) || age(a) - age(b)
      || channelName(chat, a).localeCompare(channelName(chat, b)));
}

/** @type {Record<import('../../sdk/types.js').PresenceState, string>} */
const presenceTexts = {
  ONLINE: 'online', AWAY: 'away', OFFLINE: 'offline', PRESENCE_STATE_UNSPECIFIED: 'offline',
};

/** @param {Chat} chat @param {string} account @returns {{state: string, text: string}} */
export function presenceOf(chat, account) {
  const text = presenceTexts[chat.workspace.presence(account)] ?? 'offline';
  return { state: text, text };
}

/**
 * Who is here first, then by name.
 * @param {Chat} chat
 * @returns {(a: string, b: string) => number}
 */
export function byPresence(chat) {
  const ranks = { online: 0, away: 1, offline: 2 };
  const rank = (/** @type {string} */ account) =>
    ranks[/** @type {keyof ranks} */ (presenceOf(chat, account).state)];
  return (a, b) => rank(a) - rank(b) || personName(chat, a).localeCompare(personName(chat, b));
}
