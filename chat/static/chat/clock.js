/**
 * The service's time, whatever the browser's clock says: the page names it, and answers and messages bring it again. In
 * between a clock counts that nobody can set.
 */
let known = Date.parse(document.querySelector("[data-now]")?.dataset.now ?? "");
let at = performance.now();

/**
 * The time by the service's clock.
 * @returns {Date} by the browser's clock only where the page names no time
 */
export function serviceTime() {
  return Number.isNaN(known) ? new Date() : new Date(known + performance.now() - at);
}

/**
 * Learns the time from an answer of the service: some computers stop to count while they sleep.
 * @template {Response|null|undefined} T
 * @param {T} answer
 * @returns {T} the same
 */
export function learnFrom(answer) {
  set(Date.parse(answer?.headers.get("Date") ?? ""));
  return answer;
}

/**
 * Learns that it is not earlier than this: a message was written.
 * @param {string} iso
 */
export function notBefore(iso) {
  const moment = Date.parse(iso);
  if (!(moment <= serviceTime())) set(moment);
}

function set(moment) {
  if (Number.isNaN(moment)) return;
  known = moment;
  at = performance.now();
}
