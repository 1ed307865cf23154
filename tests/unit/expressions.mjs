// The regular expressions of scripts: which there are, and how long they take with hostile texts.
//
//   node expressions.mjs find FILE...   prints [{file, line, source, flags}]; ends with words for one it can't see
//   node expressions.mjs time           reads [{source, flags, attacks, sizes, at_most, growth}] from stdin, prints what is slow

import { readFileSync } from "node:fs";
import { argv, cpuUsage, exit, stdin, stdout } from "node:process";
import { parse } from "acorn";

const WAYS = {
  exec: (expression, text) => expression.exec(text),
  replace: (expression, text) => text.replace(expression, "-"),
  split: (expression, text) => text.split(expression),
  matchAll: (expression, text) => [...text.matchAll(expression)],
};
/** These make an expression of a text that they are given. */
const MAKERS = ["match", "matchAll", "search"];

function* nodes(node) {
  if (!node || typeof node !== "object") return;
  if (node.type) yield node;
  for (const [name, value] of Object.entries(node)) {
    if (name === "loc" || name === "regex") continue;
    for (const part of Array.isArray(value) ? value : [value]) yield* nodes(part);
  }
}

function find(files) {
  const found = [];
  for (const file of files) {
    const all = [...nodes(parse(readFileSync(file, "utf8"), { ecmaVersion: "latest", sourceType: "module", locations: true }))];
    const named = new Set(all.filter(({ type, init }) => type === "VariableDeclarator" && init?.regex).map(({ id }) => id.name));
    for (const node of all) {
      const { line } = node.loc.start;
      if (node.regex) found.push({ file, line, source: node.regex.pattern, flags: node.regex.flags });
      const { type, callee, arguments: given = [] } = node;
      if (type !== "CallExpression" && type !== "NewExpression") continue;
      const isSeen = given[0]?.regex || named.has(given[0]?.name);
      if (callee.name === "RegExp" || (MAKERS.includes(callee.property?.name) && given.length && !isSeen)) {
        console.error(`${file}:${line}: an expression that the test can't see: write it as a literal.`);
        exit(1);
      }
    }
  }
  return found;
}

/** The CPU time of a call in ms, the least of some tries. */
function cost(call, tries) {
  let least = Infinity;
  for (let number = 0; number < tries; number += 1) {
    const before = cpuUsage();
    call();
    const { user, system } = cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** A text with which an expression is slow: tried small first, those that took longest then at larger sizes. */
function time({ source, flags, attacks, sizes, at_most: most, growth }) {
  const all = flags.includes("g") ? flags : `${flags}g`;
  const whole = sizes.at(-1)[0];
  const walk = cost(() => [..."ab".repeat(whole / 2).matchAll(/[^x]/g)], 5);
  for (const [way, call] of Object.entries(WAYS)) {
    let left = attacks;
    for (const [size, kept] of sizes) {
      const costs = [];
      for (const attack of left) {
        const run = (text) => () => call(new RegExp(source, all), text);
        const text = textOf(attack, size);
        const ms = cost(run(text), 1);
        let bound = most * walk;
        if (size === whole && ms > walk) bound = Math.min(bound, Math.max(walk, growth * cost(run(textOf(attack, size / 4)), 3)));
        if (ms > bound && cost(run(text), 3) > bound) return { way, attack, ms, bound };
        costs.push({ attack, ms });
      }
      left = costs.sort((one, other) => other.ms - one.ms).slice(0, kept).map(({ attack }) => attack);
    }
  }
  return null;
}

function textOf([beginning, again, end], size) {
  const times = Math.floor((size - beginning.length - end.length) / again.length);
  return beginning + again.repeat(Math.max(times, 0)) + end;
}

if (argv[2] === "find") stdout.write(JSON.stringify(find(argv.slice(3))));
else {
  const chunks = [];
  for await (const chunk of stdin) chunks.push(chunk);
  stdout.write(JSON.stringify(JSON.parse(Buffer.concat(chunks)).map(time)));
}
