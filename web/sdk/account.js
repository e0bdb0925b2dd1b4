// The hub's HTTP API for browsers: signing in, refreshing, invitations, logins. The refresh token
// is an HTTP-only cookie that scripts never see; access tokens live in memory only.

import { HubError } from './codes.js';
import { keep, recall } from './environment.js';

/** @typedef {import('./types.js').Role} Role */
/** @typedef {{id: string, name: string}} Organisation */
/**
 * @typedef {object} SignedIn
 * @property {string} access_token
 * @property {string} expires_at_ms
 * @property {number} expires_in_ms
 * @property {{id: string, email: string, first_name: string, last_name: string}} account
 * @property {Organisation} organisation
 * @property {Role} role
 * @property {Array<Organisation & {role: Role}>} organisations
 */
/**
 * @typedef {object} Login
 * @property {string} id
 * @property {string} created_at_ms
 * @property {string} last_used_at_ms
 * @property {string} address
 * @property {string} user_agent
 * @property {boolean} current
 */
/** @typedef {{id: string, link: string, token: string, expires_at_ms: string}} Invitation */
/** @typedef {{organisation: Organisation, role: Role, expires_at_ms: string}} InvitationFacts */
/** @typedef {{link: string, token: string, expires_at_ms: string}} PasswordReset */
/** @typedef {{id: string, email: string, first_name: string, last_name: string}} AccountFacts */
/**
 * Somebody who is or was in the organisation.
 * @typedef {{account: string, first_name: string, last_name: string, former?: boolean}} Colleague
 */
/**
 * @typedef {{id: string, role: Role, created_by: string, expires_at_ms: string, uses_left: number}}
 *   StandingInvitation
 */
/**
 * @typedef {{email: string, password: string, first_name: string, last_name: string, remember:
 *   boolean}} NewAccount
 */

const requestTimeoutMs = 20_000;
/** Most accounts in one look-up. */
export const lookedUpMax = 50;
/** Under this name it is remembered that somebody signed out and the hub does not know yet. */
export const signOutName = 'hub.sign-out';

export class HubAccount {
  /**
   * What the last answer said.
   * @type {SignedIn | null}
   */
  signedIn = null;
  /** When its access token ends, in milliseconds of performance.now(). */
  #endsAt = 0;

  /**
   * @param {string} [base] origin of the hub; empty: the page's own
   * @param {import('./environment.js').Environment['fetch']} [fetchLike]
   * @param {Pick<import('./environment.js').Environment, 'keep' | 'recall'>} [memory]
   */
  constructor(base = '', fetchLike = (url, init) => fetch(url, init), memory = { keep, recall }) {
    this.base = base;
    this.fetch = fetchLike;
    this.memory = memory;
  }

  /**
   * For HubClient: a new access token at each call.
   * @type {() => Promise<import('./tokens.js').Token>}
   */
  getToken = async () => {
    const before = this.signedIn?.organisation.id;
    let answer = await this.refresh();
    if (before && answer.organisation.id !== before) answer = await this.switchTo(before);
    return {
      token: answer.access_token, expiresAtMs: Number(answer.expires_at_ms),
      expiresInMs: answer.expires_in_ms,
    };
  };

  /** @param {NewAccount & {token: string, organisation: string}} facts */
  setUp(facts) {
    return this.#enter('setup', facts);
  }

  /** @param {{email: string, password: string, remember: boolean}} facts */
  signIn(facts) {
    return this.#enter('sign-in', facts);
  }

  /** @param {NewAccount & {token: string}} facts */
  acceptInvitation(facts) {
    return this.#enter('invitations/accept', facts);
  }

  /**
   * One tab at a time, since each use of the cookie replaces it.
   * @returns {Promise<SignedIn>}
   */
  refresh() {
    const run = () => this.#enter('refresh', {});
    const locks = typeof navigator === 'undefined' ? undefined : navigator.locks;
    if (!locks) return run();
    // A frozen tab could keep the lock for ever; no request lasts longer than its own limit.
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), requestTimeoutMs + 1_000);
    return locks.request('hub refresh', { signal: abort.signal }, () => {
      clearTimeout(timer);
      return run();
    }).catch((error) => {
      if (abort.signal.aborted) return run();
      throw error;
    });
  }

  /** @param {string} organisation id */
  switchTo(organisation) {
    return this.#enter('switch', { organisation });
  }

  /**
   * Signs out for good, also while the hub is away: the wish is remembered, and carried out before
   * anything else is asked of the hub. Rejects when that is still to come.
   */
  async signOut() {
    this.signedIn = null;
    this.memory.keep(signOutName, 'yes');
    await this.finishSignOut();
  }

  /** Somebody signed out here, and the hub has not been told. */
  get isSigningOut() {
    return this.memory.recall(signOutName) !== null;
  }

  /**
   * Carries out a sign-out that the hub could not be told of; rejects when it still cannot. One
   * request at a time: the answer to a second one would take the cookie of a new sign-in away.
   * @returns {Promise<void>}
   */
  finishSignOut() {
    if (!this.isSigningOut) return Promise.resolve();
    this.#finishing ??= this.#finishSignOut().finally(() => {
      this.#finishing = null;
    });
    return this.#finishing;
  }
  /** @type {Promise<void> | null} */
  #finishing = null;

  async #finishSignOut() {
    try {
      await this.#request('POST', 'sign-out', { cookie: true });
    } catch (error) {
      // Who is refused is not signed in: there is no cookie, or it is worth nothing.
      if (!(error instanceof HubError) || error.retryable || error.code === 0) throw error;
    }
    this.memory.keep(signOutName, null);
  }

  /** @param {{token: string}} link @returns {Promise<void>} rejects when it cannot be used */
  lookUpSetUp(link) {
    return this.#request('POST', 'setup/look-up', link);
  }

  /**
   * A new name, in all organisations of the account.
   * @param {{first_name: string, last_name: string}} name
   */
  async rename(name) {
    const account = await this.#authorised('POST', 'account/name', name);
    if (this.signedIn) this.signedIn = { ...this.signedIn, account };
  }

  /**
   * Ends all other sign-ins of the account.
   * @param {{password: string, new_password: string}} passwords the present one and the next
   * @returns {Promise<void>}
   */
  changePassword(passwords) {
    return this.#authorised('POST', 'account/password', passwords);
  }

  /**
   * A link by which somebody gets a new password, once.
   * @param {string} account
   * @returns {Promise<PasswordReset>}
   */
  makePasswordReset(account) {
    return this.#authorised('POST', 'password-resets', { account });
  }

  /**
   * Whose password a link is for.
   * @param {string} token
   * @returns {Promise<{account: AccountFacts, expires_at_ms: string}>}
   */
  lookUpPasswordReset(token) {
    return this.#request('POST', 'password-resets/look-up', { token });
  }

  /** @param {{token: string, password: string, remember: boolean}} facts */
  resetPassword(facts) {
    return this.#enter('password-resets/use', facts);
  }

  /**
   * Names of people, also of those who left.
   * @param {string[]} accounts at most `lookedUpMax`
   * @returns {Promise<Colleague[]>}
   */
  async lookUpPeople(accounts) {
    return (await this.#authorised('POST', 'people/look-up', { accounts })).people;
  }

  /** @param {string} token @returns {Promise<InvitationFacts>} */
  lookUpInvitation(token) {
    return this.#request('POST', 'invitations/look-up', { token });
  }

  /**
   * @param {{role: Role, uses: number, expires_in_hours: number}} facts
   * @returns {Promise<Invitation>}
   */
  invite(facts) {
    return this.#authorised('POST', 'invitations', facts);
  }

  /**
   * Those that can still be used; of admins and owners.
   * @returns {Promise<StandingInvitation[]>}
   */
  async invitations() {
    return (await this.#authorised('GET', 'invitations')).invitations ?? [];
  }

  /**
   * Nobody joins by it any more.
   * @param {string} id
   */
  withdrawInvitation(id) {
    return this.#authorised('DELETE', `invitations/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<Login[]>} */
  async logins() {
    return (await this.#authorised('GET', 'logins')).logins;
  }

  /** @param {string} id */
  revokeLogin(id) {
    return this.#authorised('DELETE', `logins/${encodeURIComponent(id)}`);
  }

  /** @param {string} path @param {object} facts @returns {Promise<SignedIn>} */
  async #enter(path, facts) {
    await this.finishSignOut();
    const askedAt = performance.now();
    this.signedIn = await this.#request('POST', path, { ...facts, cookie: true });
    this.#endsAt = askedAt + (this.signedIn?.expires_in_ms ?? 0);
    return /** @type {SignedIn} */ (this.signedIn);
  }

  /**
   * With the access token, renewed first where it has ended, by a clock that nobody sets. That one may stand
   * still while the device sleeps: then the hub says so.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #authorised(method, path, body) {
    if (this.#endsAt < performance.now() + 10_000) await this.getToken();
    try {
      return await this.#request(method, path, body, this.signedIn?.access_token);
    } catch (error) {
      if (!(error instanceof HubError) || error.slug !== 'token_expired') throw error;
      await this.getToken();
      return this.#request(method, path, body, this.signedIn?.access_token);
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {string} [token]
   * @returns {Promise<any>}
   */
  async #request(method, path, body, token) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (body) headers['Content-Type'] = 'application/json';
    if (token) headers['Authorization'] = `Bearer ${token}`;
    /** @type {Response} */
    let response;
    /** @type {any} */
    let answer = null;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), requestTimeoutMs);
    try {
      response = await this.fetch(`${this.base}/api/v1/${path}`, {
        method, headers, body: body && JSON.stringify(body), credentials: 'same-origin',
        cache: 'no-store', signal: abort.signal,
      });
      const text = await response.text();
      if (text !== '') answer = JSON.parse(text);
    } catch {
      const message = 'the hub cannot be reached';
      throw new HubError({ slug: 'network', message, retryable: true });
    } finally {
      clearTimeout(timer);
    }
    if (response.ok) return answer;
    throw httpError(response, answer?.error);
  }
}

/** @param {Response} response @param {any} error @returns {HubError} */
function httpError(response, error) {
  const retryAfterMs = Number(response.headers.get('Retry-After') ?? 0) * 1_000 || 0;
  if (error && typeof error.slug === 'string') {
    return new HubError({ ...error, retryAfterMs: error.retry_after_ms || retryAfterMs });
  }
  return new HubError({
    slug: 'network', message: `HTTP ${response.status}`, retryAfterMs,
    retryable: response.status >= 500,
  });
}
