// All open channels, to look into or join.

import { asHubError } from '../../sdk/index.js';
import { coalesced, fill, h, reconcile } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { openCreateChannel } from './create-channel.js';
import { openDialog } from './dialog.js';

/** @param {import('../chat/chat.js').Chat} chat */
export function openBrowse(chat) {
  const { workspace } = chat;
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const search = h('input', {
    class: 'input', type: 'search', placeholder: 'Search channels', 'aria-label': 'Search channels',
    oninput: draw,
  });
  const list = h('ul', { class: 'pick-list' });
  const none = h('p', { class: 'pick-none' });

  /** @param {string} id */
  const join = (id) => {
    fill(problem);
    workspace.join(id).then(() => {
      dialog.close();
      chat.open(id);
    }, (error) => fill(problem, errorText(asHubError(error))));
  };

  function draw() {
    const wanted = search.value.trim().toLocaleLowerCase();
    const open = [...workspace.channels.values()].filter(({ kind }) => kind === 'OPEN');
    const found = open.filter(({ name, topic }) =>
      `${name} ${topic}`.toLocaleLowerCase().includes(wanted))
      .sort((a, b) => a.name.localeCompare(b.name));
    reconcile(list, found.map(({ id, name, topic, joined }) => ({
      key: id,
      version: JSON.stringify([name, topic, joined]),
      make: () => h('li', { class: 'pick' },
        h('button', {
          type: 'button', class: 'pick-main',
          onclick: () => {
            dialog.close();
            chat.open(id);
          },
        }, icon('hash'), h('span', { class: 'pick-text' }, h('strong', { dir: 'auto' }, name),
          topic && h('span', { dir: 'auto' }, topic))),
        joined ? h('span', { class: 'badge' }, 'Joined') : h('button', {
          type: 'button', class: 'button', 'aria-label': `Join ${name}`, onclick: () => join(id),
        }, 'Join')),
    })));
    fill(none, found.length > 0 ? '' : open.length === 0 ? 'There are no open channels yet.'
      : 'No channel matches.');
  }

  const off = workspace.on('channels', coalesced(draw));
  draw();
  const dialog = openDialog({
    title: 'Browse channels',
    content: [search, problem, list, none, h('div', { class: 'form-actions' }, h('button', {
      type: 'button', class: 'button',
      onclick: () => {
        dialog.close();
        openCreateChannel(chat);
      },
    }, icon('plus'), 'Create a channel'))],
    onClosed: off,
  });
}
