// Who is in a channel; adding and removing somebody; leaving.

import { asHubError } from '../../sdk/index.js';
import { avatar } from '../chat/avatar.js';
import { channelName, personName, powersOver, presenceOf } from '../chat/names.js';
import { fill, h } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { openConfirm } from './confirm.js';
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
  const load = () => {
    /** @type {Set<string>} */
    const found = new Set();
    return client.list('list_members', { channel: channel.id }, (page) => {
      for (const account of page.accounts) found.add(account);
    }).then(() => {
      accounts = found;
      draw();
    }).catch(fail);
  };
  const add = (/** @type {string} */ account) => {
    fill(problem);
    client.request('add_member', { channel: channel.id, account }).then(load).catch(fail);
  };
  const remove = (/** @type {string} */ account) => openConfirm({
    title: `Remove ${personName(chat, account)}?`,
    text: channel.kind === 'CLOSED'
      ? `They no longer see ${channelName(chat, channel)} or what is said there.`
      : 'They can still read the channel, and join it again.',
    action: 'Remove',
    act: () => client.request('remove_member', { channel: channel.id, account }).then(load),
  });
  /** Admins and owners remove whom they want; the hub knows no ranks within a channel. */
  const mayRemove = () => powersOver(chat, chat.self()).roles.length > 0;
  const leave = () => openConfirm({
    title: `Leave ${channelName(chat, channel)}?`,
    text: channel.kind === 'CLOSED'
      ? 'You no longer see it. Only a member can add you again.'
      : 'You can read it and join it again whenever you want.',
    action: 'Leave',
    act: () => workspace.leave(channel.id).then(() => {
      dialog.close();
      chat.leaveView();
    }),
  });

  function draw() {
    const wanted = search.value.trim().toLocaleLowerCase();
    const shown = (/** @type {string} */ account) =>
      personName(chat, account).toLocaleLowerCase().includes(wanted);
    const byName = (/** @type {string} */ a, /** @type {string} */ b) =>
      personName(chat, a).localeCompare(personName(chat, b));
    fill(members, ...[...accounts].filter(shown).sort(byName).map((account) =>
      row(account, mayRemove() && account !== chat.self() && removeButton(account))));
    const outside = [...workspace.people.keys()].filter((account) =>
      !accounts.has(account) && shown(account)).sort(byName);
    othersHead.hidden = outside.length === 0 || !channel.joined;
    fill(others, ...(channel.joined ? outside : []).map((account) =>
      row(account, addButton(account))));
  }

  /** @param {string} account */
  const addButton = (account) => h('button', {
    type: 'button', class: 'button', 'aria-label': `Add ${personName(chat, account)}`,
    onclick: () => add(account),
  }, 'Add');
  /** @param {string} account */
  const removeButton = (account) => h('button', {
    type: 'button', class: 'button danger', 'aria-label': `Remove ${personName(chat, account)}`,
    onclick: () => remove(account),
  }, 'Remove');

  /** @param {string} account @param {HTMLElement | false} action */
  function row(account, action) {
    const name = personName(chat, account);
    return h('li', { class: 'pick' }, avatar(chat, account, 'small', true),
      h('span', { class: 'pick-text' }, h('strong', { dir: 'auto' }, name),
        h('span', {}, account === chat.self() ? 'you' : presenceOf(chat, account).text)), action);
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
