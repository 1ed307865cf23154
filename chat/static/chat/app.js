import { Follower } from "./follower.js";
import { createMembers } from "./members.js";
import { keepVisitor, loadAgain, pageOf, queryOf } from "./page.js";
import { Room } from "./room.js";
import { createUnread } from "./title.js";

const element = document.querySelector("[data-chat]");
const page = pageOf(element);
const unread = createUnread(`${element.dataset.roomTitle} · Corkboard`);
const room = new Room(element, {
  ...page,
  focus: true,
  onMessage: unread.count,
  onTitle: ({ title }) => unread.rename(`${title} · Corkboard`),
  onMoved: (_, name) => location.replace(addressOf(name)),
});
const query = queryOf(page);
const address = addressOf(room.name);

function addressOf(name) {
  return `/${encodeURIComponent(name)}${query.length ? `?${new URLSearchParams(query)}` : ""}`;
}

const follower = new Follower({
  transport: page.transport,
  status: element.querySelector("[data-status]"),
  reload() {
    follower.stop();
    loadAgain(address);
  },
});

const members = element.querySelector("[data-members]");
if (members) {
  members.hidden = false;
  createMembers(members, `/rooms/${encodeURIComponent(room.name)}/members/`);
}
keepVisitor(page);

// A page of earlier messages is for readers without scripts; following the room from there would leave a hole.
if (new URLSearchParams(location.search).has("before")) {
  location.replace(address);
} else {
  history.replaceState(null, "", address);
  follower.add(room);
}
