const KEY = "corkboard name";

/**
 * The name that was last used in this browser, to begin with.
 * @returns {string} empty when there is none
 */
export function lastName() {
  return recall("localStorage");
}

/**
 * The name of the visitor in this tab: two tabs can be two. It is kept here and not in the page's address, which people
 * hand on.
 * @returns {string} empty when there is none
 */
export function tabName() {
  return recall("sessionStorage");
}

/**
 * @param {string} name of the visitor in this tab
 */
export function keepName(name) {
  remember("localStorage", name);
  remember("sessionStorage", name);
}

/** Nobody is a visitor in this tab any more: they signed in, or want another name. */
export function forgetTabName() {
  remember("sessionStorage", "");
}

function recall(storage) {
  try {
    return globalThis[storage].getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function remember(storage, name) {
  try {
    globalThis[storage].setItem(KEY, name);
  } catch {
    // Without storage the next visit asks again.
  }
}
