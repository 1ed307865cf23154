/** Closer to the end than this is at the end. */
const NEAR_PX = 48;

/**
 * Whether the reader is at the end. The log is a reversed column: scrollTop is 0 at its end and negative above.
 * @param {HTMLElement} scroller
 * @returns {boolean}
 */
export function atEnd(scroller) {
  return Math.abs(scroller.scrollTop) < NEAR_PX;
}

/**
 * @param {HTMLElement} scroller
 */
export function toEnd(scroller) {
  scroller.scrollTop = 0;
}

/**
 * Changes the log without moving what the reader is reading; who is at the end stays there.
 * @param {HTMLElement} scroller
 * @param {() => void} change
 */
export function keepPlace(scroller, change) {
  if (atEnd(scroller)) {
    change();
    toEnd(scroller);
    return;
  }
  const edge = scroller.getBoundingClientRect().top;
  const anchor = [...scroller.querySelectorAll(".message")].find((item) => item.getBoundingClientRect().bottom > edge);
  if (anchor) holdStill(scroller, anchor, change);
  else change();
}

/**
 * Changes the log while one of its elements stays where it is on the screen.
 * @param {HTMLElement} scroller
 * @param {HTMLElement} anchor
 * @param {() => void} change
 */
export function holdStill(scroller, anchor, change) {
  const before = anchor.getBoundingClientRect().top;
  change();
  if (anchor.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
}

/**
 * The button that tells of messages below what the reader sees, and leads to them.
 * @param {HTMLElement} scroller
 * @param {HTMLButtonElement} button
 * @returns {() => void} to call for each message that arrived while the reader was above the end
 */
export function createJump(scroller, button) {
  let count = 0;
  const clear = () => {
    count = 0;
    button.hidden = true;
  };
  button.addEventListener("click", () => {
    toEnd(scroller);
    clear();
    scroller.focus({ preventScroll: true });
  });
  scroller.addEventListener("scroll", () => count && atEnd(scroller) && clear(), { passive: true });
  return () => {
    count += 1;
    button.textContent = count === 1 ? "1 new message" : `${count} new messages`;
    button.hidden = false;
  };
}
