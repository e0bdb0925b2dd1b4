// The chat: makes the client and its views, and says which channel is open.

import { ChannelLog, HubClient, Workspace } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { errorText } from '../format.js';
import { openChannelSwitcher } from '../dialogs/switcher.js';
import { keep, recall } from '../storage.js';
import { makeBanner } from './banner.js';
import { makeChannelView } from './channel-view.js';
import { channelName, isDirect, sortedChannels } from './names.js';
import { trackPresence } from './own-presence.js';
import { makeSidebar } from './sidebar.js';
import { makeWelcome } from './welcome.js';

/**
 * What the views of the chat share.
 * @typedef {object} Chat
 * @property {HubClient} client
 * @property {Workspace} workspace
 * @property {import('../../sdk/account.js').HubAccount} account
 * @property {() => string} self own account
 * @property {() => string | null} current the open channel
 * @property {(channel: string) => void} open
 * @property {(account: string) => Promise<void>} openDirect
 * @property {() => void} reopen makes the view of the open channel anew
 * @property {() => void} leaveView shows no channel
 * @property {() => void} showSidebar on narrow screens
 * @property {() => void} signOut
 * @property {() => void} switched the organisation changed: begin anew
 */

/**
 * Why the chat ended: the person wanted it, or the hub with this close or error code; `isExpelled`:
 * the person is no longer in the organisation.
 * @typedef {{isChosen: boolean, isExpelled: boolean, code: number}} SignOut
 */

/**
 * @param {HTMLElement} root
 * @param {import('../../sdk/account.js').HubAccount} account
 * @param {{onSignedOut: (why: SignOut) => void, onSwitched: () => void}} options
 * @returns {() => void} ends it
 */
export function showChat(root, account, { onSignedOut, onSwitched }) {
  const signedIn = account.signedIn;
  if (!signedIn) throw new Error('nobody is signed in');
  const scope = `${signedIn.account.id}.${signedIn.organisation.id}`;
  // The first token is the one that signing in brought; later ones come by refreshing.
  let first = true;
  const client = new HubClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
    outbox: `hub-outbox.${scope}`,
    getToken: async () => {
      if (!first) return account.getToken();
      first = false;
      return { token: signedIn.access_token, expiresAtMs: Number(signedIn.expires_at_ms) };
    },
  });
  const workspace = new Workspace(client);
  const shell = h('div', { class: 'shell' });
  const main = h('main', { class: 'main' });
  /** @type {{id: string, log: ChannelLog, element: HTMLElement, close: () => void} | null} */
  let view = null;
  let isExpelled = false;

  /** @type {Chat} */
  const chat = {
    client, workspace, account,
    self: () => signedIn.account.id,
    current: () => view?.id ?? null,
    open: (channel) => {
      if (location.hash === `#c=${channel}`) show();
      else location.hash = `c=${channel}`;
      toggleSidebar(false);
    },
    openDirect: async (person) => chat.open((await workspace.openDirect(person)).id),
    reopen: () => {
      closeView();
      show();
    },
    leaveView: () => {
      keep(`hub.channel.${scope}`, null);
      location.hash = '';
    },
    showSidebar: () => toggleSidebar(true),
    signOut: () => {
      const done = () => onSignedOut({ isChosen: true, isExpelled: false, code: 0 });
      void client.stop({ forget: true }).then(done);
    },
    switched: () => onSwitched(),
  };

  const sidebar = makeSidebar(chat);
  const banner = makeBanner(chat);
  const scrim = h('div', { class: 'scrim', onclick: () => toggleSidebar(false) });
  const content = h('div', { class: 'content' });
  fill(main, banner.element, content);
  fill(shell, sidebar.element, scrim, main);
  fill(root, shell);

  /** @param {boolean} isShown */
  function toggleSidebar(isShown) {
    shell.classList.toggle('with-sidebar', isShown);
    main.toggleAttribute('inert', isShown);
    if (isShown) sidebar.focus();
  }

  function closeView() {
    view?.close();
    view = null;
  }

  /** Shows the channel of the address, the last one, or the welcome. */
  function show() {
    const wanted = /^#c=(.+)$/u.exec(location.hash)?.[1] ?? recall(`hub.channel.${scope}`);
    const channel = wanted ? workspace.channels.get(wanted) : undefined;
    if (view && view.id === channel?.id) return;
    closeView();
    if (!workspace.isLoaded) {
      fill(content, h('p', { class: 'loading', role: 'status' },
        h('span', { class: 'spinner' }), 'Opening…'));
    } else if (channel) {
      view = makeChannelView(chat, channel);
      keep(`hub.channel.${scope}`, channel.id);
      fill(content, view.element);
    } else {
      fill(content, makeWelcome(chat));
    }
    sidebar.draw();
    title();
  }

  function title() {
    const all = [...workspace.channels.values()];
    const unread = all.reduce((sum, channel) => sum + workspace.unread(channel), 0);
    const open = view && workspace.channels.get(view.id);
    const name = open ? `${isDirect(open) ? '' : '#'}${channelName(chat, open)} · ` : '';
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${name}${signedIn?.organisation.name}`;
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const isCommand = event.ctrlKey || event.metaKey;
    if (isCommand && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      if (!document.querySelector('dialog[open]')) openChannelSwitcher(chat);
    } else if (event.altKey && !isCommand && /^Arrow(Up|Down)$/u.test(event.key)) {
      event.preventDefault();
      step(event.key === 'ArrowDown' ? 1 : -1, event.shiftKey);
    } else if (event.key === 'Escape' && shell.classList.contains('with-sidebar')) {
      toggleSidebar(false);
    }
  }

  /** @param {number} by @param {boolean} isUnreadOnly */
  function step(by, isUnreadOnly) {
    const list = sortedChannels(chat).filter((channel) =>
      channel.id === view?.id || !isUnreadOnly || workspace.unread(channel) > 0);
    const at = list.findIndex((channel) => channel.id === view?.id);
    const next = list[(at + by + list.length) % list.length];
    if (next) chat.open(next.id);
  }

  const ends = [
    client.on('state', (state) => {
      if (state.name === 'stopped' && state.slug !== 'stopped') {
        // Unsent messages wait for the same account to sign in again, unless it cannot.
        void client.stop({ forget: isExpelled }).then(() => onSignedOut({
          isChosen: false, isExpelled, code: state.code,
        }));
      }
      // What the role allows is all over the page.
      if (state.name === 'ready' && state.welcome.role !== signedIn.role
        && state.welcome.role === account.signedIn?.role) queueMicrotask(onSwitched);
    }),
    workspace.on('expelled', () => void (isExpelled = true)),
    workspace.on('loaded', show),
    workspace.on('failed', (error) => {
      if (!workspace.isLoaded) fill(content, failure(error, () => workspace.load()));
    }),
    workspace.on('channels', title),
    workspace.on('people', title),
    workspace.on('removed', (id) => {
      if (view?.id === id) chat.leaveView();
      show();
    }),
    trackPresence(workspace),
  ];
  const wide = matchMedia('(min-width: 760px)');
  const widened = () => toggleSidebar(false);
  wide.addEventListener('change', widened);
  window.addEventListener('hashchange', show);
  document.addEventListener('keydown', keyed);
  show();
  client.start();

  return () => {
    closeView();
    banner.close();
    wide.removeEventListener('change', widened);
    for (const end of ends) end();
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
    window.removeEventListener('hashchange', show);
    document.removeEventListener('keydown', keyed);
    void client.stop();
  };
}

/**
 * @param {import('../../sdk/codes.js').HubError} error
 * @param {() => void} retry
 * @returns {HTMLElement}
 */
function failure(error, retry) {
  return h('p', { class: 'edge-problem', role: 'alert' }, errorText(error), ' ',
    h('button', { type: 'button', class: 'link-button', onclick: retry }, 'Try again'));
}
