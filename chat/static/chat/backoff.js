/**
 * A random number of milliseconds between two bounds. Readers that lost the same server must not all come back at once.
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
export function between(low, high) {
  return low + Math.random() * (high - low);
}

/**
 * How long to wait before the next attempt: 1–2 s, 2–4 s, 4–8 s, …, 15–30 s.
 * @param {number} attempt 1 for the first repetition
 * @returns {number} milliseconds
 */
export function backoff(attempt) {
  const cap = Math.min(30_000, 1000 * 2 ** attempt);
  return between(cap / 2, cap);
}
