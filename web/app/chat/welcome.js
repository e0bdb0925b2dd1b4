// What stands where no channel is open.

import { openBrowse } from '../dialogs/browse.js';
import { openCreateChannel } from '../dialogs/create-channel.js';
import { openInvite } from '../dialogs/invite.js';
import { h } from '../dom.js';
import { icon, mark } from '../icons.js';
import { unjoinedChannels } from './names.js';

/** So many open channels are named; the rest is behind "Browse channels". */
const namedMax = 4;

/**
 * Whether what is shown is still right: differs when it is not.
 * @param {import('./chat.js').Chat} chat
 * @returns {string}
 */
export function welcomeVersion(chat) {
  const joined = [...chat.workspace.channels.values()].some((channel) => channel.joined);
  return JSON.stringify([joined, unjoinedChannels(chat).map(({ id, name, topic }) =>
    [id, name, topic])]);
}

/**
 * @param {import('./chat.js').Chat} chat
 * @param {{notice: string, draft: string}} lost what one looked for in vain, and what was being
 *   written there
 * @returns {HTMLElement}
 */
export function makeWelcome(chat, { notice, draft }) {
  const { workspace, account } = chat;
  const open = unjoinedChannels(chat);
  const hasJoined = [...workspace.channels.values()].some(({ joined }) => joined);
  const lead = hasJoined ? 'Pick a channel on the left, or start with one of these.'
    : open.length > 0 ? 'Join a channel to follow what is said there.'
      : 'It is quiet here. These are good first steps.';
  const name = account.signedIn?.organisation.name ?? '';
  const mayInvite = account.signedIn?.role !== 'MEMBER';
  /**
   * @param {import('../icons.js').IconName} image
   * @param {string} title
   * @param {string} text
   * @param {() => void} onclick
   */
  const choice = (image, title, text, onclick) =>
    h('li', {}, h('button', { type: 'button', class: 'choice', onclick },
      icon(image), h('span', {}, h('strong', { dir: 'auto' }, title),
        text !== '' && h('span', { dir: 'auto' }, text))));
  return h('section', { class: 'welcome', 'aria-labelledby': 'welcome-title' },
    chat.menuButton(),
    h('div', { class: 'welcome-body' },
      notice && h('p', { class: 'notice', role: 'status' }, notice),
      draft && h('label', { class: 'field' }, h('span', { class: 'label' },
        'What you were writing there'), h('textarea', {
        class: 'input', rows: 4, readonly: true, dir: 'auto',
        onfocus: (/** @type {any} */ event) => event.target.select(),
      }, draft)),
      mark(),
      h('h1', { id: 'welcome-title' }, `Welcome to ${name}`),
      h('p', { class: 'lead' }, lead),
      h('ul', { class: 'choices' },
        ...open.slice(0, namedMax).map((channel) =>
          choice('hash', channel.name, channel.topic, () => chat.open(channel.id))),
        (open.length > 0 || hasJoined) && choice('compass', 'Browse channels',
          'See what your colleagues talk about.', () => openBrowse(chat)),
        choice('plus', 'Create a channel', 'For a topic, a project or a team.',
          () => openCreateChannel(chat)),
        mayInvite && choice('invite', 'Invite people', 'Make a link and send it to colleagues.',
          () => openInvite(chat)))));
}
