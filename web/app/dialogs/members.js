// Who is in a channel; adding somebody; leaving.

import { asHubError } from '../../sdk/index.js';
import { avatar } from '../chat/avatar.js';
import { channelName, personName, presenceOf } from '../chat/names.js';
import { fill, h } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';

/** @typedef {import('../chat/chat.js').Chat} Chat */

/** @param {Chat} chat @param {import('../../sdk/types.js').ChannelSummary} channel */
export function openMembers(chat, channel) {
  const { workspace, client } = chat;
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const members = h('ul', { class: 'pick-list' });
  const others = h('ul', { class: 'pick-list' });
  const othersHead = h('h3', { hidden: true }, 'Add somebody');
  const search = h('input', {
    class: 'input', type: 'search', placeholder: 'Search people', 'aria-label': 'Search people',
    oninput: () => draw(),
  });
  /** @type {Set<string>} */
  let accounts = new Set();

  const fail = (/** @type {unknown} */ error) =>
    fill(problem, icon('alert'), errorText(asHubError(error)));
  const load = () => client.request('list_members', { channel: channel.id }).then((reply) => {
    accounts = new Set(reply.accounts);
    draw();
  }).catch(fail);
  const add = (/** @type {string} */ account) => {
    fill(problem);
    client.request('add_member', { channel: channel.id, account }).then(load).catch(fail);
  };
  const leave = () => workspace.leave(channel.id).then(() => {
    dialog.close();
    chat.leaveView();
  }, fail);

  function draw() {
    const wanted = search.value.trim().toLocaleLowerCase();
    const shown = (/** @type {string} */ account) =>
      personName(chat, account).toLocaleLowerCase().includes(wanted);
    const byName = (/** @type {string} */ a, /** @type {string} */ b) =>
      personName(chat, a).localeCompare(personName(chat, b));
    fill(members, ...[...accounts].filter(shown).sort(byName).map((account) => row(account, null)));
    const outside = [...workspace.people.keys()].filter((account) =>
      !accounts.has(account) && shown(account)).sort(byName);
    othersHead.hidden = outside.length === 0 || !channel.joined;
    fill(others, ...(channel.joined ? outside : []).map((account) =>
      row(account, () => add(account))));
  }

  /** @param {string} account @param {(() => void) | null} act */
  function row(account, act) {
    const name = personName(chat, account);
    return h('li', { class: 'pick' }, avatar(chat, account, 'small', true),
      h('span', { class: 'pick-text' }, h('strong', { dir: 'auto' }, name),
        h('span', {}, account === chat.self() ? 'you' : presenceOf(chat, account).text)),
      act && h('button', {
        type: 'button', class: 'button', 'aria-label': `Add ${name}`, onclick: act,
      }, 'Add'));
  }

  const dialog = openDialog({
    title: `Members of ${channelName(chat, channel)}`,
    content: [search, problem, members, othersHead, others,
      channel.joined && h('div', { class: 'form-actions' }, h('button', {
        type: 'button', class: 'button danger', onclick: leave,
      }, icon('leave'), 'Leave channel'))],
  });
  void load();
}
