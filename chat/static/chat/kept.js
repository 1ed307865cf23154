/**
 * What somebody is writing, kept in this tab until it is sent: over a reload, and while they are signed out. It is kept
 * for the one who wrote it, and is nobody else's.
 * @param {string} what it is, and where
 * @param {string} whose
 * @returns {{text: string}} "" for nothing
 */
export function createKept(what, whose) {
  const key = `corkboard ${what} ${whose}`;
  return {
    get text() {
      try {
        return sessionStorage.getItem(key) ?? "";
      } catch {
        return "";
      }
    },
    set text(text) {
      try {
        if (text) sessionStorage.setItem(key, text);
        else sessionStorage.removeItem(key);
      } catch {
        // A draft that can't be kept is no reason to stop writing.
      }
    },
  };
}
