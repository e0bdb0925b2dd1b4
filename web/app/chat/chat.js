// The chat: makes the client and its views, and says which channel is open.

import { HubClient, Workspace } from '../../sdk/index.js';
import { announce, coalesced, fill, h, set } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { openSignOut } from '../dialogs/sign-out.js';
import { openChannelSwitcher } from '../dialogs/switcher.js';
import { countAll, keep, recall } from '../storage.js';
import { makeBanner } from './banner.js';
import { makeChannelView } from './channel-view.js';
import { channelName, isDirect, sortedChannels } from './names.js';
import { trackPresence } from './own-presence.js';
import { makeSidebar } from './sidebar.js';
import { makeWelcome, welcomeVersion } from './welcome.js';

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
 * @property {() => HTMLElement} menuButton shows the sidebar on narrow screens, and says what is unread
 * @property {() => void} signOut
 * @property {() => void} switched the organisation changed: begin anew
 */

/**
 * Why the chat ended: the person wanted it, or the hub with this close or error code; `isExpelled`:
 * the person is no longer in the organisation; `isForgetting`: what was not sent is given up.
 * @typedef {{isChosen: boolean, isExpelled: boolean, isForgetting: boolean, code: number}} SignOut
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
  const workspace = new Workspace(client, {
    lookUpPeople: (accounts) => account.lookUpPeople(accounts),
  });
  const shell = h('div', { class: 'shell' });
  const main = h('main', { class: 'main' });
  /** @type {ReturnType<typeof makeChannelView> | null} */
  let view = null;
  let isExpelled = false;
  /**
   * The channel that was shown until access to it ended.
   * @type {{id: string, name: string} | null}
   */
  let lost = null;
  /** What the welcome shows; null: it is not shown. */
  let welcomed = /** @type {string | null} */ (null);

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
      lost = null;
      location.hash = '';
      show();
    },
    menuButton: () => h('button', {
      type: 'button', class: 'icon-button only-narrow menu-button', 'aria-label': menuLabel(),
      onclick: () => toggleSidebar(true),
    }, icon('menu')),
    signOut: () => {
      const end = (/** @type {boolean} */ isForgetting) => {
        const done = () => onSignedOut({
          isChosen: true, isExpelled: false, isForgetting, code: 0,
        });
        void client.stop({ forget: isForgetting }).then(done);
      };
      const unsent = client.outbox.keptCount;
      const drafts = ['draft', 'edit'].reduce((sum, kind) =>
        sum + countAll(`hub.${kind}.${signedIn.account.id}.`), 0);
      if (unsent + drafts === 0) end(true);
      else openSignOut({ unsent, drafts, end });
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

  /** Shows the channel of the address, the last one, or the welcome, which says what is missing. */
  function show() {
    const linked = /^#c=(.+)$/u.exec(location.hash)?.[1];
    const wanted = linked ?? recall(`hub.channel.${scope}`);
    const channel = wanted ? workspace.channels.get(wanted) : undefined;
    if (view && view.id === channel?.id) return;
    closeView();
    welcomed = null;
    if (channel && workspace.isLoaded) lost = null;
    if (!workspace.isLoaded) {
      fill(content, h('p', { class: 'loading', role: 'status' },
        h('span', { class: 'spinner' }), 'Opening…'));
    } else if (channel) {
      view = makeChannelView(chat, channel);
      keep(`hub.channel.${scope}`, channel.id);
      fill(content, view.element);
    } else {
      welcome();
    }
    sidebar.draw();
    title();
  }

  function welcome() {
    const linked = /^#c=(.+)$/u.exec(location.hash)?.[1];
    const notice = lost ? `You have no access to ${lost.name} any more.`
      : linked ? 'The channel of this link does not exist, or you have no access to it.' : '';
    const draft = lost ? recall(`hub.draft.${signedIn?.account.id}.${lost.id}`) ?? '' : '';
    const next = welcomeVersion(chat) + notice;
    if (next === welcomed) return;
    welcomed = next;
    // The choice that had the focus keeps it.
    const at = [...content.querySelectorAll('.choice')].indexOf(
      /** @type {Element} */ (document.activeElement));
    fill(content, makeWelcome(chat, { notice, draft }));
    if (at >= 0) {
      const choices = /** @type {NodeListOf<HTMLElement>} */ (content.querySelectorAll('.choice'));
      choices[Math.min(at, choices.length - 1)]?.focus();
    }
  }

  /** @returns {number} unread messages of channels that are not shown */
  function unreadElsewhere() {
    return [...workspace.channels.values()].reduce((sum, channel) =>
      sum + (channel.id === view?.id ? 0 : workspace.unread(channel)), 0);
  }

  function menuLabel() {
    const unread = unreadElsewhere();
    return unread > 0 ? `Show channels, ${unread} unread` : 'Show channels';
  }

  function title() {
    const all = [...workspace.channels.values()];
    const unread = all.reduce((sum, channel) => sum + workspace.unread(channel), 0);
    const open = view && workspace.channels.get(view.id);
    const name = open ? `${isDirect(open) ? '' : '#'}${channelName(chat, open)} · ` : '';
    shell.classList.toggle('unread-elsewhere', unreadElsewhere() > 0);
    for (const button of main.querySelectorAll('.menu-button')) {
      set(button, 'aria-label', menuLabel());
    }
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
    } else if (event.key === 'Escape' && shell.classList.contains('with-sidebar')
      && !document.querySelector('dialog[open]')) {
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

  /** Somebody followed a link: what was lost before is no news any more. */
  function followed() {
    if (location.hash !== '') lost = null;
    show();
  }

  const redrawWelcome = coalesced(() => void (welcomed !== null && welcome()));

  /** @param {import('../../sdk/types.js').ChannelSummary} channel */
  function nameOf(channel) {
    return isDirect(channel) ? `the conversation with ${channelName(chat, channel)}`
      : `#${channel.name}`;
  }

  const ends = [
    client.on('state', (state) => {
      if (state.name === 'stopped' && state.slug !== 'stopped') {
        // Unsent messages wait for the same account to sign in again, unless it cannot.
        void client.stop({ forget: isExpelled }).then(() => onSignedOut({
          isChosen: false, isExpelled, isForgetting: isExpelled, code: state.code,
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
    workspace.on('channels', () => {
      if (welcomed !== null) redrawWelcome();
      // A link to a channel that was not there yet.
      if (!view && workspace.isLoaded && workspace.channels.has(location.hash.slice(3))) show();
      title();
    }),
    workspace.on('people', title),
    workspace.on('removed', (id) => {
      if (view?.id === id) {
        lost = { id, name: nameOf(view.channel) };
        keep(`hub.channel.${scope}`, null);
        history.replaceState(null, '', location.pathname);
        announce(`You have no access to ${lost.name} any more.`);
      }
      show();
    }),
    trackPresence(workspace),
  ];
  const wide = matchMedia('(min-width: 760px)');
  const widened = () => toggleSidebar(false);
  wide.addEventListener('change', widened);
  window.addEventListener('hashchange', followed);
  document.addEventListener('keydown', keyed);
  show();
  client.start();

  return () => {
    closeView();
    banner.close();
    wide.removeEventListener('change', widened);
    for (const end of ends) end();
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
    window.removeEventListener('hashchange', followed);
    document.removeEventListener('keydown', keyed);
    welcomed = null;
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
