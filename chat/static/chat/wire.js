/**
 * The position `n` of an event id `room-<name>:<n>`.
 * @param {string} id
 * @returns {number} NaN when the id has none
 */
export function positionOf(id) {
  const digits = /:(\d+)$/.exec(id);
  return digits ? Number(digits[1]) : NaN;
}

/**
 * An event's data.
 * @param {string} text
 * @returns {any} null when it is not JSON
 */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
