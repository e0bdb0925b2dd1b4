// The error and close codes of protocol 1 and what a client does about each. The hub's own table is
// Sources/Actors/Model/Codes.swift; docs/protocol.md explains it.

/** Error codes by slug, as in error replies and HTTP error bodies. */
export const ErrorCode = Object.freeze({
  malformed: 100,
  unknown_command: 101,
  invalid_argument: 102,
  too_large: 103,
  duplicate_id: 104,
  unauthenticated: 200,
  token_expired: 201,
  forbidden: 202,
  bad_credentials: 203,
  link_invalid: 204,
  not_found: 300,
  already_exists: 301,
  not_member: 302,
  not_subscribed: 303,
  conflict: 304,
  too_many_in_flight: 400,
  rate_limited: 401,
  overloaded: 402,
  subscription_limit: 403,
  session_limit: 404,
  unavailable: 500,
  internal_fault: 501,
  key_unavailable: 502,
  draining: 503,
});

/**
 * What to do after a connection ended.
 * @typedef {'resume' | 'backoff' | 'refresh' | 'stop'} CloseAction
 *   resume: connect again at once (plus jitter); backoff: wait, then connect; refresh: get a newer
 *   token, then connect; stop: only a person can help
 */

/**
 * Slugs of the close codes, for messages and logs.
 * @type {Readonly<Record<number, string>>}
 */
export const closeSlugs = Object.freeze({
  1000: 'normal',
  1001: 'going_away',
  1002: 'websocket_protocol_error',
  1003: 'unsupported_data',
  1006: 'connection_lost',
  1007: 'invalid_payload',
  1009: 'message_too_big',
  4000: 'draining',
  4001: 'rebalance',
  4100: 'overloaded',
  4101: 'slow_reader',
  4102: 'rate_limited',
  4103: 'hello_timeout',
  4104: 'heartbeat_timeout',
  4105: 'message_timeout',
  4106: 'session_limit',
  4200: 'token_expired',
  4201: 'role_changed',
  4500: 'bad_authentication',
  4501: 'revoked',
  4502: 'key_revoked',
  4503: 'protocol_violation',
  4504: 'version_unsupported',
});

/**
 * The ranges decide, so that a code added later is treated as its range says.
 * @param {number} code
 * @returns {CloseAction}
 */
export function closeAction(code) {
  if (code >= 4000 && code < 4100) return 'resume';
  if (code >= 4200 && code < 4300) return 'refresh';
  if (code >= 4500 && code < 5000) return 'stop';
  return 'backoff';
}

/** A command, a request or a connection failed. */
export class HubError extends Error {
  /**
   * @param {object} facts
   * @param {number} [facts.code] of the table above; 0 where the hub was not reached or did not
   *   answer
   * @param {string} facts.slug as in the table, or `connection_lost`, `timeout`, `stopped`,
   *   `network`
   * @param {string} [facts.message]
   * @param {boolean} [facts.retryable] the same request may succeed later
   * @param {number} [facts.retryAfterMs]
   * @param {Array<{name: string, value: string}>} [facts.details]
   */
  constructor({ code = 0, slug, message, retryable = false, retryAfterMs = 0, details = [] }) {
    super(message || slug.replaceAll('_', ' '));
    this.name = 'HubError';
    this.code = code;
    this.slug = slug;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
    this.details = details;
  }
}

/** @param {unknown} error @returns {HubError} */
export function asHubError(error) {
  if (error instanceof HubError) return error;
  return new HubError({ slug: 'network', message: String(error), retryable: true });
}
