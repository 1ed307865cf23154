/** Tabs that agree which of them holds something, without the Web Locks API: `lease.js`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Page } from "./page.js";

const { lease } = await load("lease.js");
const NAME = "corkboard presence den";

/** A tab of the page's browser: tabs share the storage here, and each hears of the others by `page.happen("storage")`. */
function openTab(page) {
  page.random = (page.random + 0.3) % 1; // which names the tab, too
  const given = new AbortController();
  const tab = { isHeld: false, close: () => given.abort() };
  lease(NAME, given.signal, { held: () => (tab.isHeld = true), lost: () => (tab.isHeld = false) });
  return tab;
}
const holders = (tabs) => tabs.filter(({ isHeld }) => isHeld).length;
const released = (page) => page.happen("storage", { key: NAME, newValue: null });

test("one of three tabs holds it, from the first moment on", async () => {
  const page = new Page();
  const tabs = [openTab(page), openTab(page), openTab(page)];
  for (let turn = 0; turn < 60; turn += 1) {
    await page.pass(1000);
    assert.equal(holders(tabs), 1);
  }
});

test("the next tab has it at once when its holder closes", async () => {
  const page = new Page();
  const tabs = [openTab(page), openTab(page)];
  await page.pass(1000);
  const gone = tabs.findIndex(({ isHeld }) => isHeld);
  const [left] = tabs.toSpliced(gone, 1);
  tabs[gone].close();
  await released(page);
  await page.pass(400);
  assert.ok(left.isHeld);
});

test("a holder that is silent for longer than a hidden page's timers is gone", async () => {
  const page = new Page();
  localStorage.setItem(NAME, JSON.stringify({ by: "a tab that was killed", at: page.now }));
  const tab = openTab(page);
  await page.pass(74_000);
  assert.equal(tab.isHeld, false);
  await page.pass(10_000);
  assert.equal(tab.isHeld, true);
});

test("a holder whose lease another tab has taken meanwhile gives it up", async () => {
  const page = new Page();
  const tab = openTab(page);
  await page.pass(1000);
  assert.equal(tab.isHeld, true);
  localStorage.setItem(NAME, JSON.stringify({ by: "another tab", at: page.now }));
  await page.pass(5000);
  assert.equal(tab.isHeld, false);
});

test("a page in the browser's memory holds nothing, and asks again when it is back", async () => {
  const page = new Page();
  const tab = openTab(page);
  await page.pass(1000);
  await page.happen("pagehide");
  assert.equal(localStorage.getItem(NAME), null);
  await page.happen("pageshow", { persisted: true });
  await page.pass(6000);
  assert.notEqual(localStorage.getItem(NAME), null);
  assert.equal(tab.isHeld, true);
});
