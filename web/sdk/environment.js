// What the SDK needs from the world: time, randomness, sockets, HTTP, a few remembered words and
// the page's signals.
// Tests pass their own; browserEnvironment() makes the real one.

/**
 * The part of a WebSocket that the SDK uses.
 * @typedef {object} Socket
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {(() => void) | null} onopen
 * @property {((event: {data: any}) => void) | null} onmessage
 * @property {((event: {code: number, reason: string}) => void) | null} onclose
 */

/**
 * `wake`: the page is seen again or thawed; `online`: the network is back; `offline`: it went
 * away; `leave`: the page is going, maybe to be kept frozen for the way back.
 * @typedef {'wake' | 'online' | 'offline' | 'leave'} Signal
 */

/**
 * @typedef {object} Environment
 * @property {() => number} now Unix milliseconds, for what people see and for what outlives the page: the
 *   clock may be wrong, and may be set at any moment
 * @property {() => number} monotonic milliseconds of a clock that nobody sets, for every interval
 * @property {() => number} random uniform in [0, 1)
 * @property {() => string} uniqueKey 128 random bits as text, for idempotency keys and tab names
 * @property {(run: () => void, milliseconds: number) => any} after one-shot timer
 * @property {(timer: any) => void} cancel
 * @property {(url: string, subprotocol: string) => Socket} openSocket
 * @property {(url: string, init: RequestInit) => Promise<Response>} fetch
 * @property {(listener: (signal: Signal) => void) => () => void} listen
 * @property {() => boolean} isOnline
 * @property {(name: string) => string | null} recall what was kept under the name, if anything
 * @property {(name: string, value: string | null) => void} keep null removes it
 */

/**
 * Environments of programs that were written before `monotonic` was asked for get the real one.
 * @param {Omit<Environment, 'monotonic'> & Partial<Environment>} environment
 * @returns {Environment}
 */
export function completed(environment) {
  return { monotonic: () => performance.now(), ...environment };
}

/** @returns {Environment} */
export function browserEnvironment() {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => Math.random(),
    uniqueKey,
    after: (run, milliseconds) => setTimeout(run, milliseconds),
    cancel: (timer) => clearTimeout(timer),
    openSocket: (url, subprotocol) => /** @type {any} */ (new WebSocket(url, subprotocol)),
    fetch: (url, init) => fetch(url, init),
    listen,
    isOnline: () => typeof navigator === 'undefined' || navigator.onLine !== false,
    recall,
    keep,
  };
}

/**
 * Works on plain-HTTP origins too, where crypto.randomUUID does not exist.
 * @returns {string}
 */
export function uniqueKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // Denied, or not a browser.
  }
}

/** @param {string} name @param {string | null} value */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // It is for comfort only.
  }
}

/** @param {(signal: Signal) => void} listener @returns {() => void} */
function listen(listener) {
  if (typeof window === 'undefined') return () => {};
  const wake = () => void (document.visibilityState === 'visible' && listener('wake'));
  const online = () => listener('online');
  const offline = () => listener('offline');
  const leave = () => listener('leave');
  document.addEventListener('visibilitychange', wake);
  window.addEventListener('pageshow', wake);
  window.addEventListener('pagehide', leave);
  window.addEventListener('online', online);
  window.addEventListener('offline', offline);
  return () => {
    document.removeEventListener('visibilitychange', wake);
    window.removeEventListener('pageshow', wake);
    window.removeEventListener('pagehide', leave);
    window.removeEventListener('online', online);
    window.removeEventListener('offline', offline);
  };
}
