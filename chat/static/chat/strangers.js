import { createBlocks } from "./blocks.js";
import { createComposer } from "./composer.js";
import { wordsOf } from "./deliver.js";
import { Follower } from "./follower.js";
import { asMe, identity, me } from "./identity.js";
import { createMeeting } from "./meeting.js";
import { loadAgain, pageOf } from "./page.js";
import { Pair } from "./pair.js";
import { Presence } from "./presence.js";
import { createUnread } from "./title.js";

/** A state that came as an event doesn't say when to look again. */
const LOOK_AGAIN_S = 15;
/** How long one sees that the partner left before the next one is looked for by itself. */
const AGAIN_MS = 3000;
const LEFT = ["partner-left", "partner-gone"];

const element = document.querySelector("[data-chat]");
const main = element.querySelector("[data-strangers]");
const place = main.querySelector("[data-place]");
const composerForm = main.querySelector("[data-composer]");
const page = pageOf(element);
const unread = createUnread();
const presence = me ? new Presence({ polls: page.transport === "long-poll" }) : null;
const composer = createComposer(composerForm, page.textMax, send, false);
const meeting = createMeeting(main, act);
const blocksList = main.querySelector("[data-blocks]");
const blocks = blocksList && createBlocks(blocksList); // not for who may not enter
const follower = new Follower({
  transport: page.transport,
  status: element.querySelector("[data-status]"),
  reload() {
    follower.stop();
    loadAgain(location.href);
  },
});

let state = { state: "idle", reason: "", room: null, pair: null };
let position = -1;
let pair = null;
let own = null;
let timer = 0;

/** The room of one's own, as the follower wants it. */
function createOwn({ room, "last-event-id": token }) {
  return {
    ...{ name: room, key: room.toLowerCase(), token },
    take: ({ type, id, data }) => type === "stranger" && show(data, id),
    close: () => loadAgain(location.href), // signed out, or somebody else in another tab
  };
}

/**
 * Shows where the visitor is.
 * @param {object} next a state, of an answer or an event
 * @param {string} id of the event, or the position of the answer; what is older than what is shown changes nothing
 */
function show(next, id) {
  const number = Number(/:(\d+)/.exec(id ?? "")?.[1] ?? -1);
  if (number < position) return;
  position = number;
  state = next;
  if (next.room && !own) follower.add((own = createOwn(next)));
  if (next.state === "idle") presence?.leave(next.room);
  else presence?.enter(next.room);
  if (next.pair?.room !== pair?.name) change(next);
  const view = next.state === "idle" && place.hasChildNodes() ? "left" : next.state;
  meeting.show(view, next, place.dataset.partner);
  later(next);
}

function change(next) {
  const last = pair;
  pair = null;
  if (last) {
    follower.remove(last);
    last.end();
  }
  if (next.pair) enter(next.pair);
  else if (next.state === "idle" && !LEFT.includes(next.reason)) clear();
}

function clear() {
  place.replaceChildren();
  delete place.dataset.partner;
}

function enter(given) {
  const fresh = new Pair(given, { ...page, onMessage: unread.count, giveBack });
  pair = fresh;
  place.dataset.partner = given.partner;
  place.replaceChildren(fresh.stage);
  unread.count();
  composerForm.querySelector(".form-error").hidden = true;
  if (matchMedia("(hover: hover)").matches && !meeting.isAsking()) composerForm.elements.text.focus({ preventScroll: true });
  follow(fresh);
}

async function follow(fresh) {
  const isThere = await fresh.load().catch(() => false);
  if (pair !== fresh) return;
  if (isThere) follower.add(fresh);
  else setTimeout(() => pair === fresh && follow(fresh), AGAIN_MS);
}

/** What happens next by itself: a sign of life, or the next partner. */
function later(next) {
  clearTimeout(timer);
  if (next.state !== "idle") timer = setTimeout(look, (next["look-again"] ?? LOOK_AGAIN_S) * 1000);
  else if (LEFT.includes(next.reason) && place.hasChildNodes() && meeting.isAgain()) timer = setTimeout(() => act("meet"), AGAIN_MS);
}

async function look() {
  const answer = await ask("POST", "here/").catch(() => null);
  if (answer?.ok) show(answer.state, answer.state["last-event-id"]);
  else later(state);
}

/**
 * What a button does.
 * @param {string} what
 * @param {URLSearchParams} [body]
 */
async function act(what, body) {
  meeting.refuse("");
  const leave = state.pair ? `?${new URLSearchParams({ confirm: state.pair.room })}` : "";
  const [method, path] = { meet: ["POST", ""], next: ["POST", "next/"], leave: ["DELETE", leave], again: ["", ""] }[what] ?? ["POST", `${what}/`];
  if (what === "again") return later(state);
  const answer = await ask(method, path, body).catch(() => null);
  if (!answer) return meeting.refuse("The server can't be reached. Try again.");
  if (!answer.ok) return refused(answer.words);
  if (!me) return location.reload(); // a guest from now on: the page as theirs
  if (what === "block" || what === "report") blocks.grew();
  const now = answer.state ?? (await ask("GET", "").catch(() => null))?.state;
  if (now) show(now, now["last-event-id"]);
  if (now?.state !== "idle" || what === "meet" || what === "next") return undefined;
  clear();
  return show(now, now["last-event-id"]);
}

/** Who is signed out is told so elsewhere on the page. */
async function refused(words) {
  if (!(await identity.check())) meeting.refuse(words);
}

async function ask(method, path, body) {
  const answer = await fetch(`/strangers/${path}`, { method, body, headers: { Accept: "application/json", ...asMe } });
  const data = answer.status === 204 ? null : await answer.json().catch(() => null);
  return { ok: answer.ok, state: answer.ok ? data : null, words: answer.ok ? "" : wordsOf(data, answer.status) };
}

function send(text) {
  if (pair) pair.send(text);
  else alone(text);
}

/** Nobody is here: the service says so in words, and the text stays. */
async function alone(text) {
  composer.restore(text);
  const options = { method: "POST", body: new URLSearchParams({ text }), headers: { Accept: "application/json", ...asMe } };
  const answer = await fetch(`/rooms/${encodeURIComponent(state.room)}/messages/`, options).catch(() => null);
  if (pair) return;
  explain(answer ? wordsOf(await answer.json().catch(() => null), answer.status) : "The server can't be reached. Your text stays here.");
}

function giveBack(text, words) {
  composer.restore(text);
  if (words) explain(words);
}

function explain(words) {
  const line = composerForm.querySelector(".form-error");
  line.textContent = words;
  line.hidden = false;
}

const first = JSON.parse(main.dataset.strangers);
show(first, first["last-event-id"]);
