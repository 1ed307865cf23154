import { backoff, between } from "./backoff.js";
import { learnFrom, serviceTime } from "./clock.js";
import { asMe } from "./identity.js";

const TRIES = 5;
const ANSWER_MS = 10_000;
const WAIT_MAX_MS = 60_000;
const TIMER_MAX_MS = 2 ** 31 - 1;
/** Not all who share an address come back at the same moment. */
const SPREAD_MS = 500;
const AGAIN = new Set([429, 502, 503, 504]);

/** A message that was not sent; its text says why, for people, its `code` for programs. */
export class NotSent extends Error {
  /**
   * @param {string} words
   * @param {string} [code] of the refusal
   */
  constructor(words, code) {
    super(words);
    this.code = code;
  }
}

/**
 * A key that makes repeating a post safe. randomUUID exists in secure contexts only, and plain http is none.
 * @returns {string}
 */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Posts a message until the service answers, always under the same key: the service stores it once. Whoever was too
 * fast waits for as long as the service says, however long that is.
 * @param {string} url
 * @param {{key: string, from: string, text: string, type?: string}} message
 * @param {(words: string) => void} onWait told what is waited for between two attempts
 * @returns {Promise<object>} the stored message
 * @throws {NotSent}
 */
export async function deliver(url, message, onWait) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await post(url, message);
    if (answer?.ok) return answer.json().catch(() => { throw new NotSent("The answer could not be read."); });
    if (answer && !AGAIN.has(answer.status)) throw await refusal(answer);
    if (!answer && !navigator.onLine) {
      onWait("Waiting for the network…");
      await untilOnline();
      attempt = 0;
      continue;
    }
    const asked = retryAfter(answer);
    if (answer?.status === 429 && asked !== undefined) {
      const wait = Math.min(asked + between(0, SPREAD_MS), TIMER_MAX_MS);
      onWait(`Too many messages in a short time. This one is sent by itself at ${timeIn(wait)}.`);
      await pause(wait);
      attempt = 0;
      continue;
    }
    const ms = asked ?? backoff(attempt);
    if (attempt >= TRIES || ms > WAIT_MAX_MS) throw answer ? await refusal(answer) : new NotSent("The server can't be reached.");
    onWait("Trying again…");
    await pause(ms);
  }
}

/** The response, or null when the network failed or took too long. */
async function post(url, { key, from, text, type = "0" }) {
  const given = new AbortController();
  const timer = setTimeout(() => given.abort(), ANSWER_MS);
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { Accept: "application/json", "Idempotency-Key": key, ...asMe },
      body: new URLSearchParams({ from, text, type }),
      signal: given.signal,
    });
    return learnFrom(answer);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => null);
  return new NotSent(wordsOf(problem, answer.status), problem?.code);
}

/**
 * A refusal in words.
 * @param {{detail?: string, title?: string}|null} problem
 * @param {number} status
 * @returns {string}
 */
export function wordsOf(problem, status) {
  return problem?.detail || problem?.title || `The server answered ${status}.`;
}

/** The wait that the answer asks for, in ms, or undefined. */
function retryAfter(answer) {
  const value = answer?.headers.get("Retry-After");
  if (!value) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - serviceTime();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 500);
}

/** The time of day so many ms from now: said once, and true until then. */
function timeIn(ms) {
  return new Date(serviceTime().getTime() + ms).toLocaleTimeString([], { timeStyle: "medium" });
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function untilOnline() {
  return new Promise((resolve) => window.addEventListener("online", resolve, { once: true }));
}
