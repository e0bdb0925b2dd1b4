// Where one is signed in, and ending it there.

import { asHubError } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { dateText, deviceText, errorText } from '../format.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';

/** @param {import('../chat/chat.js').Chat} chat */
export function openLogins(chat) {
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const list = h('ul', { class: 'pick-list' },
    h('li', { class: 'loading small', role: 'status' },
      h('span', { class: 'spinner' }), 'Loading…'));
  const fail = (/** @type {unknown} */ error) =>
    fill(problem, icon('alert'), errorText(asHubError(error)));

  const load = () => chat.account.logins().then((logins) => {
    const ordered = logins.sort((a, b) => Number(!!b.current) - Number(!!a.current)
      || Number(b.last_used_at_ms) - Number(a.last_used_at_ms));
    fill(list, ...ordered.map((login) => h('li', { class: 'pick' }, icon('device'),
      h('span', { class: 'pick-text' }, h('strong', {}, deviceText(login.user_agent)),
        h('span', {}, `${login.address} · last used ${dateText(Number(login.last_used_at_ms))}`)),
      login.current ? h('span', { class: 'badge' }, 'This one') : h('button', {
        type: 'button', class: 'button danger', onclick: () => revoke(login.id),
        'aria-label': `Sign out ${deviceText(login.user_agent)}`,
      }, 'Sign out'))));
  }).catch((error) => {
    fill(list);
    fail(error);
  });
  const revoke = (/** @type {string} */ id) => {
    fill(problem);
    chat.account.revokeLogin(id).then(load).catch(fail);
  };

  openDialog({
    title: 'Your sessions',
    content: [h('p', { class: 'lead' },
      'Where your account is signed in. Sign out those that you do not know.'), problem, list],
  });
  void load();
}
