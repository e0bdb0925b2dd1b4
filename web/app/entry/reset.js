// A new password by a one-time link that an administrator or the operator made.

import { makeForm, newPasswordError, rememberBox, textField } from '../form.js';
import { h } from '../dom.js';
import { fullName } from '../format.js';
import { card } from './card.js';

/**
 * @param {import('../../sdk/account.js').HubAccount} account
 * @param {{token: string, facts: {account: import('../../sdk/account.js').AccountFacts}, onDone:
 *   () => void}} options
 * @returns {HTMLElement}
 */
export function showReset(account, { token, facts, onDone }) {
  const password = textField({
    name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password',
    check: newPasswordError, hint: 'At least 8 characters. A few words are good.',
  });
  const remember = rememberBox();
  const { email } = facts.account;
  return card({
    title: 'Choose a new password',
    lead: `For ${fullName(facts.account)}, ${email}. All devices that are signed in now will be `
      + 'signed out.',
    content: [makeForm({
      fields: () => [password],
      content: [
        // For password managers: they keep the two together.
        h('input', {
          type: 'text', class: 'visually-hidden', autocomplete: 'username', value: email,
          readonly: true, tabindex: -1, 'aria-hidden': 'true',
        }),
        password.element, remember.element],
      action: 'Save and sign in',
      submit: async () => {
        await account.resetPassword({
          token, password: password.value(), remember: remember.isChecked(),
        });
        onDone();
      },
    })],
  });
}
