/** What `stream.js` promises to pages that use it, on a transport that the test plays: order, each event once, repair. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Page } from "./page.js";

const { Stream } = await load("stream.js");
const TOKEN = "room-a:3,room-b:7";

/** A stream of rooms a and b. `played.sink` speaks for the newest connection, `played.sinks` for each. */
function follow({ token = TOKEN, canLose = false, onEvent, random } = {}) {
  const page = new Page();
  if (random !== undefined) page.random = random;
  const played = { page, got: [], states: [], sinks: [], closed: [], syncs: 0, at: [] };
  const stream = new Stream({
    url: "/events/?channel=room-a&channel=room-b",
    connect(request, sink) {
      const number = played.sinks.push(sink);
      played.at.push(page.now);
      played.request = { ...request, token: request.positions.token };
      return { close: () => played.closed.push(number), ...(canLose && { sync: () => (played.syncs += 1) }) };
    },
    onEvent: onEvent ?? ((event) => played.got.push(event.type === "message" ? event.id : [event.type, ...event.data.channels])),
    onStatus: (status) => played.states.push(status),
  });
  played.stream = stream;
  played.say = (...ids) => ids.forEach((id) => played.sinks.at(-1).event({ id, type: "message", data: {} }));
  Object.defineProperty(played, "sink", { get: () => played.sinks.at(-1) });
  Object.defineProperty(played, "state", { get: () => played.states.at(-1)?.state });
  stream.start(token);
  return played;
}

test("each event comes once", () => {
  const { say, got, stream } = follow();
  say("room-a:3", "room-a:4", "room-a:4", "room-b:7", "room-b:8", "room-a:2");
  assert.deepEqual([got, stream.token], [["room-a:4", "room-b:8"], "room-a:4,room-b:8"]);
});

test("what lies behind a hole is held back and asked for", () => {
  let played = follow({ canLose: true });
  played.say("room-a:5", "room-a:6", "room-b:8");
  assert.deepEqual([played.got, played.stream.token], [["room-b:8"], "room-a:3,room-b:8"]);
  assert.ok(played.syncs >= 1);
  played = follow({ canLose: true });
  played.say("room-a:6", "room-a:5", "room-a:4", "room-a:5");
  assert.deepEqual(played.got, ["room-a:4", "room-a:5", "room-a:6"]);
});

for (const [canLose, connects, syncs] of [[false, 2, 0], [true, 1, 1]]) {
  test(`a newest id ahead is repaired once: ${canLose ? "asked for" : "by a new connection"}`, async () => {
    const played = follow({ canLose });
    for (let turn = 0; turn < 2; turn += 1) {
      played.sink.newest("room-a:3");
      played.sink.newest("room-b:9");
      await played.page.pass(1100);
    }
    assert.deepEqual([played.sinks.length, played.syncs], [connects, syncs]);
    played.sink.newest("room-b:10"); // another one is another repair
    await played.page.pass(1100);
    assert.equal(played.sinks.length + played.syncs, connects + syncs + 1);
  });
}

test("a newest id that comes by itself before the repair is none", async () => {
  const played = follow();
  played.sink.newest("room-b:8");
  played.say("room-b:8");
  await played.page.pass(1100);
  assert.equal(played.sinks.length, 1);
});

for (const canLose of [false, true]) {
  test(`what one room lacks is repaired when another has caught up (${canLose})`, async () => {
    const played = follow({ canLose });
    played.sink.newest("room-a:4");
    played.sink.newest("room-b:8");
    played.say("room-a:4");
    await played.page.pass(1100);
    assert.deepEqual([played.sinks.length, played.syncs], canLose ? [1, 1] : [2, 0]);
  });
}

test("repairs of readers who hear of a loss together are spread over a second", async () => {
  for (const [random, ms] of [[0, 100], [0.999, 999]]) {
    const played = follow({ random });
    played.sink.newest("room-b:9");
    await played.page.pass(ms - 1);
    assert.equal(played.sinks.length, 1);
    await played.page.pass(2);
    assert.equal(played.sinks.length, 2);
  }
});

test("a reset moves the position of its rooms only", () => {
  const { say, sink, got, stream } = follow();
  sink.reset(["room-a"], "room-a:1,room-b:1");
  say("room-a:2", "room-b:2");
  assert.deepEqual([got, stream.token], [[["stream-reset", "room-a"], "room-a:2"], "room-a:2,room-b:7"]);
});

test("the short form of positions is read and given back", () => {
  const { say, sink, got, stream } = follow({ token: "" });
  sink.opened("@e0ac0ce0.3.7");
  say("room-b:8,@e0ac0ce0.3.8", "room-b:8,@e0ac0ce0.3.8");
  assert.deepEqual([got, stream.token], [["room-b:8,@e0ac0ce0.3.8"], "@e0ac0ce0.3.8"]);
});

test("a handler that fails loses nothing", () => {
  const got = [];
  const onEvent = ({ id }) => {
    if (id === "room-a:4") throw new Error("no");
    got.push(id);
  };
  const { say, stream, page } = follow({ onEvent });
  say("room-a:4", "room-a:5");
  assert.deepEqual([got, stream.token], [["room-a:5"], "room-a:5,room-b:7"]);
  assert.deepEqual(page.errors.map(({ message }) => message), ["no"]);
});

for (const canLose of [false, true]) {
  test(`what is beside the log is told and moves no position (${canLose})`, () => {
    const { say, sink, got, stream } = follow({ canLose });
    const enter = { type: "enter", data: { channels: ["Zoe"] } };
    sink.aside(enter);
    say("room-a:4");
    sink.aside(enter);
    sink.aside({ type: "leave", data: null });
    assert.deepEqual([got, stream.token], [[["enter", "Zoe"], "room-a:4", ["enter", "Zoe"]], "room-a:4,room-b:7"]);
  });

  test(`a handler that stops the stream finds the token of what it was given (${canLose})`, () => {
    const got = [];
    const played = follow({ canLose, onEvent: ({ id }) => (got.push(id), played.stream.stop()) });
    played.say(...(canLose ? ["room-a:5", "room-a:4", "room-a:6"] : ["room-a:4", "room-a:5"]));
    assert.deepEqual([got, played.stream.token], [["room-a:4"], "room-a:4,room-b:7"]);
  });
}

test("a stream that moves goes on where it was in rooms that stay", () => {
  const url = "/events/?channel=room-b&channel=room-c";
  let played = follow();
  played.say("room-a:4", "room-b:8");
  played.stream.move(url, "room-c:5,room-b:1");
  played.say("room-a:5", "room-b:8", "room-c:6", "room-b:9");
  assert.deepEqual([played.got, played.stream.token], [["room-a:4", "room-b:8", "room-c:6", "room-b:9"], "room-b:9,room-c:6"]);
  assert.deepEqual([played.sinks.length, played.closed.includes(1)], [2, true]);
  assert.equal(played.request.url.search, "?channel=room-b&channel=room-c");
  played = follow({ canLose: true });
  played.say("room-a:6", "room-b:9");
  played.stream.move(url, "room-c:5,room-b:1");
  played.say("room-b:8", "room-b:9");
  assert.deepEqual(played.got, ["room-b:8", "room-b:9"]); // what was held back is asked for again
  played = follow({ token: "" });
  played.sink.opened("@e0ac0ce0.3.7");
  played.stream.move(url, "room-c:5,room-b:1");
  played.say("room-b:8");
  assert.deepEqual([played.got, played.stream.token], [["room-b:8"], "room-b:8,room-c:5"]);
});

for (const [problem, text] of [
  [{ status: 403, detail: "Not you." }, "Not you."],
  [{ status: 404, text: "No such room.", detail: "Longer." }, "No such room."],
  [{ status: 400 }, "The room can't be followed."],
]) {
  test(`a refusal ends it: ${text}`, async () => {
    const played = follow();
    played.sink.refused(problem);
    await played.page.pass(600_000);
    assert.deepEqual(played.states.at(-1), { state: "stopped", text });
    assert.equal(played.sinks.length, 1);
  });
}

for (const [name, fail] of [
  ["503", (sink) => sink.refused({ status: 503 })],
  ["429", (sink) => sink.refused({ status: 429, detail: "Slowly." })],
  ["refusal without words", (sink) => sink.refused(null)],
  ["end", (sink) => sink.ended()],
]) {
  test(`a failure is tried again after a second or two: ${name}`, async () => {
    const played = follow();
    fail(played.sink);
    await played.page.pass(2100);
    assert.deepEqual(played.states.map(({ state }) => state), ["connecting", "waiting", "connecting"]);
    assert.equal(played.states[1].ms, played.at[1] - played.at[0]);
  });
}

for (const [random, pauses] of [
  [0, [1000, 2000, 4000, 8000, 15_000, 15_000]],
  [0.999_999, [2000, 4000, 8000, 16_000, 30_000, 30_000]],
]) {
  test(`a stream that ends as soon as it opens is retried ever more seldom: ${pauses}`, async () => {
    const played = follow({ random });
    for (let turn = 0; turn < pauses.length; turn += 1) {
      played.sink.opened(TOKEN);
      played.sink.ended();
      await played.page.pass(pauses[turn]);
    }
    const waited = played.at.slice(1).map((at, index) => Math.round(at - played.at[index]));
    assert.deepEqual(waited, pauses);
  });
}

test("a connection that was good comes back soon and without a word", async () => {
  for (const [random, ms] of [[0, 1000], [0.999_999, 3000]]) {
    const played = follow({ random });
    played.sink.heard();
    await played.page.pass(10_000);
    played.sink.ended();
    const ended = played.page.now;
    assert.equal(played.state, "connecting");
    await played.page.pass(3100);
    assert.equal(Math.round(played.at[1] - ended), ms);
    assert.ok(!played.states.some(({ state }) => state === "waiting"));
  }
});

test("attempts begin anew after a connection that lasted ten seconds", async () => {
  const played = follow({ random: 0 });
  for (const pause of [1000, 2000, 4000]) {
    played.sink.ended();
    await played.page.pass(pause);
  }
  played.sink.heard();
  await played.page.pass(10_000);
  played.sink.refused({ status: 503 });
  await played.page.pass(1000);
  assert.equal(played.sinks.length, 5);
});

test("a connection on which nothing comes is given up: after 10 s at first, after 50 s later", async () => {
  const played = follow({ random: 0 });
  await played.page.pass(9999);
  assert.equal(played.closed.length, 0);
  await played.page.pass(1001);
  assert.deepEqual([played.closed, played.sinks.length], [[1], 2]);
  for (let turn = 0; turn < 3; turn += 1) {
    played.sink.heard();
    await played.page.pass(49_000);
  }
  assert.equal(played.sinks.length, 2);
  await played.page.pass(2100);
  assert.deepEqual([played.closed, played.sinks.length], [[1, 2], 3]);
});

test("what an old connection says is not heard", async () => {
  const played = follow();
  const old = played.sink;
  old.ended();
  await played.page.pass(2100);
  const said = played.states.length;
  old.event({ id: "room-a:4", type: "message", data: {} });
  old.refused({ status: 403 });
  old.ended();
  assert.deepEqual([played.got, played.states.length, played.sinks.length], [[], said, 2]);
});

test("a change of network makes a new connection, at once when it is back", async () => {
  const played = follow({ random: 0.999 });
  played.sink.heard();
  await played.page.happen("offline");
  assert.deepEqual([played.state, played.closed], ["offline", [1]]);
  await played.page.pass(1000);
  assert.equal(played.sinks.length, 2); // a server on this machine is still there
  await played.page.happen("online");
  assert.equal(played.state, "connecting");
  await played.page.pass(500);
  assert.equal(played.sinks.length, 3);
});

test("a page that is looked at again connects at once instead of waiting", async () => {
  const played = follow();
  played.sink.ended();
  await played.page.hide();
  assert.deepEqual([played.state, played.sinks.length], ["waiting", 1]);
  await played.page.hide(false);
  assert.equal(played.sinks.length, 2);
  await played.page.pass(5000);
  assert.equal(played.sinks.length, 2); // and no second time
});

test("a page that is looked at again keeps a connection that lives", async () => {
  const played = follow();
  played.sink.heard();
  await played.page.hide();
  await played.page.pass(20_000);
  await played.page.hide(false);
  assert.equal(played.sinks.length, 1);
  // Timers of hidden pages sleep: that of the silence, too.
  played.page.now += 60_000;
  await played.page.hide(false);
  assert.equal(played.sinks.length, 2);
});

test("a page in the browser's memory has no connection and comes back where it was", async () => {
  const played = follow();
  played.say("room-a:4");
  await played.page.happen("pagehide");
  assert.deepEqual(played.closed, [1]);
  await played.page.pass(600_000);
  assert.equal(played.sinks.length, 1);
  await played.page.happen("pageshow", { persisted: true });
  assert.deepEqual([played.sinks.length, played.request.token], [2, "room-a:4,room-b:7"]);
});

test("a stream that was stopped hears of nothing and starts where it is told", async () => {
  const played = follow();
  played.stream.stop();
  await played.page.happen("online");
  await played.page.happen("pageshow", { persisted: true });
  await played.page.pass(600_000);
  assert.equal(played.sinks.length, 1);
  played.stream.start("room-a:9");
  assert.equal(played.request.token, "room-a:9");
});
