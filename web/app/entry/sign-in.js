// Signing in with e-mail and password.

import { checkBox, emailError, makeForm, textField } from '../form.js';
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
  const remember = checkBox({
    label: 'Keep me signed in on this device', hint: 'For 30 days; otherwise for a day.',
  });
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
    })],
  });
}
