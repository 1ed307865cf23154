import { between } from "./backoff.js";
import { createDisclosure } from "./disclosure.js";
import { me } from "./identity.js";

/** How soon the names follow a change that is said: everybody hears it at once, so not all ask at once. */
const SOON_MS = [200, 1500];
/** Long-polls are told of no change, and what is said while nobody is connected is lost: so it is asked now and then. */
const OPEN_MS = 30_000;
const CLOSED_MS = 300_000;
/** Until who just came in is counted. */
const COMING_MS = 4000;

/**
 * Who is in a room right now: their number, and their names for who opens the list.
 * @param {HTMLDetailsElement} details
 * @param {string} url of the people
 * @returns {{changed: (count?: number) => void, close: () => void}} `changed`: somebody
 *   came or went; `close`: the room is no longer read
 */
export function createHere(details, url) {
  const list = details.querySelector("ul");
  const more = details.querySelector("[data-here-more]");
  const closed = new AbortController();
  let timer = 0;
  let isComing = Boolean(me);

  function count(number) {
    details.hidden = !number && !details.open; // visitors are not counted: "0 here" would deny the one who reads it
    details.querySelector("[data-here-count]").textContent = number;
    details.querySelector("[data-here-words]").textContent = number === 1 ? " person" : " people";
  }

  function show({ count: number, people }) {
    count(number);
    list.replaceChildren(...people.map(row));
    const left = number - people.length;
    more.textContent = left > 0 ? `and ${left} more` : number ? "" : "Nobody with an account is here now.";
  }

  function row({ id, name, guest }) {
    const item = document.getElementById("here-template").content.firstElementChild.cloneNode(true);
    item.querySelector("bdi").textContent = name;
    item.querySelector("[data-role]").textContent = id === me ? "you" : guest ? "guest" : "";
    return item;
  }

  async function ask() {
    later();
    if (document.hidden) return;
    const headers = { Accept: "application/json" };
    const answer = await fetch(url, { headers, signal: closed.signal }).catch(() => null);
    const found = answer?.ok ? await answer.json().catch(() => null) : null;
    if (found && !closed.signal.aborted) show(found);
  }

  function later() {
    clearTimeout(timer);
    const ms = isComing ? COMING_MS : details.open ? OPEN_MS : CLOSED_MS;
    isComing = false;
    if (!closed.signal.aborted) timer = setTimeout(ask, between(0.8 * ms, 1.2 * ms));
  }

  createDisclosure(details, ask, closed.signal);
  document.addEventListener("visibilitychange", ask, { signal: closed.signal });
  ask();
  return {
    changed(number) {
      if (number !== undefined) count(number);
      if (!details.open) return;
      clearTimeout(timer);
      timer = setTimeout(ask, between(...SOON_MS));
    },
    close() {
      closed.abort();
      clearTimeout(timer);
      details.open = false;
      details.hidden = true;
    },
  };
}
