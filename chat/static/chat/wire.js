/**
 * The address of the events of one room or of several.
 * @param {string} base the address of the service, "" for the page's own
 * @param {...string} rooms
 * @returns {string}
 */
export function eventsUrl(base, ...rooms) {
  if (rooms.length === 1) return `${base}/rooms/${encodeURIComponent(rooms[0])}/events/`;
  return `${base}/events/?${new URLSearchParams(rooms.map((room) => ["channel", `room-${room}`]))}`;
}

/**
 * The channels of an events address, in the order in which the service counts them.
 * @param {URL} url see eventsUrl
 * @returns {string[]} in lower case
 */
export function channelsOf({ pathname, searchParams }) {
  const room = /\/rooms\/([^/]+)\/events\/$/.exec(pathname);
  const named = room ? [`room-${decodeURIComponent(room[1])}`] : searchParams.getAll("channel");
  return [...new Set(named.map((channel) => channel.toLowerCase()))].sort();
}

/**
 * The positions that an id or a token names: `room-a:3`, `room-b:1,room-a:3,room-b:1`, `room-b:1,@e0ac0ce0.3.1`.
 * @param {string} text
 * @param {string[]} channels of the stream, in order: the numbers of the short form have no names
 * @returns {[channel: string, position: number][]} of these channels only, an event's own first
 */
export function positionsOf(text, channels) {
  const [named, short = ""] = text.split("@");
  const found = named.split(",").map((part) => {
    const [, channel = "", digits] = /^(.+):(\d+)$/.exec(part) ?? [];
    return [channel.toLowerCase(), Number(digits)];
  });
  const numbers = short.split(".").slice(1);
  if (numbers.length === channels.length) numbers.forEach((number, index) => found.push([channels[index], Number(number)]));
  return found.filter(([channel]) => channels.includes(channel));
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
