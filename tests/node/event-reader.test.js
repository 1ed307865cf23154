/** Server-sent events read by `transports/event-reader.js`, whatever the pieces in which they come. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./page.js";

const { readEvents } = await load("transports/event-reader.js");

/** A body that comes in pieces of these sizes, over and over. */
function body(text, sizes) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  let turn = 0;
  return new ReadableStream({
    pull(to) {
      if (at >= bytes.length) return to.close();
      const size = sizes[turn++ % sizes.length];
      to.enqueue(bytes.slice(at, at + size));
      at += size;
      return undefined;
    },
  });
}

async function read(text, sizes) {
  const got = [];
  await readEvents(body(text, sizes), ({ id, type, data }) => got.push([id, type, data]));
  return got;
}

for (const [name, text, events] of [
  ["one event", "id: 1\nevent: message\ndata: {}\n\n", [["1", "message", "{}"]]],
  ["no space after the colon", "id:1\ndata:a\n\n", [["1", "message", "a"]]],
  ["several lines of data", "data: a\ndata: b\ndata:\n\n", [["", "message", "a\nb\n"]]],
  ["a field without a value", "data\n\n", [["", "message", ""]]],
  ["comments and unknown fields", ": hello\nretry: 2000\nwhat: is it\ndata: a\n\n", [["", "message", "a"]]],
  ["an event without data", "event: enter\nid: 3\n\ndata: a\n\n", [["", "message", "a"]]],
  ["CR LF", "id: 1\r\ndata: a\r\n\r\nid: 2\r\ndata: b\r\n\r\n", [["1", "message", "a"], ["2", "message", "b"]]],
  ["lone CR", "id: 1\rdata: a\r\rid: 2\rdata: b\r\r\n", [["1", "message", "a"], ["2", "message", "b"]]],
  ["several bytes a character", "data: ü…😀\n\n", [["", "message", "ü…😀"]]],
  ["an event that is cut off", "data: a\n\ndata: b\n", [["", "message", "a"]]],
  ["a colon in the data", "data: a: b\n\n", [["", "message", "a: b"]]],
]) {
  for (const sizes of [[1], [2], [3], [5, 1], [10_000]]) {
    test(`${name} in pieces of ${sizes}`, async () => assert.deepEqual(await read(text, sizes), events));
  }
}
