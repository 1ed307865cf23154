const WORDS = {
  connecting: "Connecting…",
  online: "Connected",
  back: "Back online.",
  offline: "You are offline. Messages will arrive when you are back.",
};
/** A restart of the service or of the proxy takes less: not worth a word. */
const BLIP_MS = 2000;
const BACK_MS = 4000;

/**
 * Says in words how the connection is. The seconds of a countdown are not announced, only shown.
 * @param {HTMLElement} element a live region
 * @returns {(status: {state: string, ms?: number, text?: string}) => void}
 */
export function createStatus(element) {
  let state = "";
  let said = ""; // not what is on the page, which may be translated
  let timer = 0;
  let wasOnline = false;
  const words = element.appendChild(document.createElement("span"));
  const seconds = element.appendChild(document.createElement("span"));
  seconds.setAttribute("aria-hidden", "true");
  element.hidden = false;

  function show(next, text = WORDS[next]) {
    clearInterval(timer);
    state = next;
    element.dataset.state = next;
    seconds.textContent = "";
    if (said !== text) words.textContent = said = text;
  }

  function online() {
    if (state === "online" || state === "back") return;
    if (!wasOnline || element.dataset.state === "online") show("online");
    else {
      show("back");
      timer = setTimeout(() => show("online"), BACK_MS);
    }
    wasOnline = true;
  }

  function connecting() {
    if (state === "waiting" || state === "offline") return;
    if (!wasOnline) return show("connecting");
    if (state === "connecting") return;
    clearInterval(timer);
    state = "connecting";
    timer = setTimeout(() => show("connecting", "Reconnecting…"), BLIP_MS);
  }

  function waiting(ms) {
    show("waiting", "Reconnecting");
    const until = performance.now() + ms;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      seconds.textContent = left > 0 ? ` in ${left} s…` : "…";
    };
    tick();
    timer = setInterval(tick, 1000);
  }

  return (status) => {
    if (status.state === "online") online();
    else if (status.state === "connecting") connecting();
    else if (status.state === "waiting") waiting(status.ms);
    else if (status.state !== state) show(status.state, status.text);
  };
}
