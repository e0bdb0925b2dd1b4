// The start: decides between setting up, accepting an invitation, a new password, signing in and the
// chat, and goes back and forth between them.

import { asHubError, HubAccount, signOutName } from '../sdk/index.js';
import { showChat } from './chat/chat.js';
import { fill, h, hush } from './dom.js';
import { showInvitation } from './entry/invitation.js';
import { loadingCard, problemCard } from './entry/card.js';
import { showReset } from './entry/reset.js';
import { showSetUp } from './entry/set-up.js';
import { showSignIn } from './entry/sign-in.js';
import { errorText } from './format.js';
import { dropAll } from './storage.js';

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
const account = new HubAccount();

/** How long a person is kept waiting for a hub that may be away before being signed out here. */
const signOutPatienceMs = 2_000;
/** How often a hub that is away is told again that somebody signed out. */
const signOutRetryMs = 5_000;
const untold = 'You are signed out on this device. The hub cannot be reached just now: it is told as '
  + 'soon as it can be, before anything else.';

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

/** @param {HTMLElement} page @param {string} [title] */
function show(page, title) {
  leave();
  leave = () => {};
  hush();
  document.title = title ? `${title} · Hub` : 'Hub';
  fill(root, page);
  /** @type {HTMLElement | null} */ (
    page.querySelector('input:not([readonly])'))?.focus();
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
    onSignedOut: async ({ isChosen, isExpelled, isForgetting, code }) => {
      const name = account.signedIn?.organisation.name ?? '';
      if (!isChosen && code in finalTexts) {
        show(problemCard(finalTexts[code], () => location.reload(), 'Reload'));
        return;
      }
      const self = account.signedIn?.account.id;
      if (isForgetting || isExpelled) {
        for (const kind of ['draft', 'edit']) dropAll(`hub.${kind}.${self}.`);
      }
      forgetLink();
      if (isChosen) {
        await signOut();
        return;
      }
      account.signedIn = null;
      signIn(isExpelled ? `You are no longer a member of ${name}.`
        : 'You have been signed out. Sign in to go on.');
    },
    onSwitched: chat,
  });
}

async function signOut() {
  show(loadingCard('Signing out…'));
  const telling = account.signOut().then(() => true, () => false);
  const patience = new Promise((resolve) => void setTimeout(resolve, signOutPatienceMs, false));
  if (await Promise.race([telling, patience])) signIn('');
  else signInBeforeTold();
}

/** The hub does not know yet that somebody signed out: it is told as soon as it can be reached. */
function signInBeforeTold() {
  signIn(untold);
  const again = () => account.finishSignOut().then(() => {
    const notice = root.querySelector('.notice');
    if (notice?.textContent === untold) notice.textContent = 'You are signed out.';
  }, () => void setTimeout(again, signOutRetryMs));
  void again();
}

/** @param {string} notice */
function signIn(notice) {
  show(showSignIn(account, { notice, onDone: enter }), 'Sign in');
}

async function resume() {
  show(loadingCard(account.isSigningOut ? 'Signing out…' : 'Signing in…'));
  if (account.isSigningOut) {
    await account.finishSignOut().then(() => signIn(''), signInBeforeTold);
    return;
  }
  try {
    await account.refresh();
    chat();
  } catch (error) {
    const failure = asHubError(error);
    if (account.isSigningOut) signInBeforeTold();
    else if (failure.retryable) show(problemCard(errorText(failure), resume));
    else if (isElsewhere(failure)) show(problemCard(errorText(failure), resume));
    else signIn('');
  }
}

/** The hub does not serve pages of this address; signing in would not help. */
const isElsewhere = (/** @type {import('../sdk/codes.js').HubError} */ failure) =>
  failure.details.some(({ name }) => name === 'public_url');

const linkPattern = /^#(setup|invite|reset)=([^&]+)$/u;

function route() {
  const [, kind, token] = linkPattern.exec(location.hash) ?? [];
  const secret = decodeURIComponent(token ?? '');
  if (kind === 'setup') {
    lookUp('Looking at the link…', () => account.lookUpSetUp({ token: secret }), () =>
      show(showSetUp(account, { token: secret, onDone: enter }), 'Set up'));
  } else if (kind === 'invite') {
    lookUp('Looking up the invitation…', () => account.lookUpInvitation(secret), (facts) =>
      show(showInvitation(account, { token: secret, facts, onDone: enter }), 'Invitation'));
  } else if (kind === 'reset') {
    lookUp('Looking at the link…', () => account.lookUpPasswordReset(secret), (facts) =>
      show(showReset(account, { token: secret, facts, onDone: enter }), 'New password'));
  } else {
    void resume();
  }
}

/**
 * Asks about a link before anybody fills in a form for it.
 * @template T
 * @param {string} text
 * @param {() => Promise<T>} ask
 * @param {(facts: T) => void} then
 */
function lookUp(text, ask, then) {
  show(loadingCard(text));
  ask().then(then, (error) => {
    const failure = asHubError(error);
    const isFinal = !failure.retryable;
    show(problemCard(errorText(failure), isFinal ? () => {
      forgetLink();
      void resume();
    } : () => lookUp(text, ask, then), isFinal ? 'Go to sign-in' : 'Try again'));
  });
}

// A link pasted into an open page changes the fragment only.
window.addEventListener('hashchange', () => {
  if (linkPattern.test(location.hash)) route();
});
// Who signs out in one tab signs out in all of them, also while the hub is away.
window.addEventListener('storage', ({ key, newValue }) => {
  if (key !== signOutName || newValue === null || account.signedIn === null) return;
  account.signedIn = null;
  forgetLink();
  signInBeforeTold();
});
route();
