/** A message on its way to the service: `deliver.js` repeats it under one key until there is an answer. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { json, later, load, Page, settle } from "./page.js";

const { deliver, newKey, NotSent, wordsOf } = await load("deliver.js");
const MESSAGE = { key: "k1", from: "ann", text: "hello\n& goodbye" };
const STORED = { id: 4, text: MESSAGE.text };
const fail = () => Promise.reject(new TypeError("failed"));

/** Delivers a message; `answers` come in turn, the last one again and again. */
function send(page, ...answers) {
  const sent = { words: [], result: null };
  sent.requests = page.answer(() => (answers.length > 1 ? answers.shift() : answers[0])());
  deliver("/rooms/a/messages/", MESSAGE, (words) => sent.words.push(words)).then(
    (stored) => (sent.result = stored),
    (error) => (sent.result = error),
  );
  return sent;
}
const pauses = ({ requests }) => requests.slice(1).map(({ at }, index) => Math.round(at - requests[index].at));
const refuse = (status, headers = {}, problem = {}) => () => json({ detail: "No.", code: "NO", ...problem }, status, headers);

test("a message is posted as a form under its key", async () => {
  const page = new Page();
  const sent = send(page, () => json(STORED, 201));
  await settle();
  assert.deepEqual(sent.result, STORED);
  const [{ url, method, headers, body }] = sent.requests;
  assert.deepEqual([url, method, headers.get("Idempotency-Key"), headers.get("Accept")], ["/rooms/a/messages/", "POST", "k1", "application/json"]);
  assert.deepEqual([...body], [["from", "ann"], ["text", MESSAGE.text], ["type", "0"]]);
});

for (const status of [400, 403, 404, 409, 413, 422, 500]) {
  test(`a refusal with ${status} is told in its words, and not repeated`, async () => {
    const page = new Page();
    const sent = send(page, refuse(status));
    await page.pass(120_000);
    assert.ok(sent.result instanceof NotSent);
    assert.deepEqual([sent.result.message, sent.result.code, sent.requests.length], ["No.", "NO", 1]);
  });
}

for (const [name, failure] of [
  ["502", refuse(502)],
  ["503", refuse(503)],
  ["504", refuse(504)],
  ["a network that fails", fail],
]) {
  test(`${name} is tried again under the same key, ever more seldom, and given up after five times`, async () => {
    const page = new Page();
    page.random = 0;
    const sent = send(page, failure);
    await page.pass(120_000);
    assert.deepEqual(pauses(sent), [1000, 2000, 4000, 8000]);
    assert.deepEqual([...new Set(sent.requests.map(({ headers }) => headers.get("Idempotency-Key")))], ["k1"]);
    assert.deepEqual(sent.words, Array(4).fill("Trying again…"));
    assert.equal(sent.result.message, failure === fail ? "The server can't be reached." : "No.");
  });

  test(`${name} is forgotten when the next attempt is answered`, async () => {
    const page = new Page();
    const sent = send(page, failure, failure, () => json(STORED));
    await page.pass(60_000);
    assert.deepEqual([sent.result, sent.requests.length], [STORED, 3]);
  });
}

test("a server that hangs is given up after ten seconds and asked again", async () => {
  const page = new Page();
  page.random = 0;
  const sent = send(page, () => later().promise, () => json(STORED));
  await page.pass(60_000);
  assert.deepEqual([pauses(sent), sent.result], [[11_000], STORED]);
});

test("without a network it waits for it, however long, and counts no attempt", async () => {
  const page = new Page();
  await page.happen("offline");
  const sent = send(page, fail, fail, fail, fail, fail, () => json(STORED));
  await page.pass(86_400_000);
  assert.deepEqual([sent.requests.length, sent.words], [1, ["Waiting for the network…"]]);
  await page.happen("online");
  await page.pass(60_000);
  assert.deepEqual([sent.requests.length, sent.result], [6, STORED]); // four failures more, and then the fifth attempt
});

for (const [after, least, most] of [
  ["7", 7000, 7500],
  ["0", 500, 1000],
  ["3600", 3_600_000, 3_600_500],
  ["86400", 86_400_000, 86_400_500],
]) {
  for (const random of [0, 0.999]) {
    test(`whoever was too fast waits as long as the service says: ${after} s (${random})`, async () => {
      const page = new Page();
      page.random = random;
      const sent = send(page, refuse(429, { "Retry-After": after }), () => json(STORED));
      await page.pass(most + 1);
      const [pause] = pauses(sent);
      assert.ok(pause >= least && pause <= most, `${pause}`);
      assert.match(sent.words[0], /^Too many messages in a short time\. This one is sent by itself at .+\.$/);
      assert.deepEqual(sent.result, STORED);
    });
  }
}

test("being too fast again and again is no failure", async () => {
  const page = new Page();
  const slowly = refuse(429, { "Retry-After": "2" });
  const sent = send(page, ...Array(9).fill(slowly), () => json(STORED));
  await page.pass(60_000);
  assert.deepEqual([sent.requests.length, sent.result], [10, STORED]);
});

test("a wait as a date is a wait, too", async () => {
  const page = new Page();
  page.random = 0;
  const date = new Date(page.now + 9000).toUTCString();
  const sent = send(page, refuse(503, { "Retry-After": date, Date: new Date(page.now).toUTCString() }), () => json(STORED));
  await page.pass(10_000);
  assert.deepEqual([pauses(sent), sent.result], [[9000], STORED]);
});

test("a service that is away for longer than a minute is not waited for", async () => {
  const page = new Page();
  const sent = send(page, refuse(503, { "Retry-After": "61" }));
  await settle();
  assert.equal(sent.result.message, "No.");
});

test("an answer that can't be read is a failure", async () => {
  const page = new Page();
  const sent = send(page, () => new Response("<p>", { status: 200 }));
  await settle();
  assert.equal(sent.result.message, "The answer could not be read.");
});

for (const [problem, words] of [
  [{ detail: "Details.", title: "Title" }, "Details."],
  [{ title: "Title" }, "Title"],
  [{}, "The server answered 418."],
  [null, "The server answered 418."],
]) {
  test(`a refusal in words: ${words}`, () => assert.equal(wordsOf(problem, 418), words));
}

test("keys are never the same, in secure contexts and elsewhere", () => {
  const { randomUUID } = crypto;
  for (const isSecure of [true, false]) {
    Object.defineProperty(crypto, "randomUUID", { value: isSecure ? randomUUID : undefined, configurable: true });
    const keys = Array.from({ length: 1000 }, newKey);
    assert.equal(new Set(keys).size, 1000);
    assert.ok(keys.every((key) => /^[0-9a-f-]{32,36}$/.test(key)));
  }
});
