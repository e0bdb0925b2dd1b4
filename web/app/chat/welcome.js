// What stands where no channel is open.

import { openBrowse } from '../dialogs/browse.js';
import { openCreateChannel } from '../dialogs/create-channel.js';
import { openInvite } from '../dialogs/invite.js';
import { h } from '../dom.js';
import { icon, mark } from '../icons.js';

/** @param {import('./chat.js').Chat} chat @returns {HTMLElement} */
export function makeWelcome(chat) {
  const { workspace, account } = chat;
  const channels = [...workspace.channels.values()];
  const hasOpen = channels.some(({ kind }) => kind === 'OPEN');
  const lead = channels.some(({ joined }) => joined)
    ? 'Pick a channel on the left, or start with one of these.'
    : hasOpen ? 'Join a channel to follow what is said there.'
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
      icon(image), h('span', {}, h('strong', {}, title), h('span', {}, text))));
  return h('section', { class: 'welcome', 'aria-labelledby': 'welcome-title' },
    h('button', {
      type: 'button', class: 'icon-button only-narrow', 'aria-label': 'Show channels',
      onclick: chat.showSidebar,
    }, icon('menu')),
    h('div', { class: 'welcome-body' },
      mark(),
      h('h1', { id: 'welcome-title' }, `Welcome to ${name}`),
      h('p', { class: 'lead' }, lead),
      h('ul', { class: 'choices' },
        hasOpen && choice('compass', 'Browse channels', 'See what your colleagues talk about.',
          () => openBrowse(chat)),
        choice('hash', 'Create a channel', 'For a topic, a project or a team.',
          () => openCreateChannel(chat)),
        mayInvite && choice('invite', 'Invite people', 'Make a link and send it to colleagues.',
          () => openInvite(chat)))));
}
