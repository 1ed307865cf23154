/** Where a client is in each room: `positions.js`, and the texts it reads, `wire.js`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./page.js";

const { Positions } = await load("positions.js");
const { channelsOf, eventsUrl, parse, positionsOf } = await load("wire.js");
const ROOMS = ["room-a", "room-b"];

const at = (token, channels = ROOMS) => {
  const positions = new Positions(channels);
  positions.start(token);
  return positions;
};
const ids = (events) => [...events].map(({ id }) => id);
const event = (id) => ({ id });

for (const [base, rooms, url] of [
  ["", ["den"], "/rooms/den/events/"],
  ["https://chat.example", ["den"], "https://chat.example/rooms/den/events/"],
  ["", ["a~b"], "/rooms/a~b/events/"],
  ["", ["a", "b.c"], "/events/?channel=room-a&channel=room-b.c"],
  ["", [], "/events/?"],
]) {
  test(`eventsUrl names ${rooms.length} rooms: ${url}`, () => assert.equal(eventsUrl(base, ...rooms), url));
}

for (const [url, channels] of [
  ["/rooms/Den/events/", ["room-den"]],
  ["/chat/rooms/a~b/events/", ["room-a~b"]],
  ["/events/?channel=room-B&channel=room-a", ["room-a", "room-b"]],
  ["/events/?channel=room-a&channel=ROOM-A", ["room-a"]],
  ["/events/?", []],
]) {
  test(`channelsOf reads ${url}`, () => assert.deepEqual(channelsOf(new URL(url, "http://chat.test")), channels));
}

for (const [text, found] of [
  ["", []],
  ["room-a:3", [["room-a", 3]]],
  ["ROOM-A:3", [["room-a", 3]]],
  ["room-b:1,room-a:3,room-b:2", [["room-b", 1], ["room-a", 3], ["room-b", 2]]],
  ["room-c:3", []],
  ["room-a:x,room-b:", []],
  ["room-b:9,@e0ac0ce0.3.9", [["room-b", 9], ["room-a", 3], ["room-b", 9]]],
  ["@e0ac0ce0.3.9", [["room-a", 3], ["room-b", 9]]],
  ["@e0ac0ce0.3", []],
  ["@e0ac0ce0.3.9.1", []],
  ["room-a:4294967297", [["room-a", 4294967297]]],
]) {
  test(`positionsOf reads “${text}”`, () => assert.deepEqual(positionsOf(text, ROOMS), found));
}

for (const [text, value] of [['{"a":1}', { a: 1 }], ["", null], ["{", null], ["null", null]]) {
  test(`parse reads “${text}”`, () => assert.deepEqual(parse(text), value));
}

for (const [start, token] of [
  ["", ""],
  ["room-a:3,room-b:7", "room-a:3,room-b:7"],
  ["room-b:7", "room-b:7"],
  ["@e0ac0ce0.3.7", "@e0ac0ce0.3.7"],
]) {
  test(`token is given back as it was read: “${start}”`, () => assert.equal(at(start).token, token));
}

test("token of all rooms by name follows short form", () => assert.equal(at("@e0ac0ce0.3.7").full, "room-a:3,room-b:7"));

test("start forgets what was before", () => {
  const positions = at("@e0ac0ce0.3.7");
  positions.start("room-b:1");
  assert.equal(positions.token, "room-b:1");
});

test("learn takes positions only of rooms that have none", () => {
  const positions = at("room-a:3");
  positions.learn("room-a:1,room-b:7");
  assert.equal(positions.token, "room-a:3,room-b:7");
});

test("reset moves named rooms only, back too", () => {
  const positions = at("room-a:3,room-b:7");
  positions.reset(["ROOM-A"], "room-a:1,room-b:1");
  assert.equal(positions.token, "room-a:1,room-b:7");
});

test("reset lets go of what was held back in its rooms", () => {
  const positions = at("room-a:3");
  assert.deepEqual(ids(positions.takeInOrder(event("room-a:6"))), []);
  positions.reset(["room-a"], "room-a:5");
  assert.equal(positions.hasHole, false);
  assert.deepEqual(ids(positions.takeInOrder(event("room-a:6"))), ["room-a:6"]);
});

test("take gives each event once", () => {
  const positions = at("room-a:3,room-b:7");
  const said = ["room-a:3", "room-a:4", "room-a:4", "room-b:7", "room-b:8", "room-a:2", "room-c:1", ""];
  assert.deepEqual(said.flatMap((id) => ids(positions.take(event(id)))), ["room-a:4", "room-b:8"]);
  assert.equal(positions.token, "room-a:4,room-b:8");
});

test("take learns the positions of other rooms that an event names", () => {
  const positions = at("room-a:3,room-b:7");
  assert.deepEqual(ids(positions.take(event("room-b:8,room-a:5"))), ["room-b:8,room-a:5"]);
  assert.equal(positions.token, "room-a:5,room-b:8");
});

for (const [said, got, hasHole] of [
  [["room-a:4", "room-a:5"], ["room-a:4", "room-a:5"], false],
  [["room-a:5"], [], true],
  [["room-a:6", "room-a:5", "room-a:4"], ["room-a:4", "room-a:5", "room-a:6"], false],
  [["room-a:5", "room-b:8", "room-a:4"], ["room-b:8", "room-a:4", "room-a:5"], false],
  [["room-a:6", "room-a:4"], ["room-a:4"], true],
  [["room-a:4", "room-a:4", "room-a:3"], ["room-a:4"], false],
]) {
  test(`takeInOrder gives ${got} of ${said}`, () => {
    const positions = at("room-a:3,room-b:7");
    assert.deepEqual(said.flatMap((id) => ids(positions.takeInOrder(event(id)))), got);
    assert.equal(positions.hasHole, hasHole);
  });
}

test("takeInOrder begins where the first event is when nothing is known", () => {
  const positions = at("");
  assert.deepEqual(ids(positions.takeInOrder(event("room-a:9"))), ["room-a:9"]);
  assert.equal(positions.token, "room-a:9");
});

test("takeInOrder counts an event only when it is taken", () => {
  const positions = at("room-a:3");
  positions.takeInOrder(event("room-a:5")).next();
  const [first] = positions.takeInOrder(event("room-a:4")); // and no more
  assert.deepEqual([first.id, positions.token], ["room-a:4", "room-a:4"]);
});

test("takeInOrder holds back a thousand events and leaves the rest to the log", () => {
  const positions = at("room-a:0");
  for (let number = 2; number <= 1200; number += 1) assert.deepEqual([...positions.takeInOrder(event(`room-a:${number}`))], []);
  assert.equal([...positions.takeInOrder(event("room-a:1"))].length, 1001);
});

for (const [id, isBehind] of [
  ["room-a:3", false],
  ["room-a:4", true],
  ["room-a:2", false],
  ["room-b:8,room-a:3", true],
  ["room-c:9", false],
  ["", false],
]) {
  test(`isBehind ${id}: ${isBehind}`, () => assert.equal(at("room-a:3,room-b:7").isBehind(id), isBehind));
}
