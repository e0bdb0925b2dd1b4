// Everybody in the organisation: their roles, removing them, and leaving it.

import { avatar } from '../chat/avatar.js';
import { byPresence, personName, powersOver, presenceOf } from '../chat/names.js';
import { coalesced, h, reconcile } from '../dom.js';
import { icon } from '../icons.js';
import { copyRow } from './copy-row.js';
import { openConfirm } from './confirm.js';
import { openDialog } from './dialog.js';
import { dateText } from '../format.js';

/** @typedef {import('../../sdk/types.js').Role} Role */

/** @type {Record<Role, string>} */
const roleNames = {
  OWNER: 'Owner', ADMIN: 'Administrator', MEMBER: 'Member', ROLE_UNSPECIFIED: 'Member',
};

/** @type {Record<Role, string>} */
const roleArticles = {
  OWNER: 'an owner', ADMIN: 'an administrator', MEMBER: 'a member', ROLE_UNSPECIFIED: 'a member',
};

/** @param {import('../chat/chat.js').Chat} chat */
export function openPeople(chat) {
  const { workspace, client } = chat;
  const organisation = chat.account.signedIn?.organisation.name ?? '';
  const list = h('ul', { class: 'pick-list' });
  const search = h('input', {
    class: 'input', type: 'search', placeholder: 'Search people', 'aria-label': 'Search people',
    oninput: () => draw(),
  });

  /** @param {string} account */
  const remove = (account) => openConfirm({
    title: `Remove ${personName(chat, account)}?`,
    text: `They are signed out of ${organisation} at once and leave all its channels. `
      + 'What they wrote stays. A new invitation can bring them back.',
    action: 'Remove', act: () => client.request('remove_person', { account }),
  });
  /** @param {string} account */
  const reset = (account) => openConfirm({
    title: `Reset the password of ${personName(chat, account)}?`,
    text: 'You get a link for them, good once and for a day. Their present password works until '
      + 'they choose a new one by it; then all their devices are signed out.',
    action: 'Make a link',
    act: async () => {
      const made = await chat.account.makePasswordReset(account);
      openDialog({
        title: `Link for ${personName(chat, account)}`,
        content: [h('p', { class: 'lead' }, 'Send it to nobody else: whoever opens it chooses the '
          + 'password.'), copyRow(made.link, 'Reset link'), h('p', { class: 'field-hint' },
          `Valid until ${dateText(Number(made.expires_at_ms))}.`)],
      });
    },
  });
  const leave = () => openConfirm({
    title: `Leave ${organisation}?`,
    text: 'You are signed out at once and leave all its channels. '
      + 'Only a new invitation can bring you back.',
    action: 'Leave', act: () => client.request('remove_person', { account: chat.self() }),
  });
  /** @param {string} account @param {Role} role */
  const change = (account, role) => openConfirm({
    title: `Make ${personName(chat, account)} ${roleArticles[role]}?`,
    text: account === chat.self() ? 'This is your own role: you may not be able to take it back.'
      : 'What they may do changes at once.',
    action: 'Change role', act: () => client.request('change_role', { account, role }),
  });

  /** @param {import('../../sdk/types.js').Person} person */
  function row({ account, role }) {
    const name = personName(chat, account);
    const powers = powersOver(chat, account);
    /** @type {HTMLSelectElement} */
    const choice = h('select', {
      class: 'input role', 'aria-label': `Role of ${name}`,
      onchange: () => {
        const wanted = /** @type {Role} */ (choice.value);
        // The list follows the hub, not the choice.
        choice.value = role;
        change(account, wanted);
      },
    }, ...powers.roles.map((value) =>
      h('option', { value, selected: value === role }, roleNames[value])));
    return h('li', { class: 'pick' }, avatar(chat, account, 'small', true),
      h('span', { class: 'pick-text' }, h('strong', { dir: 'auto' }, name),
        h('span', {}, account === chat.self() ? 'you' : presenceOf(chat, account).text)),
      powers.roles.length > 0 ? choice : h('span', { class: 'badge' }, roleNames[role]),
      powers.roles.length > 0 && account !== chat.self() && h('button', {
        type: 'button', class: 'icon-button', 'aria-label': `Reset password of ${name}`,
        title: 'Reset password', onclick: () => reset(account),
      }, icon('retry')),
      powers.remove && account !== chat.self() && h('button', {
        type: 'button', class: 'button danger', 'aria-label': `Remove ${name}`,
        onclick: () => remove(account),
      }, 'Remove'));
  }

  function draw() {
    const wanted = search.value.trim().toLocaleLowerCase();
    const own = workspace.people.get(chat.self())?.role ?? '';
    const shown = [...workspace.people.values()]
      .filter(({ account }) => personName(chat, account).toLocaleLowerCase().includes(wanted))
      .sort((a, b) => order(a.account, b.account));
    reconcile(list, shown.map((person) => ({
      key: person.account,
      version: JSON.stringify([person, own, presenceOf(chat, person.account)]),
      make: () => row(person),
    })));
  }

  const order = byPresence(chat);
  const redraw = coalesced(draw);
  const ends = [workspace.on('people', redraw), workspace.on('presence', redraw)];
  draw();
  openDialog({
    title: `People of ${organisation}`, kind: 'wide',
    content: [search, list, h('div', { class: 'form-actions' }, h('button', {
      type: 'button', class: 'link-button', onclick: leave,
    }, `Leave ${organisation}…`))],
    onClosed: () => ends.forEach((end) => end()),
  });
}
