// The head of the sidebar: organisation, own name, and what one can do about oneself.

import { asHubError } from '../../sdk/index.js';
import { openAccount } from '../dialogs/account.js';
import { openInvite } from '../dialogs/invite.js';
import { openLogins } from '../dialogs/logins.js';
import { openPeople } from '../dialogs/people.js';
import { openShortcuts } from '../dialogs/shortcuts.js';
import { announce, h } from '../dom.js';
import { errorText, fullName } from '../format.js';
import { icon } from '../icons.js';
import { chooseTheme, chosenTheme } from '../theme.js';

/** @param {import('./chat.js').Chat} chat @returns {HTMLElement} */
export function makeAccountMenu(chat) {
  const signedIn = chat.account.signedIn;
  const organisation = signedIn?.organisation.name ?? '';
  const self = h('span', { class: 'org-self' }, fullName(signedIn?.account));
  // It may be changed, here or elsewhere.
  chat.workspace.on('people', () => {
    const person = chat.workspace.people.get(chat.self());
    if (person) self.textContent = fullName(person);
  });
  const button = h('button', {
    type: 'button', class: 'org', 'aria-expanded': 'false', 'aria-controls': 'account-menu',
    onclick: () => toggle(panel.hidden),
  },
  h('span', { class: 'org-text' },
    h('span', { class: 'org-name', title: organisation }, organisation), self),
  icon('chevron'));

  /** @param {import('../icons.js').IconName} name @param {string} label @param {() => void} act */
  const item = (name, label, act) => h('button', {
    type: 'button', class: 'menu-item',
    onclick: () => {
      toggle(false);
      // What is hidden cannot get the focus back from a dialog.
      button.focus();
      act();
    },
  }, icon(name), label);
  const others = signedIn?.organisations.filter(({ id }) => id !== signedIn.organisation.id) ?? [];
  const panel = h('div', { class: 'menu', id: 'account-menu', hidden: true },
    signedIn?.role !== 'MEMBER' && item('invite', 'Invite people', () => openInvite(chat)),
    item('people', 'People and roles', () => openPeople(chat)),
    item('pencil', 'Your name and password', () => openAccount(chat)),
    item('device', 'Your sessions', () => openLogins(chat)),
    !matchMedia('(pointer: coarse)').matches
      && item('keyboard', 'Keyboard shortcuts', () => openShortcuts()),
    ...others.map(({ id, name }) => item('switch', `Switch to ${name}`, () => {
      chat.account.switchTo(id).then(chat.switched,
        (error) => announce(errorText(asHubError(error))));
    })),
    themeChoice(),
    h('hr', {}),
    item('exit', 'Sign out', chat.signOut));

  /** @param {boolean} isOpen */
  function toggle(isOpen) {
    panel.hidden = !isOpen;
    button.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) {
      document.addEventListener('pointerdown', outside);
      panel.querySelector('button')?.focus();
    } else {
      document.removeEventListener('pointerdown', outside);
    }
  }
  /** @param {Event} event */
  const outside = (event) => {
    if (!element.contains(/** @type {Node} */ (event.target))) toggle(false);
  };
  const element = h('div', {
    class: 'side-top',
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape' || panel.hidden) return;
      event.stopPropagation();
      toggle(false);
      button.focus();
    },
  }, button, panel);
  return element;
}

/** @returns {HTMLElement} */
function themeChoice() {
  const names = /** @type {const} */ ([['system', 'Auto'], ['light', 'Light'], ['dark', 'Dark']]);
  return h('fieldset', { class: 'segments' },
    h('legend', {}, icon('sun'), 'Theme'),
    h('div', {}, ...names.map(([value, label]) => h('label', {},
      h('input', {
        type: 'radio', name: 'theme', value, checked: chosenTheme() === value,
        onchange: () => chooseTheme(value),
      }), h('span', {}, label)))));
}
