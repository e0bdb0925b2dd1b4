// The start: decides between setting up, accepting an invitation, signing in and the chat, and
// goes back and forth between them.

import { asHubError, HubAccount } from '../sdk/index.js';
import { showChat } from './chat/chat.js';
import { fill, h } from './dom.js';
import { showInvitation } from './entry/invitation.js';
import { loadingCard, problemCard } from './entry/card.js';
import { showSetUp } from './entry/set-up.js';
import { showSignIn } from './entry/sign-in.js';
import { errorText } from './format.js';
import { dropAll } from './storage.js';

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
const account = new HubAccount();

/**
 * Ends what is shown before something else takes its place.
 * @type {() => void}
 */
let leave = () => {};

/**
 * Ends that signing in again does not heal, by close code.
 * @type {Record<number, string>}
 */
const finalTexts = {
  4502: 'The encryption key of your organisation has been withdrawn. Ask an administrator.',
  4503: 'This page and the hub do not understand each other. Reloading may help.',
  4504: 'The hub has been updated. Reload the page to go on.',
};

/** @param {HTMLElement} page */
function show(page) {
  leave();
  leave = () => {};
  document.title = 'Hub';
  fill(root, page);
  page.querySelector('input')?.focus();
}

/** The secret of a link goes out of the address bar and the history once it is used. */
function forgetLink() {
  history.replaceState(null, '', location.pathname);
}

function enter() {
  forgetLink();
  chat();
}

function chat() {
  show(h('div'));
  leave = showChat(root, account, {
    onSignedOut: async ({ isChosen, isExpelled, code }) => {
      const name = account.signedIn?.organisation.name ?? '';
      if (!isChosen && code in finalTexts) {
        show(problemCard(finalTexts[code], () => location.reload(), 'Reload'));
        return;
      }
      if (isChosen || isExpelled) dropAll('hub.draft.');
      if (isChosen) {
        await account.signOut().catch(() => {});
      }
      account.signedIn = null;
      history.replaceState(null, '', location.pathname);
      signIn(isChosen ? '' : isExpelled ? `You are no longer a member of ${name}.`
        : 'You have been signed out. Sign in to go on.');
    },
    onSwitched: chat,
  });
}

/** @param {string} notice */
function signIn(notice) {
  show(showSignIn(account, { notice, onDone: enter }));
}

async function resume() {
  show(loadingCard('Signing in…'));
  try {
    await account.refresh();
    chat();
  } catch (error) {
    const failure = asHubError(error);
    if (failure.retryable) show(problemCard(errorText(failure), resume));
    else signIn('');
  }
}

function route() {
  const [, kind, token] = /^#(setup|invite)=([^&]+)$/u.exec(location.hash) ?? [];
  const secret = decodeURIComponent(token ?? '');
  if (kind === 'setup') show(showSetUp(account, { token: secret, onDone: enter }));
  else if (kind === 'invite') showInvite(secret);
  else void resume();
}

/** @param {string} token */
function showInvite(token) {
  show(loadingCard('Looking up the invitation…'));
  account.lookUpInvitation(token).then((facts) => {
    show(showInvitation(account, { token, facts, onDone: enter }));
  }, (error) => {
    const failure = asHubError(error);
    show(problemCard(errorText(failure), failure.retryable ? () => showInvite(token) : () => {
      forgetLink();
      void resume();
    }, failure.retryable ? 'Try again' : 'Go to sign-in'));
  });
}

// A link pasted into an open page changes the fragment only.
window.addEventListener('hashchange', () => {
  if (/^#(setup|invite)=/u.test(location.hash)) route();
});
route();
