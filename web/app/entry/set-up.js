// First start: the owner and the organisation, by the one-time link that the hub printed.

import { emailError, makeForm, newPasswordError, rememberBox, textField } from '../form.js';
import { h } from '../dom.js';
import { card } from './card.js';

/**
 * @param {import('../../sdk/account.js').HubAccount} account
 * @param {{token: string, onDone: () => void}} options
 * @returns {HTMLElement}
 */
export function showSetUp(account, { token, onDone }) {
  const organisation = textField({
    name: 'organisation', label: 'Organisation', autocomplete: 'organization', maxlength: 80,
    hint: 'What everybody sees, such as the name of your company or club.',
  });
  const { first, last, email, password } = personFields();
  const remember = rememberBox();
  const fields = [organisation, first, last, email, password];
  return card({
    title: 'Set up your hub',
    lead: 'You will be the owner. Colleagues join by invitation links that you make afterwards.',
    content: [makeForm({
      fields: () => fields,
      content: [organisation.element, h('div', { class: 'pair' }, first.element, last.element),
        email.element, password.element, remember.element],
      action: 'Set up',
      submit: async () => {
        await account.setUp({
          token, organisation: organisation.value(), first_name: first.value(),
          last_name: last.value(), email: email.value(), password: password.value(),
          remember: remember.isChecked(),
        });
        onDone();
      },
    })],
  });
}

/** The fields of a new account. */
export function personFields() {
  return {
    first: textField({
      name: 'first_name', label: 'First name', autocomplete: 'given-name', maxlength: 80,
    }),
    last: textField({
      name: 'last_name', label: 'Last name', autocomplete: 'family-name', maxlength: 80,
      optional: true,
    }),
    email: textField({
      name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username', check: emailError,
    }),
    password: textField({
      name: 'password', label: 'Password', type: 'password', autocomplete: 'new-password',
      check: newPasswordError, hint: 'At least 8 characters. A few words are good.',
    }),
  };
}
