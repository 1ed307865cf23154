/** Text with its addresses as links: `links.js`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Page } from "./page.js";

const { showText } = await load("links.js");

/** What an element shows: texts, and links as [text, address]. */
function shown(text) {
  const page = new Page();
  page.document.createTextNode = (data) => ({ data });
  page.document.createElement = (name) => ({ name });
  let nodes = [];
  showText({ replaceChildren: (...given) => (nodes = given) }, text);
  const links = [];
  const texts = nodes.map((node) => {
    if (typeof node === "string" || "data" in node) return node.data ?? node;
    assert.deepEqual([node.name, node.target, node.rel], ["a", "_blank", "noopener noreferrer nofollow"]);
    assert.equal(node.textContent, node.href);
    links.push(node.href);
    return node.textContent;
  });
  assert.equal(texts.join(""), text); // nothing is lost, nothing twice
  return links;
}

for (const [text, links] of [
  ["", []],
  ["no address", []],
  ["see https://example.org/a?b=c#d", ["https://example.org/a?b=c#d"]],
  ["https://example.org, and http://example.com.", ["https://example.org", "http://example.com"]],
  ["(https://example.org/)", ["https://example.org/"]],
  ["https://example.org/Cork_(city)", ["https://example.org/Cork_(city)"]],
  ["(see https://example.org/Cork_(city))", ["https://example.org/Cork_(city)"]],
  ["https://example.org/…!?'", ["https://example.org/"]],
  ["HTTPS://EXAMPLE.ORG/", ["HTTPS://EXAMPLE.ORG/"]],
  ["<https://example.org/>", ["https://example.org/"]],
  ['"https://example.org/"', ["https://example.org/"]],
  ["https://exämple.org/ü", ["https://exämple.org/ü"]],
  ["line\nhttps://example.org\nline", ["https://example.org"]],
  ["javascript:alert(1) ftp://example.org data:text/html,x", []],
  ["javascript://example.org/%0aalert(1)", []],
  ["xhttps://example.org", []],
  ["https://", []],
  ["https://[", []],
  ["http://user:word@example.org/", ["http://user:word@example.org/"]],
]) {
  test(`links of “${text}” are ${JSON.stringify(links)}`, () => assert.deepEqual(shown(text), links));
}
