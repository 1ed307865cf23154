const KEY = "corkboard name";

/**
 * The name that was last used in this browser.
 * @returns {string} empty when there is none
 */
export function lastName() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {string} name
 */
export function keepName(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // Without storage the next visit asks again.
  }
}
