import { Follower } from "./follower.js";
import { me } from "./identity.js";
import { keepVisitor, loadAgain, pageOf, queryOf } from "./page.js";
import { Presence } from "./presence.js";
import { Room } from "./room.js";
import { createTabs } from "./tabs.js";
import { createUnread } from "./title.js";

const element = document.querySelector("[data-chat]");
const columns = element.querySelector("[data-columns]");
const form = element.querySelector("[data-join-room]");
const field = form.querySelector("[data-join-name]"); // the form has rooms in hidden fields too
const words = form.querySelector("[data-join-words]");
const page = pageOf(element);
const query = queryOf(page);
const unread = createUnread();
const rooms = new Map();
const presence = me ? new Presence({ polls: page.transport === "long-poll" }) : null;
const tabs = createTabs(element.querySelector("[data-tabs]"), columns);

const follower = new Follower({
  transport: page.transport,
  status: element.querySelector("[data-status]"),
  reload() {
    follower.stop();
    loadAgain(addressOf([...rooms.values()].map(({ name }) => name)));
  },
});

function addressOf(names) {
  return `/-/?${new URLSearchParams([...names.map((name) => ["room", name]), ...query])}`;
}

function enter(section, focus) {
  const room = new Room(section, {
    ...page,
    focus,
    onMessage(from) {
      unread.count();
      tabs.count(from);
    },
    onTitle: tabs.rename,
    onClose: ({ name }) => presence?.leave(name),
    onMoved: (moved, name) => location.replace(addressOf([...rooms.values()].map((one) => (one === moved ? name : one.name)))),
  });
  presence?.enter(room.name);
  rooms.set(room.key, room);
  tabs.add(room);
  section.querySelector("[data-leave]").addEventListener("click", (event) => {
    event.preventDefault();
    leave(room);
  });
  return room;
}

function arranged() {
  const names = [...rooms.values()].map(({ name }) => name);
  history.replaceState(null, "", addressOf(names));
  element.querySelector("[data-no-rooms]").hidden = names.length > 0;
  for (const { section } of rooms.values()) section.querySelector("[data-leave]").href = addressOf(names.filter((name) => name !== section.dataset.room));
}

function leave(room) {
  rooms.delete(room.key);
  follower.remove(room);
  presence?.leave(room.name);
  tabs.remove(room);
  room.leave();
  room.section.remove();
  say(`You left ${room.title}.`);
  arranged();
  field.focus();
}

async function join(name) {
  const known = rooms.get(name.toLowerCase());
  if (known) return tabs.show(known);
  const section = await load(name);
  if (rooms.has(section.dataset.room.toLowerCase())) return undefined; // twice at once
  columns.append(section);
  const room = enter(section, true);
  follower.add(room);
  tabs.show(room);
  field.value = "";
  say(`You are in ${room.title}.`);
  return arranged();
}

/** The room's part of the page that the server makes of it alone: there is one source of markup. */
async function load(name) {
  const visitor = me ? "" : `&${new URLSearchParams({ user: page.user })}`;
  const answer = await fetch(addressOf([name]) + visitor, { headers: { Accept: "text/html" } });
  const other = new DOMParser().parseFromString(await answer.text(), "text/html");
  const section = other.querySelector("[data-room]");
  if (!section) throw new Error(other.querySelector("[data-refusal], .lead")?.textContent ?? "The room could not be opened.");
  return document.adoptNode(section);
}

function say(text, isRefusal = false) {
  words.textContent = text;
  words.toggleAttribute("data-refusal", isRefusal);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = field.value.trim();
  say("");
  if (rooms.size >= Number(columns.dataset.max)) return say(`A page has at most ${columns.dataset.max} rooms: close one first.`, true);
  return name && join(name).catch((error) => say(error instanceof TypeError ? "The server can't be reached." : error.message, true));
});

keepVisitor(page);
const first = [...columns.querySelectorAll("[data-room]")].map((section, index) => enter(section, index === 0));
arranged();
if (first.length) follower.add(...first);
