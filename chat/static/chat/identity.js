import { learnFrom } from "./clock.js";
import { stopwatch } from "./stopwatch.js";

/** Tells the pages of this browser that somebody came: those of others look whether they are still whom they show. */
const CHANNEL = "corkboard person";
const VISITOR = "visitor";
const ASKED_MS = 10_000;
const AGAIN_MS = 20_000;

const page = document.querySelector("[data-chat]")?.dataset ?? {};

/** For whom this page was loaded, as requests say it: the id of a person, or "visitor". */
export const actingAs = page.actingAs ?? VISITOR;
/** The id of who is signed in, "" for a visitor: the author of their messages. */
export const me = actingAs === VISITOR ? "" : actingAs;
/** What every request that changes something says: from anybody else the service refuses it. */
export const asMe = { "Acting-As": actingAs };

/** Whether the person of this page is still who is signed in in this browser. */
class Identity {
  #now = actingAs;
  #name = "";
  #asking = null;
  #sinceAsked = () => Infinity;
  #listeners = [];
  #timer = 0;
  #channel = globalThis.BroadcastChannel ? new BroadcastChannel(CHANNEL) : null;

  constructor() {
    this.#channel?.addEventListener("message", ({ data }) => (data !== actingAs || this.isAway) && this.check());
    this.#channel?.postMessage(actingAs);
    const look = () => document.hidden || this.#look();
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    addEventListener("pageshow", ({ persisted }) => persisted && this.check());
  }

  /** Whether nobody, or somebody else, is signed in in this browser now, as far as is known. */
  get isAway() {
    return this.#now !== actingAs;
  }

  /** The name of who is signed in instead, "" for nobody. */
  get other() {
    return this.#now === VISITOR ? "" : this.#name;
  }

  /**
   * Asks who is signed in.
   * @returns {Promise<boolean>} whether that is not the person of this page; without an answer it is as before
   */
  async check() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
    return this.isAway;
  }

  /**
   * Waits until the person of this page is signed in.
   * @returns {Promise<void>}
   */
  back() {
    return new Promise((resolve) => {
      const look = () => this.isAway || resolve();
      this.onChange(look);
      look();
    });
  }

  /**
   * @param {() => void} listener told when the person of this page was signed out, or is back
   */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** A visitor's page has nothing to lose by itself: it hears of others, and is refused what they would say. */
  #look() {
    if (this.isAway || (me && this.#sinceAsked() > ASKED_MS)) this.check();
  }

  async #ask() {
    this.#sinceAsked = stopwatch();
    const headers = { Accept: "application/json" };
    const answer = learnFrom(await fetch("/accounts/me/", { headers, cache: "no-store" }).catch(() => null));
    const person = answer?.ok ? await answer.json().catch(() => null) : null;
    if (person) this.#is(person.id, person.name);
    else if (answer?.status === 401) this.#is(VISITOR, "");
  }

  #is(id, name) {
    const before = this.#now;
    [this.#now, this.#name] = [id, name];
    clearTimeout(this.#timer);
    if (this.isAway) this.#timer = setTimeout(() => (document.hidden ? this.#is(id, name) : this.check()), AGAIN_MS);
    if (id === before) return;
    this.#channel?.postMessage(id); // other tabs of the same person need not find out by themselves
    for (const listener of [...this.#listeners]) listener();
  }
}

export const identity = new Identity();

/** The line that says that one is signed out, and the way back. */
function announce(line) {
  const [words, link] = [line.querySelector("[data-away-words]"), line.querySelector("[data-away-link]")];
  const here = () => location.pathname + location.search;
  const door = link.getAttribute("href");
  identity.onChange(() => {
    line.hidden = !identity.isAway;
    words.textContent = identity.other
      ? `In this browser you are signed in as ${identity.other} now. What you wrote here is kept, and not sent as theirs.`
      : "You are signed out. What you wrote here is kept.";
    link.textContent = identity.other ? `Go on as ${identity.other}` : "Sign in";
    link.href = identity.other ? here() : `${door}?${new URLSearchParams({ next: here() })}`;
  });
}

const line = document.querySelector("[data-away]");
if (line) announce(line);
