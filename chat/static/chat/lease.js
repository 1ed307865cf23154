import { between } from "./backoff.js";

const BEAT_MS = 5000;
/** The timers of a hidden page run once a minute: a holder that is silent for longer is gone. */
const STALE_MS = 75_000;
/** Who has just written waits this long before it believes that nobody wrote after it. */
const SETTLE_MS = [150, 400];

/**
 * Lets one tab of a browser at a time hold something, by localStorage: for pages without the Web Locks API, which
 * browsers give to https and to this machine only.
 * @param {string} name
 * @param {AbortSignal} signal ends it
 * @param {{held: () => void, lost: () => void}} handlers
 */
export function lease(name, signal, { held, lost }) {
  const me = Math.random().toString(36);
  let isHeld = false;
  let beats = 0;
  let seen = null;
  let seenAt = 0;

  /** Whether the holder is gone. No clock of the computer is asked, which somebody may set: it has not moved for long. */
  function isStale(value) {
    if (value !== seen) [seen, seenAt] = [value, performance.now()];
    return !value || performance.now() - seenAt >= STALE_MS;
  }

  function look() {
    const value = localStorage.getItem(name);
    const stale = isStale(value);
    const { by } = JSON.parse(value ?? "{}");
    if (by === me) {
      write();
      if (!isHeld) held();
      isHeld = true;
      return;
    }
    if (isHeld) lost();
    isHeld = false;
    if (!stale) return;
    write();
    setTimeout(look, between(...SETTLE_MS));
  }

  function write() {
    if (!signal.aborted) localStorage.setItem(name, JSON.stringify({ by: me, beat: (beats += 1) }));
  }

  /** Another tab may have it at once. */
  function give() {
    if (isHeld) localStorage.removeItem(name);
    isHeld = false;
  }

  const beat = setInterval(look, BEAT_MS);
  signal.addEventListener("abort", () => (clearInterval(beat), give()));
  addEventListener("pagehide", give, { signal });
  addEventListener("pageshow", (event) => event.persisted && look(), { signal });
  addEventListener("storage", (event) => event.key === name && !event.newValue && look(), { signal });
  look();
}
