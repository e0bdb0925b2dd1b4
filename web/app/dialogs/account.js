// What one can change about oneself: name and password.

import { fill, h } from '../dom.js';
import { makeForm, newPasswordError, textField } from '../form.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';

/** @param {import('../chat/chat.js').Chat} chat */
export function openAccount(chat) {
  const { account } = chat;
  const own = account.signedIn?.account;
  const first = textField({
    name: 'first_name', label: 'First name', autocomplete: 'given-name', maxlength: 80,
    value: own?.first_name ?? '',
  });
  const last = textField({
    name: 'last_name', label: 'Last name', autocomplete: 'family-name', maxlength: 80,
    value: own?.last_name ?? '', optional: true,
  });
  const present = textField({
    name: 'password', label: 'Present password', type: 'password',
    autocomplete: 'current-password',
  });
  const next = textField({
    name: 'new_password', label: 'New password', type: 'password', autocomplete: 'new-password',
    check: newPasswordError, hint: 'At least 8 characters. A few words are good.',
  });
  const named = h('p', { class: 'form-done', role: 'status' });
  const changed = h('p', { class: 'form-done', role: 'status' });
  const done = (/** @type {HTMLElement} */ where, /** @type {string} */ text) =>
    fill(where, icon('check'), text);
  const name = makeForm({
    fields: () => [first, last],
    content: [h('div', { class: 'pair' }, first.element, last.element), named],
    action: 'Save name',
    submit: async () => {
      fill(named);
      await account.rename({ first_name: first.value(), last_name: last.value() });
      done(named, 'Everybody sees your new name.');
    },
  });
  const password = makeForm({
    fields: () => [present, next],
    content: [
      h('input', {
        type: 'text', class: 'visually-hidden', autocomplete: 'username', value: own?.email ?? '',
        readonly: true, tabindex: -1, 'aria-hidden': 'true',
      }),
      present.element, next.element, changed],
    action: 'Change password',
    submit: async () => {
      fill(changed);
      await account.changePassword({ password: present.value(), new_password: next.value() });
      password.reset();
      done(changed, 'Your password is changed. All other devices have been signed out.');
    },
  });
  openDialog({
    title: 'Your name and password',
    content: [h('p', { class: 'lead' }, own?.email ?? ''), name, h('hr', {}), password],
  });
}
