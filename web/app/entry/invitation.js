// Accepting an invitation: a new account, or one that exists with its own password.

import { makeForm, rememberBox, textField } from '../form.js';
import { h } from '../dom.js';
import { card } from './card.js';
import { personFields } from './set-up.js';
import { forgotten } from './sign-in.js';

/**
 * @param {import('../../sdk/account.js').HubAccount} account
 * @param {{token: string, facts: import('../../sdk/account.js').InvitationFacts, onDone: () =>
 *   void}} options
 * @returns {HTMLElement}
 */
export function showInvitation(account, { token, facts, onDone }) {
  const { first, last, email, password } = personFields();
  const ownPassword = textField({
    name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password',
  });
  const remember = rememberBox();
  const names = h('div', { class: 'pair' }, first.element, last.element);
  let isNew = true;
  const help = forgotten();
  const toggle = h('button', {
    type: 'button', class: 'link-button',
    onclick: () => {
      isNew = !isNew;
      form.clear();
      for (const field of [first, last, email, password, ownPassword]) field.fail('');
      draw();
      (email.value() === '' ? email : isNew ? first : ownPassword).focus();
    },
  });
  function draw() {
    names.hidden = !isNew;
    password.element.hidden = !isNew;
    ownPassword.element.hidden = help.hidden = isNew;
    toggle.textContent = isNew ? 'I already have an account on this hub' : 'I am new here';
  }
  const form = makeForm({
    fields: () => (isNew ? [first, last, email, password] : [email, ownPassword]),
    content: [names, email.element, password.element, ownPassword.element, remember.element],
    action: 'Join',
    submit: async () => {
      await account.acceptInvitation({
        token, email: email.value(), password: (isNew ? password : ownPassword).value(),
        first_name: isNew ? first.value() : '', last_name: isNew ? last.value() : '',
        remember: remember.isChecked(),
      });
      onDone();
    },
    explain: (error) => {
      if (!isNew || error.slug !== 'bad_credentials') return false;
      // Who fills in the form for new people has an account with that address.
      email.fail('There is an account with this address already. Choose “I already have an account” '
        + 'below and give its password.');
      toggle.focus();
      return true;
    },
  });
  draw();
  return card({
    title: `Join ${facts.organisation.name}`,
    lead: facts.role === 'MEMBER' ? 'You are invited as a member.'
      : `You are invited as ${facts.role === 'OWNER' ? 'an owner' : 'an administrator'}.`,
    content: [form, help, h('p', { class: 'aside' }, toggle)],
  });
}
