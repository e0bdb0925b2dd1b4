// Jumping to a channel or a person by typing part of the name: a combobox with a list.

import { avatar } from '../chat/avatar.js';
import { channelName, counterpart, isDirect, personName } from '../chat/names.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';

const shownMax = 12;

/** @typedef {{name: string, note: string, image: Node, rank: number, go: () => void}} Target */

/** @param {import('../chat/chat.js').Chat} chat */
export function openChannelSwitcher(chat) {
  let chosen = 0;
  /** @type {Target[]} */
  let found = [];
  const list = h('ul', {
    class: 'pick-list', role: 'listbox', id: 'switcher-list', 'aria-label': 'Results',
  });
  const input = h('input', {
    class: 'input', type: 'text', role: 'combobox', 'aria-expanded': 'true', autocomplete: 'off',
    'aria-controls': 'switcher-list', 'aria-label': 'Channel or person', spellcheck: 'false',
    placeholder: 'Channel or person',
    oninput: () => {
      chosen = 0;
      draw();
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        event.preventDefault();
        const by = event.key === 'ArrowDown' ? 1 : -1;
        chosen = (chosen + by + found.length) % Math.max(1, found.length);
        draw();
      } else if (event.key === 'Enter' && !event.isComposing) {
        event.preventDefault();
        pick(found[chosen]);
      }
    },
  });

  /** @param {Target | undefined} target */
  function pick(target) {
    if (!target) return;
    dialog.close();
    target.go();
  }

  function draw() {
    const wanted = input.value.trim().toLocaleLowerCase();
    found = targets(chat).filter(({ name }) => name.toLocaleLowerCase().includes(wanted))
      .map((target) => ({ ...target, rank: target.rank + match(target.name, wanted) }))
      .sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name)).slice(0, shownMax);
    fill(list, ...found.map((target, index) => h('li', {
      class: 'pick option-row', role: 'option', id: `switcher-${index}`,
      'aria-selected': String(index === chosen), onclick: () => pick(target),
    }, target.image, h('span', { class: 'pick-text' }, h('strong', { dir: 'auto' }, target.name)),
    target.note && h('span', { class: 'badge' }, target.note))),
    found.length === 0 && h('li', { class: 'pick-none' }, 'Nothing matches.'));
    input.setAttribute('aria-activedescendant', found.length > 0 ? `switcher-${chosen}` : '');
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }

  draw();
  const dialog = openDialog({ title: 'Jump to…', kind: 'switcher', content: [input, list] });
}

/**
 * Names that begin with what was typed come first.
 * @param {string} name
 * @param {string} wanted
 * @returns {number}
 */
function match(name, wanted) {
  return name.toLocaleLowerCase().startsWith(wanted) ? 0 : 1;
}

/** @param {import('../chat/chat.js').Chat} chat @returns {Target[]} */
function targets(chat) {
  const { workspace } = chat;
  const channels = [...workspace.channels.values()];
  const known = new Set(channels.filter((channel) => isDirect(channel) && channel.head.sequence > 0).map((channel) => counterpart(chat, channel)));
  return [
    ...channels.filter((channel) => !isDirect(channel) || channel.head.sequence > 0).map((channel) => {
      const unread = workspace.unread(channel);
      return {
        name: channelName(chat, channel),
        note: unread > 0 ? `${unread} unread` : channel.joined ? '' : 'Not joined',
        image: isDirect(channel) ? avatar(chat, counterpart(chat, channel), 'small', true)
          : icon(channel.kind === 'CLOSED' ? 'lock' : 'hash'),
        rank: unread > 0 ? 0 : channel.joined ? 2 : 6,
        go: () => chat.open(channel.id),
      };
    }),
    ...[...workspace.people.keys()]
      .filter((account) => !known.has(account) && account !== chat.self())
      .map((account) => ({
        name: personName(chat, account), note: 'Write', rank: 4,
        image: avatar(chat, account, 'small', true),
        go: () => void chat.openDirect(account).catch(() => {}),
      })),
  ];
}
