/**
 * Says when a connection should be looked after: the network changed, somebody looks at the page again, the page went
 * into the browser's memory of pages or came back from it.
 * @param {AbortSignal} signal ends it
 * @param {{changed: (isOnline: boolean) => void, looked: () => void, left: () => void, returned: () => void}} handlers
 */
export function watchNetwork(signal, { changed, looked, left, returned }) {
  const page = globalThis.document; // a worker has none
  const on = (target, type, handle) => target.addEventListener?.(type, handle, { signal });
  on(globalThis, "online", () => changed(true));
  on(globalThis, "offline", () => changed(false));
  on(globalThis, "pagehide", left);
  on(globalThis, "pageshow", (event) => event.persisted && returned());
  if (page) on(page, "visibilitychange", () => page.hidden || looked());
}
