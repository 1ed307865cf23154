/** Names of private rooms begin with it; open rooms have none of these. */
const PRIVATE = "x-";
const GONE = "This room is not open any more: it was made private, or it was deleted.";

/**
 * What became of a room that can't be read any more. One that is made private gets another name, which only its members
 * can find: in their list of rooms, by its title.
 * @param {string} name
 * @param {string} title
 * @param {boolean} isSignedIn
 * @returns {Promise<{words: string, href?: string, title?: string, room?: string, isOwner?: boolean}|null>} null when it is
 *   still there, or when nobody can say; `href` is where to go on, `room` the room under its new name
 */
export async function whatBecameOf(name, title, isSignedIn) {
  if (name.toLowerCase().startsWith(PRIVATE)) return null;
  const there = await get(`/rooms/${encodeURIComponent(name)}/`);
  if (there?.status !== 404) return null;
  if (!isSignedIn) return { words: GONE };
  const rooms = await privateRooms();
  const found = rooms.filter((room) => room.visibility === "private" && room.title === title);
  if (found.length !== 1) return { words: GONE, href: "/rooms/", title: "See your rooms" };
  const [{ room, role }] = found;
  return { words: "This room is private now. It goes on at", href: `/${room}`, title, room, isOwner: role === "owner" };
}

/** The private rooms that one belongs to, all pages of them. */
async function privateRooms() {
  const rooms = [];
  let next = `/rooms/?${new URLSearchParams({ mine: "only", after: PRIVATE })}`;
  while (next) {
    const answer = await get(next);
    if (!answer?.ok) break;
    rooms.push(...((await answer.json().catch(() => null))?.rooms ?? []));
    next = /<([^<>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1];
  }
  return rooms;
}

function get(address) {
  return fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
}
