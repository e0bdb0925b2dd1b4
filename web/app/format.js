// Times, names and errors as people read them.

/** @typedef {import('../sdk/types.js').Person} Person */

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const shortDate = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const dayThisYear = new Intl.DateTimeFormat(undefined, {
  weekday: 'long', day: 'numeric', month: 'long',
});
const dayOfYear = new Intl.DateTimeFormat(undefined, {
  weekday: 'short', day: 'numeric', month: 'long', year: 'numeric',
});

/** @param {number} atMs @returns {string} */
export const timeText = (atMs) => clock.format(atMs);
/**
 * The time without "AM" and "PM", for where there is little room.
 * @param {number} atMs
 * @returns {string}
 */
export const shortTimeText = (atMs) => clock.formatToParts(atMs)
  .filter(({ type }) => type !== 'dayPeriod').map(({ value }) => value).join('').trim();
/** @param {number} atMs @returns {string} */
export const momentText = (atMs) => fullDate.format(atMs);
/** @param {number} atMs @returns {string} */
export const dateText = (atMs) => shortDate.format(atMs);

/**
 * Local days are compared by this.
 * @param {number} atMs
 * @returns {string}
 */
export const dayKey = (atMs) => new Date(atMs).toDateString();

/** @param {number} atMs @param {number} nowMs @returns {string} */
export function dayText(atMs, nowMs) {
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayKey(atMs) === dayKey(nowMs)) return 'Today';
  if (dayKey(atMs) === yesterday.toDateString()) return 'Yesterday';
  const isThisYear = new Date(atMs).getFullYear() === new Date(nowMs).getFullYear();
  return (isThisYear ? dayThisYear : dayOfYear).format(atMs);
}

/** @param {{first_name: string, last_name: string} | undefined} person @returns {string} */
export function fullName(person) {
  return `${person?.first_name ?? ''} ${person?.last_name ?? ''}`.trim() || 'Unknown person';
}

/** @param {{first_name: string, last_name: string} | undefined} person @returns {string} */
export function initials(person) {
  const first = [...(person?.first_name ?? '')][0] ?? '';
  const last = [...(person?.last_name ?? '')][0] ?? '';
  return (first + last).toLocaleUpperCase() || '?';
}

/**
 * One of eight colours, always the same for an account.
 * @param {string} account
 * @returns {string}
 */
export function hueClass(account) {
  let sum = 0;
  for (let index = 0; index < account.length; index += 1) {
    sum = (sum * 31 + account.charCodeAt(index)) >>> 0;
  }
  return `hue-${sum % 8}`;
}

/** @param {string[]} names @returns {string} */
export function typingText(names) {
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return 'Several people are typing…';
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} several
 * @returns {string}
 */
export function countText(count, one, several) {
  return `${count.toLocaleString()} ${count === 1 ? one : several}`;
}

/** @type {Record<string, string>} */
const errorTexts = {
  bad_credentials: 'The e-mail address or the password is wrong.',
  link_invalid: 'This link is no longer valid. Ask for a new one.',
  forbidden: 'You are not allowed to do that.',
  not_found: 'This no longer exists, or you have no access to it.',
  not_member: 'You are not a member of this channel.',
  rate_limited: 'Too many attempts. Wait a moment and try again.',
  overloaded: 'The hub is busy. Try again in a moment.',
  unavailable: 'The hub is not available just now. Try again in a moment.',
  draining: 'The hub is restarting. Try again in a moment.',
  internal_fault: 'Something went wrong in the hub.',
  key_unavailable: 'The encryption key of your organisation is not available.',
  connection_lost: 'There is no connection to the hub.',
  network: 'The hub cannot be reached. Check your connection and try again.',
  timeout: 'The hub did not answer in time. Try again.',
  too_large: 'This is too long.',
  unauthenticated: 'You are not signed in any more.',
};

/** @param {import('../sdk/codes.js').HubError} error @returns {string} */
export function errorText(error) {
  if (error.slug === 'rate_limited' && error.retryAfterMs > 60_000) {
    return `Too many attempts. Try again in ${Math.ceil(error.retryAfterMs / 60_000)} minutes.`;
  }
  const address = error.details.find(({ name }) => name === 'public_url')?.value;
  if (address) {
    return `This hub is reached at ${address}. Open it there, or ask its operator to allow this `
      + 'address (public_url, allowed_origins).';
  }
  return errorTexts[error.slug] ?? sentence(error.message || error.slug);
}

/**
 * With a capital letter and a full stop.
 * @param {string} text
 * @returns {string}
 */
export function sentence(text) {
  return `${text.charAt(0).toLocaleUpperCase()}${text.slice(1)}${/[.!?]$/u.test(text) ? '' : '.'}`;
}

/**
 * A browser and system, as far as the user agent tells.
 * @param {string} agent
 * @returns {string}
 */
export function deviceText(agent) {
  const browser = [
    ['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'], ['curl/', 'curl'],
  ].find(([token]) => agent.includes(token))?.[1];
  const system = [
    ['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'],
    ['Mac OS X', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux'],
  ].find(([token]) => agent.includes(token))?.[1];
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? 'Unknown device';
}
