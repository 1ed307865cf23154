/** Messages on their way: `outbox.js` sends them one after another, and what it can't send stays. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { json, later, load, Page, settle } from "./page.js";

const { Outbox } = await load("outbox.js");
const URL_OF_A = "/rooms/a/messages/";
const NAME = "ann";

class Button extends EventTarget {
  hidden = false;

  click() {
    this.dispatchEvent(new Event("click"));
  }
}

/** What stands below a message on its way: words, and the buttons to try again or to give up. */
class Delivery {
  #parts = { "[data-retry]": new Button(), "[data-discard]": new Button(), "[data-delivery-text]": { textContent: "" } };

  cloneNode() {
    return new Delivery();
  }

  querySelector(what) {
    return this.#parts[what];
  }

  querySelectorAll() {
    return [this.querySelector("[data-retry]"), this.querySelector("[data-discard]")];
  }

  remove() {
    this.isGone = true;
  }
}

/** The log on a page, as far as an outbox knows it. */
class Log {
  rows = [];

  addPending(message) {
    const row = { ...message, dataset: {}, append: (delivery) => (row.delivery = delivery) };
    this.rows.push(row);
    return row;
  }

  settle(row, { id, text }) {
    Object.assign(row, { id, text, isStored: true });
  }

  drop(row) {
    this.rows = this.rows.filter((one) => one !== row);
  }

  /** Each message in short: what is stored by its id, all else by its state. */
  get shown() {
    return this.rows.map(({ id, text, isStored, dataset }) => `${text} ${isStored ? id : dataset.state}`);
  }
}

/** A visitor's outbox on a page; `answer` is the service, which gets the text. */
function open(page, answer, { giveBack } = {}) {
  page.document.getElementById = () => ({ content: { firstElementChild: new Delivery() } });
  const requests = page.answer((request) => answer(request.body.get("text"), request));
  const log = new Log();
  const posted = new Set();
  const own = { has: ({ id }) => posted.has(id), posted: (id) => posted.add(id) };
  const add = (message) => log.rows.some(({ id }) => id === message.id) || log.rows.push({ ...message, isStored: true });
  const outbox = new Outbox(URL_OF_A, { name: NAME, own, log, onForeign: add, giveBack });
  /** A message comes by the stream. */
  const meet = (message) => outbox.meet(message) || add(message);
  const texts = () => requests.map(({ body }) => body.get("text"));
  return { outbox, log, meet, requests, texts };
}

/** A service that stores what it is sent, each key once. */
function storing() {
  const stored = new Map();
  return (text, { headers }) => {
    const key = headers.get("Idempotency-Key");
    const isNew = !stored.has(key);
    if (isNew) stored.set(key, { id: stored.size + 1, text, from: NAME, author: null });
    return json(stored.get(key), isNew ? 201 : 200);
  };
}
const refuse = (status, problem) => () => json({ detail: "No.", ...problem }, status);

test("messages are sent one after another, in the order they were written", async () => {
  const page = new Page();
  const answers = [];
  const { outbox, log, texts } = open(page, () => (answers.push(later()), answers.at(-1).promise));
  for (const text of ["one", "two", "three"]) outbox.send(text);
  await settle();
  assert.deepEqual([texts(), log.shown], [["one"], ["one sending", "two sending", "three sending"]]);
  for (const id of [1, 2, 3]) {
    answers.at(-1).resolve(json({ id, text: texts().at(-1) }));
    await settle();
  }
  assert.deepEqual(log.shown, ["one 1", "two 2", "three 3"]);
  assert.ok(log.rows.every(({ delivery }) => delivery.isGone));
});

for (const first of ["answer", "stream"]) {
  test(`a message is there once, whether the ${first} comes first`, async () => {
    const page = new Page();
    const answer = later();
    const { outbox, log, meet } = open(page, () => answer.promise);
    outbox.send("hello ");
    await settle();
    const stored = { id: 7, text: "hello", from: NAME, author: null };
    const come = { answer: () => answer.resolve(json(stored)), stream: () => meet(stored) };
    come[first]();
    await settle();
    come[first === "answer" ? "stream" : "answer"]();
    await settle();
    assert.deepEqual(log.shown, ["hello 7"]);
  });
}

test("what others say is not taken for one's own", async () => {
  const page = new Page();
  const { outbox, log, meet } = open(page, () => later().promise);
  outbox.send("hello");
  await settle();
  meet({ id: 7, text: "hello", from: "bob", author: null });
  meet({ id: 8, text: "hello you", from: NAME, author: null });
  assert.deepEqual(log.shown, ["hello sending", "hello 7", "hello you 8"]);
});

test("a refused message stays with its reason, and those behind it are sent", async () => {
  const page = new Page();
  const { outbox, log } = open(page, (text) => (text === "bad" ? json({ detail: "No." }, 422) : json({ id: 1, text })));
  outbox.send("bad");
  outbox.send("good");
  await settle();
  assert.deepEqual(log.shown, ["bad failed", "good 1"]);
  const { delivery } = log.rows[0];
  assert.equal(delivery.querySelector("[data-delivery-text]").textContent, "Not sent. No.");
  assert.ok(delivery.querySelectorAll("button").every(({ hidden }) => !hidden));
});

test("a refused message is sent again under its key when that is wanted, or goes", async () => {
  const page = new Page();
  const answers = [refuse(422), refuse(422), (text) => json({ id: 1, text })];
  const { outbox, log, requests } = open(page, (text) => answers.shift()(text));
  outbox.send("one");
  await settle();
  outbox.send("two");
  await settle();
  const [one, two] = log.rows;
  one.delivery.querySelector("[data-retry]").click();
  await settle();
  two.delivery.querySelector("[data-discard]").click();
  assert.deepEqual(log.shown, ["one 1"]);
  const keys = requests.map(({ headers }) => headers.get("Idempotency-Key"));
  assert.equal(keys[0], keys[2]);
});

test("what waits is said in words, and has no buttons", async () => {
  const page = new Page();
  const answers = [() => json({}, 429, { "Retry-After": "30" }), (text) => json({ id: 1, text })];
  const { outbox, log } = open(page, (text) => answers.shift()(text));
  outbox.send("one");
  await settle();
  assert.deepEqual(log.shown, ["one waiting"]);
  const { delivery } = log.rows[0];
  assert.match(delivery.querySelector("[data-delivery-text]").textContent, /^Too many messages in a short time/);
  assert.ok(delivery.querySelectorAll("button").every(({ hidden }) => hidden));
  await page.pass(31_000);
  assert.deepEqual(log.shown, ["one 1"]);
});

test("a reload loses nothing and doubles nothing", async () => {
  const page = new Page();
  const service = storing();
  const before = open(page, (...post) => (service(...post), later().promise)); // stored, but the answer never comes
  for (const text of ["one", "two"]) before.outbox.send(text);
  await settle();
  const after = open(page, service);
  assert.deepEqual(after.log.shown, ["one sending", "two sending"]);
  await settle();
  assert.deepEqual(after.log.shown, ["one 1", "two 2"]);
  assert.deepEqual(open(page, service).log.shown, []);
});

test("a message that was edited since it was stored is the log's", async () => {
  const page = new Page();
  const { outbox, log } = open(page, refuse(422, { code: "IDEMPOTENCY_KEY_REUSED" }));
  outbox.send("one");
  await settle();
  assert.deepEqual(log.shown, []);
});

test("where nobody is left to read, all that is on its way comes back", async () => {
  const page = new Page();
  const back = [];
  const answer = later();
  const { outbox, log } = open(page, () => answer.promise, { giveBack: (...given) => back.push(given) });
  for (const text of ["first", "second"]) outbox.send(text);
  await settle();
  answer.resolve(json({ detail: "Nobody is here to read this.", code: "PARTNER_MISSING" }, 409));
  await settle();
  assert.deepEqual([back, log.shown], [[["first\nsecond", "Nobody is here to read this."]], []]);
});

test("what failed is given back when the log is over", async () => {
  const page = new Page();
  const back = [];
  const { outbox, log } = open(page, refuse(403), { giveBack: (...given) => back.push(given) });
  outbox.send("one");
  await settle();
  outbox.giveUp();
  assert.deepEqual([back, log.shown], [[["one", ""]], []]);
});

test("without storage messages are sent all the same", async () => {
  const page = new Page();
  globalThis.sessionStorage.setItem = () => {
    throw new Error("full");
  };
  const { outbox, log } = open(page, storing());
  outbox.send("one");
  await settle();
  assert.deepEqual(log.shown, ["one 1"]);
});
