// localStorage that may be denied or full: reading gives null, writing does nothing then.

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string | null} value null removes it
 */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // What is kept here is comfort only.
  }
}

/**
 * Removes everything kept under names that begin so.
 * @param {string} prefix
 */
export function dropAll(prefix) {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(prefix));
    for (const name of names) localStorage.removeItem(name);
  } catch {
    // Nothing can be there.
  }
}

/**
 * How much is kept under names that begin so.
 * @param {string} prefix
 * @returns {number}
 */
export function countAll(prefix) {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(prefix)).length;
  } catch {
    return 0;
  }
}
