// Exponential backoff with full jitter: the wait is uniform between 0 and a ceiling that doubles,
// so that many clients that lost the hub together do not come back together.

/** Ceiling of the first wait. Lower: faster return from short faults, more load on a sick hub. */
const firstCeilingMs = 500;
/** Ceiling of all later waits. */
const lastCeilingMs = 30_000;

/**
 * @param {number} attempt 0 for the first wait
 * @param {() => number} random uniform in [0, 1)
 * @returns {number} milliseconds
 */
export function fullJitterMs(attempt, random) {
  const ceiling = Math.min(lastCeilingMs, firstCeilingMs * 2 ** Math.min(attempt, 16));
  return Math.floor(random() * ceiling);
}
