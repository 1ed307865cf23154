import { me } from "./identity.js";

const KEPT_MAX = 500;

/**
 * Which messages of a room are the reader's own. Whoever is signed in is known by the id that messages name as their
 * author. A visitor has none: theirs are those that this tab posted, and not all under the same name.
 * @param {string} url of the room's messages
 * @param {string} [id] the reader's id as an author, where it is another one than everywhere
 * @returns {{id: string, has: (message: {id: number, author?: string|null}) => boolean, posted: (id: number) => void}}
 */
export function createOwn(url, id = me) {
  if (id) return { id, has: ({ author }) => author === id, posted: () => {} };
  const key = `corkboard posted ${url}`;
  const ids = new Set(recall(key));
  return {
    id: "",
    has: (message) => ids.has(message.id),
    posted(messageId) {
      ids.add(messageId);
      remember(key, [...ids].slice(-KEPT_MAX));
    },
  };
}

function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
}

function remember(key, ids) {
  try {
    sessionStorage.setItem(key, JSON.stringify(ids));
  } catch {
    // Without storage they are the reader's own as long as the page is open.
  }
}
