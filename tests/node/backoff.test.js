/** Pauses before another attempt: `backoff.js`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Page } from "./page.js";

const { backoff, between } = await load("backoff.js");

for (const [attempt, low, high] of [[1, 1000, 2000], [2, 2000, 4000], [3, 4000, 8000], [4, 8000, 16_000], [5, 15_000, 30_000], [60, 15_000, 30_000]]) {
  test(`attempt ${attempt} waits ${low} to ${high} ms`, () => {
    const page = new Page();
    for (const random of [0, 0.5, 0.999_999]) {
      page.random = random;
      assert.ok(Math.abs(backoff(attempt) - (low + random * (high - low))) < 1e-6);
    }
  });
}

test("between draws from the whole range", () => {
  const page = new Page();
  for (const [random, value] of [[0, 100], [0.25, 325], [0.5, 550]]) {
    page.random = random;
    assert.equal(between(100, 1000), value);
  }
});
