// An open channel: head, messages, who types, composer (or the invitation to join).

import { asHubError, ChannelLog } from '../../sdk/index.js';
import { coalesced, fill, h } from '../dom.js';
import { openMembers } from '../dialogs/members.js';
import { errorText, typingText } from '../format.js';
import { icon } from '../icons.js';
import { avatar } from './avatar.js';
import { makeComposer } from './composer.js';
import { makeMessages } from './messages.js';
import { channelName, counterpart, isDirect, personName, presenceOf } from './names.js';

/** @typedef {import('./chat.js').Chat} Chat */
/** @typedef {import('../../sdk/types.js').ChannelSummary} ChannelSummary */

/** @param {Chat} chat @param {ChannelSummary} channel */
export function makeChannelView(chat, channel) {
  const { workspace } = chat;
  const isUnread = channel.joined && workspace.unread(channel) > 0;
  const log = new ChannelLog(chat.client, channel.id,
    isUnread ? { read: channel.read, head: channel.head.sequence } : undefined);
  const messages = makeMessages(chat, channel, log, { onEdited: () => composer.focus() });
  const composer = makeComposer(chat, channel, {
    onSent: () => messages.jumpToNewest(), onEditLast: () => messages.editLast(),
  });
  const typing = h('p', { class: 'typing', 'aria-live': 'off' });
  const head = h('header', { class: 'head' });
  const foot = h('div', { class: 'foot' },
    channel.joined ? composer.element : joinBar(chat, channel));
  const element = h('section', { class: 'channel', 'data-channel': channel.id },
    head, messages.element, typing, foot);

  // Joining and leaving change what is live and what can be done: the view is made anew then.
  const wasJoined = channel.joined;
  let drawn = '';
  function draw() {
    const name = channelName(chat, channel);
    element.setAttribute('aria-label', name);
    const presence = isDirect(channel) ? presenceOf(chat, counterpart(chat, channel)).text : '';
    const next = JSON.stringify([name, channel.topic, presence]);
    if (channel.joined !== wasJoined) chat.reopen();
    if (next === drawn || channel.joined !== wasJoined) return;
    drawn = next;
    fill(head, ...headContent(chat, channel, name, presence));
    composer.rename(name);
  }

  function drawTyping() {
    const names = workspace.typing.others(channel.id).map((account) => personName(chat, account));
    typing.classList.toggle('active', names.length > 0);
    const dots = h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
    fill(typing, names.length > 0 && dots, typingText(names));
  }

  const redraw = coalesced(draw);
  const ends = [
    workspace.on('channels', redraw),
    workspace.on('people', redraw),
    workspace.on('presence', redraw),
    workspace.on('typing', (id) => void (id === channel.id && drawTyping())),
  ];
  draw();
  drawTyping();
  // On touch screens focus would open the keyboard over what one came to read.
  if (channel.joined && !matchMedia('(pointer: coarse)').matches) {
    queueMicrotask(() => composer.focus());
  }
  return {
    id: channel.id, channel, log, element,
    close: () => {
      for (const end of ends) end();
      composer.close();
      messages.close();
      log.close();
      if (!wasJoined && !channel.joined) chat.client.subscribe(channel.id).unsubscribe();
    },
  };
}

/**
 * @param {Chat} chat
 * @param {ChannelSummary} channel
 * @param {string} name
 * @param {string} presence
 */
function headContent(chat, channel, name, presence) {
  const image = isDirect(channel) ? avatar(chat, counterpart(chat, channel), 'small', true)
    : icon(channel.kind === 'CLOSED' ? 'lock' : 'hash');
  return [
    chat.menuButton(),
    h('div', { class: 'head-text' },
      h('h1', {}, image, h('span', { dir: 'auto' }, name)),
      h('p', { class: 'topic', dir: 'auto' }, presence || channel.topic)),
    !isDirect(channel) && h('button', {
      type: 'button', class: 'icon-button', 'aria-label': 'Members', title: 'Members',
      onclick: () => openMembers(chat, channel),
    }, icon('people')),
  ];
}

/** @param {Chat} chat @param {ChannelSummary} channel */
function joinBar(chat, channel) {
  const problem = h('p', { class: 'form-error', role: 'alert' });
  return h('div', { class: 'join-bar' },
    h('p', {}, 'You are looking at ', h('strong', {}, `#${channel.name}`), '.'),
    h('button', {
      type: 'button', class: 'button primary',
      onclick: () => {
        chat.workspace.join(channel.id).catch((error) =>
          fill(problem, errorText(asHubError(error))));
      },
    }, 'Join channel'), problem);
}
