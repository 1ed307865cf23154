import { between } from "./backoff.js";

/**
 * What the server says of a page with rooms.
 * @param {HTMLElement} element the one with data-chat
 * @returns {{user: string, me: string, username: string, textMax: number, editMinutes: number, transport: string|undefined}}
 */
export function pageOf({ dataset }) {
  const { user, me = "", username = "", textMax, editMinutes, transport } = dataset;
  return { user, me, username, transport, textMax: Number(textMax), editMinutes: Number(editMinutes) };
}

/**
 * The query under which a page is loaded again: who is signed in needs no name there.
 * @param {{user: string, me: string, transport: string|undefined}} page
 * @returns {[string, string][]}
 */
export function queryOf({ user, me, transport }) {
  const isNamed = !me || new URLSearchParams(location.search).has("user");
  return [...(isNamed ? [["user", user]] : []), ...(transport ? [["transport", transport]] : [])];
}

/**
 * The events since our token are gone: only a fresh page is whole. Everybody is told at once, so not all reload at once;
 * a page that is told so as soon as it was loaded must not reload for ever without a pause.
 * @param {string} address
 */
export function loadAgain(address) {
  const pause = performance.now() < 10_000 ? between(5000, 15_000) : between(0, 2000);
  setTimeout(() => location.replace(address), pause);
}
