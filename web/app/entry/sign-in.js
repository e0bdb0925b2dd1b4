// Signing in with e-mail and password.

import { h } from '../dom.js';
import { emailError, makeForm, rememberBox, textField } from '../form.js';
import { card } from './card.js';

/**
 * @param {import('../../sdk/account.js').HubAccount} account
 * @param {{notice: string, onDone: () => void}} options
 * @returns {HTMLElement}
 */
export function showSignIn(account, { notice, onDone }) {
  const email = textField({
    name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username', check: emailError,
  });
  const password = textField({
    name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password',
  });
  const remember = rememberBox();
  return card({
    title: 'Sign in',
    notice,
    content: [makeForm({
      fields: () => [email, password],
      content: [email.element, password.element, remember.element],
      action: 'Sign in',
      submit: async () => {
        await account.signIn({
          email: email.value(), password: password.value(), remember: remember.isChecked(),
        });
        onDone();
      },
    }), forgotten()],
  });
}

/** @returns {HTMLElement} */
export function forgotten() {
  return h('details', { class: 'aside' }, h('summary', {}, 'Forgot your password?'),
    h('p', {}, 'An administrator of your organisation can make a link for you by which you choose '
      + 'a new one: People and roles, then “Reset password”. So can whoever runs this hub.'));
}
