// Where unsent messages survive a reload: IndexedDB, shared by the tabs of one browser, or memory
// where that is denied (private windows, other runtimes). Each entry belongs to one tab; a tab
// that is gone leaves its entries to the next that asks. Should two tabs ever send the same
// entry, its idempotency key keeps it from appearing twice.

/**
 * An unsent message or edit.
 * @typedef {object} StoredEntry
 * @property {string} key idempotency key
 * @property {string} channel
 * @property {string} text
 * @property {number | null} [target] sequence of the message that it edits; none: a new message
 * @property {number} createdAtMs
 * @property {number} order breaks ties of createdAtMs
 * @property {string | null} failure slug of the final refusal; null: still to be sent
 */
/**
 * @typedef {object} OutboxStore
 * @property {() => Promise<StoredEntry[]>} claim entries without a living owner become ours, in
 *   order
 * @property {(entry: StoredEntry) => Promise<void>} put
 * @property {(key: string) => Promise<void>} remove
 * @property {() => Promise<void>} clear
 * @property {() => void} close
 */

/** @returns {OutboxStore} */
export function memoryStore() {
  return {
    claim: async () => [],
    put: async () => {},
    remove: async () => {},
    clear: async () => {},
    close: () => {},
  };
}

/**
 * @param {string} name one per account and organisation
 * @param {string} owner unique to this tab and load
 * @returns {Promise<OutboxStore>}
 */
export async function openOutboxStore(name, owner) {
  try {
    const database = await openDatabase(name);
    const end = await showLife(`${name} ${owner}`);
    return indexedStore(database, name, owner, end);
  } catch {
    return memoryStore();
  }
}

/**
 * @param {IDBDatabase} database
 * @param {string} name
 * @param {string} owner
 * @param {() => void} end
 * @returns {OutboxStore}
 */
function indexedStore(database, name, owner, end) {
  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(entries: IDBObjectStore) => IDBRequest<T>} use
   * @returns {Promise<T>}
   */
  const transact = (mode, use) => new Promise((resolve, reject) => {
    const transaction = database.transaction('entries', mode);
    const request = use(transaction.objectStore('entries'));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
  const claim = async () => {
    /** @type {Array<StoredEntry & {owner: string}>} */
    const all = await transact('readonly', (entries) => entries.getAll());
    const living = await livingOwners(name);
    const ours = all.filter((entry) => entry.owner !== owner && !living.has(entry.owner));
    for (const entry of ours) {
      await transact('readwrite', (entries) => entries.put({ ...entry, owner }));
    }
    return ours.map(({ owner: _, ...entry }) => entry)
      .sort((a, b) => a.createdAtMs - b.createdAtMs || a.order - b.order);
  };
  return {
    claim: () => exclusively(`${name} claim`, claim),
    put: async (entry) => {
      await transact('readwrite', (entries) => entries.put({ ...entry, owner }));
    },
    remove: (key) => transact('readwrite', (entries) => entries.delete(key)),
    clear: () => transact('readwrite', (entries) => entries.clear()),
    close: () => {
      database.close();
      end();
    },
  };
}

/** @param {string} name @returns {Promise<IDBDatabase>} */
function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('entries', { keyPath: 'key' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

/**
 * Holds a lock for as long as the page is alive. A page that the browser has put away for the way
 * back
 * would keep the lock, frozen: it lets go, and takes the lock again when it is shown.
 * @param {string} name
 * @returns {Promise<() => void>} lets go for good
 */
async function showLife(name) {
  if (!hasLocks()) return () => {};
  let release = await holdLock(name);
  const hide = () => release();
  const show = (/** @type {PageTransitionEvent} */ event) => {
    if (event.persisted) void holdLock(name).then((next) => void (release = next));
  };
  window.addEventListener('pagehide', hide);
  window.addEventListener('pageshow', show);
  return () => {
    window.removeEventListener('pagehide', hide);
    window.removeEventListener('pageshow', show);
    release();
  };
}

/** @param {string} name @returns {Promise<() => void>} */
function holdLock(name) {
  return new Promise((held, failed) => {
    navigator.locks.request(name, () => new Promise((release) => {
      held(() => release(undefined));
    })).catch(failed);
  });
}

/** @template T @param {string} name @param {() => Promise<T>} run @returns {Promise<T>} */
function exclusively(name, run) {
  return hasLocks() ? navigator.locks.request(name, run) : run();
}

/** Without locks (plain-HTTP origins) nobody counts as living: the key makes double posts harmless.
 *  @param {string} name @returns {Promise<Set<string>>} */
async function livingOwners(name) {
  if (!hasLocks()) return new Set();
  const { held = [] } = await navigator.locks.query();
  const prefix = `${name} `;
  return new Set(held.map((lock) => lock.name ?? '').filter((lock) => lock.startsWith(prefix))
    .map((lock) => lock.slice(prefix.length)));
}

/** @returns {boolean} */
function hasLocks() {
  return typeof navigator !== 'undefined' && 'locks' in navigator && navigator.locks !== undefined;
}
