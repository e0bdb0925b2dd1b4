// The left side: organisation and own menu, channels, direct conversations, people.

import { coalesced, fill, h, reconcile } from '../dom.js';
import { openBrowse } from '../dialogs/browse.js';
import { openCreateChannel } from '../dialogs/create-channel.js';
import { openInvite } from '../dialogs/invite.js';
import { openPeople } from '../dialogs/people.js';
import { openChannelSwitcher } from '../dialogs/switcher.js';
import { countText } from '../format.js';
import { icon } from '../icons.js';
import { avatar } from './avatar.js';
import { makeAccountMenu } from './account-menu.js';
import {
  byPresence, channelName, counterpart, isDirect, personName, presenceOf, sortedChannels,
  unjoinedChannels,
} from './names.js';
import { keep, recall } from '../storage.js';

/** So many people are shown; the rest is found by search. */
const peopleMax = 12;

/** @typedef {import('./chat.js').Chat} Chat */
/** @typedef {import('../../sdk/types.js').ChannelSummary} ChannelSummary */

/** @param {Chat} chat */
export function makeSidebar(chat) {
  const { workspace, account } = chat;
  const mayInvite = account.signedIn?.role !== 'MEMBER';
  const channels = h('ul');
  const directs = h('ul');
  const people = h('ul');
  const channelsNote = h('p', { class: 'side-note' });
  const moreName = h('span', { class: 'side-name' });
  const moreNew = h('span', { class: 'count' });
  const more = h('button', {
    type: 'button', class: 'side-row', onclick: () => {
      keep(seenName, newestOpen());
      openBrowse(chat);
      draw();
    },
  }, icon('compass'), moreName, moreNew);
  const allName = h('span', { class: 'side-name' });
  const all = h('button', {
    type: 'button', class: 'side-row', onclick: () => openPeople(chat),
  }, icon('people'), allName);
  /** Under this name: the newest open channel that was there when one looked. Ids grow with time. */
  const seenName = `hub.seen.${chat.self()}.${account.signedIn?.organisation.id}`;
  const newestOpen = () => unjoinedChannels(chat).map(({ id }) => id).sort().at(-1) ?? '';
  const peopleNote = h('p', { class: 'side-note' });
  const directSection = section('Direct messages', [directs]);
  const peopleSection = section('People', [people, all, peopleNote],
    mayInvite && tool('invite', 'Invite people', () => openInvite(chat)));
  const element = h('nav', { class: 'sidebar', 'aria-label': 'Channels and people' },
    makeAccountMenu(chat),
    h('button', {
      type: 'button', class: 'jump', onclick: () => openChannelSwitcher(chat),
    }, icon('search'), h('span', {}, 'Jump to…'), h('kbd', {}, isMac() ? '⌘K' : 'Ctrl K')),
    h('div', { class: 'side-scroll' },
      section('Channels', [channels, more, channelsNote],
        tool('compass', 'Browse channels', () => openBrowse(chat)),
        tool('plus', 'Create a channel', () => openCreateChannel(chat))),
      directSection, peopleSection));

  function draw() {
    const joined = sortedChannels(chat);
    const direct = joined.filter(isDirect);
    const named = joined.filter((channel) => !isDirect(channel));
    // An open channel that is looked at without being joined is listed while it is open.
    const visited = workspace.channels.get(chat.current() ?? '');
    if (visited && !visited.joined) named.push(visited);
    reconcile(channels, named.map((channel) => channelRow(chat, channel)));
    reconcile(directs, direct.map((channel) => channelRow(chat, channel)));
    directSection.hidden = direct.length === 0;
    drawMore(named.length);
    const talkedTo = new Set(direct.map((channel) => counterpart(chat, channel)));
    const others = [...workspace.people.keys()]
      .filter((person) => person !== chat.self() && !talkedTo.has(person)).sort(byPresence(chat));
    reconcile(people, others.slice(0, peopleMax).map((person) => personRow(chat, person)));
    all.hidden = others.length <= peopleMax;
    allName.textContent = `All ${workspace.people.size.toLocaleString()} people`;
    fill(peopleNote, workspace.isLoaded && workspace.people.size < 2
      ? mayInvite ? 'Only you so far. Invite somebody.' : 'Only you so far.' : '');
    peopleSection.hidden = workspace.isLoaded && others.length === 0 && workspace.people.size > 1
      && !mayInvite;
  }

  /**
   * Open channels that one has not joined: how many, and how many of them are new.
   * @param {number} joined
   */
  function drawMore(joined) {
    const open = unjoinedChannels(chat);
    if (workspace.isLoaded && recall(seenName) === null) keep(seenName, newestOpen());
    const seen = recall(seenName) ?? '';
    const fresh = open.filter(({ id }) => id > seen).length;
    more.hidden = open.length === 0;
    more.classList.toggle('unread', fresh > 0);
    moreNew.hidden = fresh === 0;
    const name = countText(open.length, 'more channel', 'more channels');
    moreName.textContent = name;
    moreNew.textContent = `${fresh} new`;
    more.setAttribute('aria-label', `Browse ${name}${fresh > 0 ? `, ${fresh} new` : ''}`);
    fill(channelsNote, workspace.isLoaded && joined + open.length === 0
      ? 'None yet. Create the first one.' : '');
  }

  const redraw = coalesced(draw);
  for (const name of /** @type {const} */ (['channels', 'people', 'presence', 'loaded'])) {
    workspace.on(name, redraw);
  }
  return {
    element,
    draw: redraw,
    focus: () => /** @type {HTMLElement | null} */ (element.querySelector('[aria-current]')
      ?? element.querySelector('.side-scroll button'))?.focus(),
  };
}

/** @returns {boolean} */
function isMac() {
  return /Mac|iPhone|iPad/u.test(navigator.userAgent);
}

/** @param {string} title @param {Node[]} content @param {...(HTMLElement | false)} tools */
function section(title, content, ...tools) {
  const id = `side-${title.toLowerCase().replaceAll(' ', '-')}`;
  return h('section', { 'aria-labelledby': id },
    h('div', { class: 'side-head' }, h('h2', { id }, title), ...tools), ...content);
}

/**
 * @param {import('../icons.js').IconName} name
 * @param {string} label
 * @param {() => void} onclick
 */
function tool(name, label, onclick) {
  return h('button', {
    type: 'button', class: 'icon-button small', 'aria-label': label, title: label, onclick,
  }, icon(name));
}

/** @param {Chat} chat @param {ChannelSummary} channel @returns {import('../dom.js').Row} */
function channelRow(chat, channel) {
  const name = channelName(chat, channel);
  const isCurrent = chat.current() === channel.id;
  const unread = chat.workspace.unread(channel);
  const other = isDirect(channel) ? counterpart(chat, channel) : null;
  const presence = other ? presenceOf(chat, other).text : '';
  const spoken = [name, channel.kind === 'CLOSED' && 'closed channel', presence,
    unread > 0 && `${unread} unread`].filter(Boolean).join(', ');
  const count = unread > 99 ? '99+' : String(unread);
  return {
    key: channel.id,
    version: JSON.stringify([spoken, isCurrent, channel.kind, channel.joined]),
    make: () => h('li', {}, h('button', {
      type: 'button', class: `side-row${unread > 0 ? ' unread' : ''}`,
      'data-channel': channel.id, 'aria-label': spoken,
      'aria-current': isCurrent && 'page', onclick: () => chat.open(channel.id),
    },
    other ? avatar(chat, other, 'small', true) : icon(channel.kind === 'CLOSED' ? 'lock' : 'hash'),
    h('span', { class: 'side-name', dir: 'auto' }, name),
    unread > 0 && h('span', { class: 'count' }, count))),
  };
}

/** @param {Chat} chat @param {string} person @returns {import('../dom.js').Row} */
function personRow(chat, person) {
  const name = personName(chat, person);
  const { text } = presenceOf(chat, person);
  return {
    key: person,
    version: JSON.stringify([name, text]),
    make: () => h('li', {}, h('button', {
      type: 'button', class: 'side-row', 'aria-label': `${name}, ${text}`, 'data-account': person,
      title: `Write to ${name}`,
      onclick: () => void chat.openDirect(person).catch(() => {}),
    }, avatar(chat, person, 'small', true), h('span', { class: 'side-name', dir: 'auto' }, name))),
  };
}
