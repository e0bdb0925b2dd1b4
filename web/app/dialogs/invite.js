// Making an invitation link, and withdrawing those that are about.

import { asHubError } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { dateText, errorText } from '../format.js';
import { makeForm } from '../form.js';
import { icon } from '../icons.js';
import { copyRow } from './copy-row.js';
import { openDialog } from './dialog.js';

/** @typedef {import('../../sdk/types.js').Role} Role */

/** @param {import('../chat/chat.js').Chat} chat */
export function openInvite(chat) {
  const isOwner = chat.account.signedIn?.role === 'OWNER';
  const role = select('Role', [
    ['MEMBER', 'Member'], ['ADMIN', 'Administrator'],
    .../** @type {Array<[string, string]>} */ (isOwner ? [['OWNER', 'Owner']] : []),
  ]);
  const uses = select('Can be used', [
    ['1', 'Once'], ['5', '5 times'], ['25', '25 times'], ['100', '100 times'],
  ]);
  const hours = select('Valid for', [
    ['24', 'One day'], ['168', 'One week'], ['720', '30 days'],
  ], '168');
  const result = h('div', { class: 'invite-result' });
  const standing = h('div', {});
  const form = makeForm({
    fields: () => [],
    content: [h('div', { class: 'trio' }, role.element, uses.element, hours.element)],
    action: 'Make a link',
    submit: async () => {
      const invitation = await chat.account.invite({
        role: /** @type {Role} */ (role.value()), uses: Number(uses.value()),
        expires_in_hours: Number(hours.value()),
      });
      result.replaceChildren(...linkContent(invitation.link, Number(invitation.expires_at_ms)));
      result.querySelector('input')?.select();
      void showStanding(chat, standing);
    },
  });
  openDialog({
    title: 'Invite people',
    content: [h('p', { class: 'lead' },
      'Whoever opens the link can join. Send it only to those whom you want here.'), form, result, standing],
  });
  void showStanding(chat, standing);
}

/** Counts the askings: an answer that a later one has overtaken is not shown. */
let asked = 0;

/** @type {Record<string, string>} */
const roleNames = { MEMBER: 'Member', ADMIN: 'Administrator', OWNER: 'Owner' };

/**
 * The links that can still be used, each with a way to end it.
 * @param {import('../chat/chat.js').Chat} chat
 * @param {HTMLElement} place
 */
async function showStanding(chat, place) {
  const fail = (/** @type {unknown} */ error) => fill(place,
    h('p', { class: 'form-error', role: 'alert' }, icon('alert'), errorText(asHubError(error))));
  const isOwner = chat.account.signedIn?.role === 'OWNER';
  try {
    const round = ++asked;
    const invitations = await chat.account.invitations();
    if (round !== asked) return;
    if (invitations.length === 0) {
      fill(place);
      return;
    }
    fill(place, h('h3', {}, 'Links that can be used'),
      h('ul', { class: 'pick-list' }, ...invitations.map((invitation) => {
        const name = roleNames[invitation.role] ?? invitation.role;
        const until = dateText(Number(invitation.expires_at_ms));
        const uses = invitation.uses_left === 1 ? 'once more' : `${invitation.uses_left} times more`;
        const withdraw = () => chat.account.withdrawInvitation(invitation.id)
          .then(() => showStanding(chat, place), fail);
        return h('li', { class: 'pick' },
          h('span', { class: 'pick-text' }, h('strong', {}, name), h('span', {}, `${uses}, until ${until}`)),
          invitation.role === 'OWNER' && !isOwner ? '' : h('button', {
            type: 'button', class: 'button danger', onclick: withdraw,
            'aria-label': `Withdraw the link for ${name}, until ${until}`,
          }, 'Withdraw'));
      })));
  } catch (error) {
    fail(error);
  }
}

/** @param {string} link @param {number} untilMs @returns {HTMLElement[]} */
function linkContent(link, untilMs) {
  return [copyRow(link, 'Invitation link'), h('p', { class: 'field-hint', role: 'status' },
    `The link is ready. Valid until ${dateText(untilMs)}.`)];
}

/** @param {string} label @param {Array<[string, string]>} options @param {string} [chosen] */
function select(label, options, chosen) {
  const input = h('select', { class: 'input' }, ...options.map(([value, text]) =>
    h('option', { value, selected: value === chosen }, text)));
  return {
    element: h('label', { class: 'field' }, h('span', { class: 'label' }, label), input),
    value: () => input.value,
  };
}
