/**
 * Measures how long ago something was. The browser's clock only helps where the other one stands still, while the
 * computer sleeps: when somebody sets it, in either direction, more time seems to have passed.
 * @returns {() => number} ms since the call
 */
export function stopwatch() {
  const [counted, shown] = [performance.now(), Date.now()];
  return () => Math.max(performance.now() - counted, Math.abs(Date.now() - shown));
}
