// A person's initials on their colour, with their presence where wanted.

import { h } from '../dom.js';
import { hueClass, initials } from '../format.js';
import { presenceOf } from './names.js';

/**
 * @param {import('./chat.js').Chat} chat
 * @param {string} account
 * @param {'small' | 'medium'} size
 * @param {boolean} [withPresence]
 * @returns {HTMLElement} decoration: the name stands beside it
 */
export function avatar(chat, account, size, withPresence = false) {
  const person = chat.workspace.person(account);
  return h('span', { class: `avatar ${size} ${hueClass(account)}`, 'aria-hidden': 'true' },
    initials(person),
    withPresence && h('span', { class: `dot ${presenceOf(chat, account).state}` }));
}
