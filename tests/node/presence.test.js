/** The connection by which somebody is present, one for all tabs of a browser: `presence.js`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { json, later, load, Page, playEventSource, settle } from "./page.js";

const { Presence } = await load("presence.js");
const address = (...rooms) => `/presence/?${rooms.map((room) => `channel=room-${room}`).join("&")}`;

/** A page on which somebody enters these rooms, and the connections that it opens. */
async function enter(...rooms) {
  const page = new Page();
  const sources = playEventSource();
  const presence = new Presence();
  for (const room of rooms) presence.enter(room);
  await page.pass(100);
  return { page, sources, presence };
}
const open = (sources) => sources.filter(({ isClosed }) => !isClosed).map(({ url }) => url);
/** An EventSource gives up for good at an error status. */
const giveUp = (source) => (source.close(), source.fail());

test("rooms that are entered together share one connection", async () => {
  const { sources } = await enter("den", "attic");
  assert.deepEqual(sources.map(({ url }) => url), [address("attic", "den")]);
});

test("a room that is left or entered later changes the connection", async () => {
  const { page, sources, presence } = await enter("den", "attic");
  presence.leave("den");
  await page.pass(100);
  assert.deepEqual(open(sources), [address("attic")]);
  presence.enter("den");
  presence.enter("den");
  await page.pass(100);
  assert.deepEqual(open(sources), [address("attic", "den")]);
  presence.leave("den");
  presence.leave("attic");
  await page.pass(600_000);
  assert.deepEqual(open(sources), []);
});

test("of two tabs one is connected, and the other one as soon as that is gone", async () => {
  const { page, sources, presence } = await enter("den");
  new Presence().enter("den");
  sources[0].say("stream-open", null);
  await page.pass(40_000);
  assert.equal(open(sources).length, 1);
  presence.leave("den");
  await page.pass(100);
  assert.deepEqual(open(sources), [address("den")]);
});

test("without Web Locks one of two tabs is connected, too", async () => {
  const page = new Page();
  delete globalThis.navigator.locks;
  const sources = playEventSource();
  for (const random of [0.3, 0.6]) {
    page.random = random;
    new Presence().enter("den");
  }
  await page.pass(1000);
  assert.deepEqual(open(sources), [address("den")]);
});

test("an end is left to the browser, which comes back by itself", async () => {
  const { page, sources } = await enter("den");
  sources[0].say("stream-open", null);
  sources[0].fail();
  await page.pass(40_000);
  assert.deepEqual([sources.length, open(sources).length], [1, 1]);
});

test("a service that is away is asked ever more seldom, and soon again after it was back", async () => {
  const { page, sources } = await enter("den");
  page.random = 0;
  const began = page.now;
  const at = [];
  for (const pause of [1000, 2000, 4000, 8000]) {
    giveUp(sources.at(-1));
    await page.pass(pause);
    at.push(page.now - began);
    assert.equal(sources.length, at.length + 1);
  }
  sources.at(-1).say("stream-open", null);
  giveUp(sources.at(-1));
  await page.pass(1000);
  assert.equal(sources.length, 6);
});

test("a stream on which nothing comes is opened anew: after 50 s of silence", async () => {
  const { page, sources } = await enter("den");
  sources[0].say("stream-open", null);
  for (let turn = 0; turn < 3; turn += 1) {
    await page.pass(40_000);
    sources[0].say("keep-alive", null);
  }
  assert.equal(sources.length, 1);
  await page.pass(50_000);
  assert.deepEqual([sources.length, sources[0].isClosed], [2, true]);
});

test("where a network holds streams back, polls are asked one after the other", async () => {
  const { page, sources } = await enter("den");
  const answers = [new Response("{}"), new Response("{}")];
  const asked = page.answer(() => answers.shift() ?? later().promise);
  await page.pass(10_100);
  assert.deepEqual(open(sources), []);
  assert.deepEqual(asked.map(({ url }) => url), Array(3).fill(address("den")));
  assert.equal(asked[0].headers.get("Accept"), "application/json");
});

test("polls that fail go back to streams: it was the service that was away", async () => {
  for (const failure of [() => json({}, 503), () => Promise.reject(new TypeError("failed"))]) {
    const { page, sources } = await enter("den");
    page.answer(failure);
    await page.pass(10_100);
    await page.pass(2100);
    assert.deepEqual(open(sources), [address("den")]);
  }
});

test("a page on long-polls asks by polls only", async () => {
  const page = new Page();
  const sources = playEventSource();
  const answers = [json({}, 503)];
  const asked = page.answer(() => answers.shift() ?? later().promise);
  new Presence({ polls: true }).enter("den");
  await page.pass(5000);
  assert.deepEqual([sources.length, asked.length], [0, 2]);
});

for (const [how, refuse] of [
  ["a stream", async ({ page, sources }) => (page.answer(() => json({}, 401)), sources[0].say("stream-error", { status: 403 }))],
  ["a poll", async ({ page }) => (page.answer(() => json({}, 403)), page.pass(10_100))],
]) {
  test(`whoever may not be there is asked for nothing more: refused by ${how}`, async () => {
    const entered = await enter("den");
    await refuse(entered);
    await settle();
    const asked = entered.page.answer(() => json({}, 403));
    await entered.page.pass(600_000);
    const presences = asked.filter(({ url }) => url.startsWith("/presence/"));
    assert.deepEqual([open(entered.sources), entered.sources.length, presences], [[], 1, []]);
  });
}

test("a page in the browser's memory is not present, and is again when it is back", async () => {
  const { page, sources } = await enter("den");
  await page.happen("pagehide");
  assert.deepEqual(open(sources), []);
  await page.pass(60_000);
  assert.equal(sources.length, 1);
  await page.happen("pageshow", { persisted: true });
  await page.pass(1);
  assert.deepEqual(open(sources), [address("den")]);
});

test("a change of network makes a new connection", async () => {
  const { page, sources } = await enter("den");
  await page.happen("online");
  await page.pass(500);
  assert.deepEqual([sources.length, open(sources).length], [2, 1]);
});
