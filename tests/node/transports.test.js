/** The transports, each with a service that the test plays. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { json, later, load, loadFresh, Page, playEventSource, playWebSocket, settle } from "./page.js";

const { Stream } = await load("stream.js");
const { pass } = await load("transports/sink.js");
const longPoll = await load("transports/long-poll.js");
const sse = await load("transports/sse.js");
const websocket = await load("transports/websocket.js");
const URL_OF_A = "http://chat.test/rooms/a/events/";
const TOKEN = "room-a:3";
const CALLS = ["heard", "opened", "event", "newest", "aside", "reset", "refused", "ended"];

const message = (number) => ({ id: `room-a:${number}`, type: "message", data: { room: "a", text: String(number) } });
const request = (token = TOKEN, more = {}) => ({ url: new URL(URL_OF_A), positions: { token, full: token }, ...more });

/** A sink that keeps what it is told. */
function listen() {
  const told = [];
  const sink = Object.fromEntries(CALLS.map((name) => [name, (...words) => told.push([name, ...words])]));
  return { sink, told, names: () => told.map(([name]) => name) };
}

/** A whole stream on a transport. */
function follow(connect, { token = TOKEN, ...options } = {}) {
  const got = [];
  const states = [];
  const stream = new Stream({
    url: URL_OF_A,
    connect,
    onEvent: (event) => got.push(event.id),
    onStatus: (status) => states.push(status),
    ...options,
  });
  stream.start(token);
  return { stream, got, states };
}

for (const [frame, told] of [
  [{ id: "room-a:3", type: "stream-open", data: null }, ["opened", "room-a:3"]],
  [{ id: "room-a:3", type: "stream-reset", data: { channels: ["room-a"] } }, ["reset", ["room-a"], "room-a:3"]],
  [{ id: "room-a:3", type: "stream-reset", data: null }, ["reset", [], "room-a:3"]],
  [{ id: "", type: "stream-error", data: { status: 403 } }, ["refused", { status: 403 }]],
  [{ id: "", type: "newest", data: { id: "room-a:9" } }, ["newest", "room-a:9"]],
  [{ id: "", type: "newest", data: null }, ["newest", ""]],
  [{ id: "", type: "enter", data: { name: "Zoe" } }, ["aside", { type: "enter", data: { name: "Zoe" } }]],
  [{ id: "", type: "presence", data: { count: 1 } }, ["aside", { type: "presence", data: { count: 1 } }]],
  [{ id: "", type: "keep-alive", data: null }, ["heard"]],
  [{ id: "room-a:4", type: "message", data: null }, ["heard"]],
  [{ id: "", type: "message", data: {} }, ["heard"]],
  [{ id: "room-a:4", type: "of tomorrow", data: {} }, ["event", { id: "room-a:4", type: "of tomorrow", data: {} }]],
]) {
  test(`“${frame.type}” with ${JSON.stringify(frame.data)} is passed on as ${told[0]}`, () => {
    const heard = listen();
    pass(heard.sink, frame);
    assert.deepEqual(heard.told, [told]);
  });
}

test("EventSource is asked from the position, and says events by type", () => {
  new Page();
  const sources = playEventSource();
  const heard = listen();
  const connection = sse.connect(request(), heard.sink);
  const [source] = sources;
  assert.equal(source.url, `${URL_OF_A}?lastEventId=room-a%3A3`);
  source.say("stream-open", null, TOKEN);
  source.say("message", { text: "hi" }, "room-a:4");
  source.say("newest", { id: "room-a:5" });
  source.say("leave", { name: "Zoe" });
  source.dispatchEvent(Object.assign(new Event("message"), { data: "{", lastEventId: "room-a:5" }));
  assert.deepEqual(heard.names(), ["opened", "event", "newest", "aside", "heard"]);
  source.fail();
  assert.deepEqual([heard.names().at(-1), source.isClosed], ["ended", true]);
  connection.close();
});

test("EventSource without a position asks for none", () => {
  new Page();
  const sources = playEventSource();
  sse.connect(request(""), listen().sink);
  assert.equal(sources[0].url, URL_OF_A);
});

test("server-sent events with a token go by fetch, with the position in a header", async () => {
  const page = new Page();
  const asked = page.answer(() => new Response("event: stream-open\nid: room-a:3\ndata:\n\nid: room-a:4\ndata: {}\n\n"));
  const heard = listen();
  sse.connect(request(TOKEN, { bearer: "secret" }), heard.sink);
  await settle();
  assert.deepEqual(heard.told, [
    ["opened", "room-a:3"],
    ["event", { id: "room-a:4", type: "message", data: {} }],
    ["ended"],
  ]);
  const { headers } = asked[0];
  assert.deepEqual(
    ["Accept", "Authorization", "Last-Event-ID"].map((name) => headers.get(name)),
    ["text/event-stream", "Bearer secret", TOKEN],
  );
});

for (const [name, answer, told] of [
  ["refusal", () => json({ detail: "Not you." }, 403), ["refused", { detail: "Not you.", status: 403 }]],
  ["refusal without words", () => new Response("<p>", { status: 502 }), ["refused", { status: 502 }]],
  ["network that fails", () => Promise.reject(new TypeError("failed")), ["ended"]],
]) {
  for (const [transport, connect] of [["long-poll", longPoll.connect], ["sse by fetch", sse.connect]]) {
    test(`${transport}: a ${name} is told as ${told[0]}`, async () => {
      const page = new Page();
      page.answer(answer);
      const heard = listen();
      connect(request(TOKEN, { bearer: "secret" }), heard.sink);
      await settle();
      assert.deepEqual(heard.told, [told]);
    });
  }
}

test("long-polls ask at once without a position, then from where they are, one after the other", async () => {
  const page = new Page();
  const answers = [
    { events: [], "last-event-id": "room-a:9" },
    { events: [message(4), message(5)], "last-event-id": "room-a:5" },
    { events: [], reset: true, channels: ["room-a"], "last-event-id": "room-a:9" },
  ];
  const hangs = later();
  const asked = page.answer(() => (answers.length ? json(answers.shift()) : hangs.promise));
  const heard = listen();
  const connection = longPoll.connect(request(), heard.sink);
  await settle();
  await page.pass(5000);
  assert.deepEqual(heard.names(), ["opened", "event", "event", "heard", "reset", "heard"]);
  assert.deepEqual(asked.map(({ headers }) => headers.get("Last-Event-ID")), [null, TOKEN, TOKEN, TOKEN]);
  assert.deepEqual([...new Set(asked.map(({ headers }) => headers.get("Prefer")))], ["wait=20"]);
  connection.close();
  await settle();
  assert.equal(heard.names().at(-1), "heard"); // what was given up says nothing
});

test("long-polls that are answered at once with nothing pause for a second or two", async () => {
  const page = new Page();
  page.random = 0;
  const asked = page.answer(() => json({ events: [], "last-event-id": TOKEN }));
  const connection = longPoll.connect(request(), listen().sink);
  await page.pass(3100);
  assert.equal(asked.length, 5); // without a position, and then one a second
  connection.close();
  await page.pass(10_000);
  assert.equal(asked.length, 5);
});

const frames = (socket) => socket.frames.map((command) => command["last-event-id"]);
const reply = (socket, more = false) => ({ type: "reply", command: "sync", to: socket.frames.at(-1).id, more });

test("a socket asks for what is missing until it has it", async () => {
  new Page();
  const sockets = playWebSocket();
  const { got } = follow(websocket.connect);
  const [socket] = sockets;
  assert.equal(socket.url, "ws://chat.test/rooms/a/events/");
  socket.say({ type: "stream-open", id: TOKEN });
  // An event that overtakes the answer to the first sync leaves a hole, which that answer may be too old to fill.
  socket.say(message(5));
  socket.say(reply(socket));
  socket.say(message(4));
  socket.say(reply(socket, true));
  socket.say(message(6));
  socket.say(reply(socket));
  assert.deepEqual(got, ["room-a:4", "room-a:5", "room-a:6"]);
  assert.deepEqual(frames(socket), [TOKEN, TOKEN, "room-a:5"]);
});

test("a socket asks now and then whether it missed something", async () => {
  const page = new Page();
  page.random = 0;
  const sockets = playWebSocket();
  follow(websocket.connect);
  const [socket] = sockets;
  socket.say({ type: "stream-open", id: TOKEN });
  for (let turn = 1; turn <= 4; turn += 1) {
    assert.equal(socket.frames.length, turn);
    socket.say(reply(socket));
    await page.pass(20_000);
  }
  assert.equal(sockets.length, 1);
});

test("a sync that the service could not answer is asked again soon, and a socket without answers is replaced", async () => {
  const page = new Page();
  const sockets = playWebSocket();
  follow(websocket.connect);
  const [socket] = sockets;
  socket.say({ type: "stream-open", id: TOKEN });
  const unavailable = { type: "error", code: "SERVICE_UNAVAILABLE", status: 503, detail: "Try again." };
  socket.say({ ...unavailable, to: socket.frames[0].id });
  await page.pass(3100);
  assert.equal(socket.frames.length, 2);
  socket.say(reply(socket));
  assert.equal(sockets.length, 1);
  const began = page.now;
  while (sockets.length < 2 && page.now - began < 100_000) {
    socket.say({ type: "keep-alive", id: "" }); // it lives, but answers nothing
    await page.pass(5000);
  }
  assert.equal(sockets.length, 2);
});

for (const [name, frame, told] of [
  ["a sync", { type: "error", status: 403, code: "ROOM_ACCESS_DENIED" }, "refused"],
  ["something else", { type: "error", to: "join 1", status: 503 }, "refused"],
]) {
  test(`a socket passes on what refuses ${name}`, () => {
    new Page();
    const sockets = playWebSocket();
    const heard = listen();
    websocket.connect(request(), heard.sink);
    sockets[0].say({ type: "stream-open", id: TOKEN });
    sockets[0].say({ to: sockets[0].frames[0].id, ...frame });
    assert.equal(heard.names().at(-1), told);
  });
}

for (const [name, answer, told] of [
  ["refused", () => json({ detail: "Not you." }, 403), ["refused", { detail: "Not you.", status: 403 }]],
  ["cut off by a network", () => json({ events: [], "last-event-id": TOKEN }), ["ended"]],
  ["made where nothing answers", () => later().promise, ["ended"]],
]) {
  test(`a handshake that was ${name} is told as ${told[0]}`, async () => {
    const page = new Page();
    page.answer(answer);
    const sockets = playWebSocket();
    const heard = listen();
    websocket.connect(request(), heard.sink);
    sockets[0].close();
    await page.pass(3100);
    assert.deepEqual(heard.told, [told]);
  });
}

test("a socket that was open ends without a question, and one that was closed says nothing", async () => {
  const page = new Page();
  const asked = page.answer(() => json({}));
  const sockets = playWebSocket();
  const heard = listen();
  websocket.connect(request(), heard.sink);
  sockets[0].say({ type: "stream-open", id: TOKEN });
  sockets[0].close();
  await page.pass(5000);
  assert.deepEqual([heard.names(), asked.length], [["opened", "ended"], 0]);
  const other = listen();
  websocket.connect(request(), other.sink).close();
  await page.pass(60_000);
  assert.deepEqual(other.told, []);
});

test("a socket can't send a token", () => {
  new Page();
  playWebSocket();
  assert.throws(() => websocket.connect(request(TOKEN, { bearer: "secret" }), listen().sink), /can't send a bearer token/);
});

/** The transport that finds out by itself, as on a page that was just loaded. */
async function auto(page, poll) {
  const sources = playEventSource();
  const asked = page.answer(poll);
  const { connect } = await loadFresh("transports/auto.js");
  const heard = listen();
  return { sources, asked, heard, connect: () => connect(request(), heard.sink) };
}
const reached = () => json({ events: [], "last-event-id": TOKEN });

for (const [how, lose] of [
  ["ended", async (page, source) => source.fail()],
  ["silent", async (page) => page.pass(5000)],
]) {
  test(`streams that are ${how} twice in a row are replaced by long-polls, for as long as the tab is open`, async () => {
    const page = new Page();
    const { sources, asked, heard, connect } = await auto(page, (one) => (one.headers.get("Last-Event-ID") ? later().promise : reached()));
    connect();
    await lose(page, sources[0]);
    await settle();
    assert.deepEqual([heard.names(), sessionStorage.getItem("corkboard transport")], [["ended"], null]);
    connect();
    await lose(page, sources[1]);
    await settle();
    assert.equal(heard.names().at(-1), "opened"); // by long-poll
    assert.equal(sessionStorage.getItem("corkboard transport"), "long-poll");
    assert.ok(sources.every(({ isClosed }) => isClosed));
    const count = asked.length;
    connect();
    await settle();
    assert.deepEqual([sources.length, asked.length > count], [2, true]);
  });
}

for (const [name, poll] of [
  ["fails", () => Promise.reject(new TypeError("failed"))],
  ["hangs", () => later().promise],
  ["answers 503", () => json({}, 503)],
]) {
  test(`a service that ${name} is no reason to fall back`, async () => {
    const page = new Page();
    const { sources, heard, connect } = await auto(page, poll);
    for (let turn = 0; turn < 5; turn += 1) {
      connect();
      sources.at(-1).fail();
      await page.pass(3100);
    }
    assert.deepEqual([heard.names(), sources.length], [Array(5).fill("ended"), 5]);
    assert.equal(sessionStorage.getItem("corkboard transport"), null);
  });
}

test("a stream that lasted counts as good: its end is no miss", async () => {
  const page = new Page();
  const { sources, asked, heard, connect } = await auto(page, reached);
  for (let turn = 0; turn < 3; turn += 1) {
    connect();
    sources.at(-1).say("stream-open", null, TOKEN);
    await page.pass(5000);
    sources.at(-1).fail();
  }
  assert.deepEqual([heard.names().filter((name) => name === "ended").length, asked.length, sources.length], [3, 0, 3]);
});

test("another network is given streams again", async () => {
  const page = new Page();
  sessionStorage.setItem("corkboard transport", "long-poll");
  const { sources, connect } = await auto(page, () => later().promise);
  connect().close();
  assert.equal(sources.length, 0);
  await page.happen("online");
  connect();
  assert.equal(sources.length, 1);
});

test("a connection that was closed while it asked whether the service is there goes on with nothing", async () => {
  const page = new Page();
  const answer = later();
  const { sources, heard, connect } = await auto(page, () => answer.promise);
  const connection = connect();
  sources[0].fail();
  connection.close();
  answer.resolve(reached());
  await page.pass(5000);
  assert.deepEqual(heard.told, []);
});
