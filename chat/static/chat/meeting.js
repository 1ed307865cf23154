const AGAIN_KEY = "corkboard strangers again";
const GONE = { "partner-left": "left.", "partner-gone": "is gone: the connection was lost." };
const ALONE = {
  away: "You were away, so nobody could meet you.",
  barred: "You can't meet strangers here any more: the operator decided so.",
};

/**
 * The strip that says where the visitor is, with its buttons.
 * @param {HTMLElement} main the element with data-view
 * @param {(what: string, body?: URLSearchParams) => void} act meet, next, leave, block, report; again: the choice changed
 * @returns {{show: (view: string, state: object, partner: string) => void, refuse: (words: string) => void,
 *   isAgain: () => boolean, isAsking: () => boolean}} whether to go on by itself; whether one is about to block or report
 */
export function createMeeting(main, act) {
  const words = main.querySelector("[data-words]");
  const error = main.querySelector("[data-error]");
  const again = main.querySelector("[data-again]");
  const forms = [...main.querySelectorAll("[data-form]")];
  let room = null;
  let last = "";
  const isAsking = () => forms.some((form) => !form.hidden);
  const buttonOf = (form) => main.querySelector(`[data-panel="${form.dataset.form}"]`);

  function open(form, isOpen) {
    form.hidden = !isOpen;
    buttonOf(form).setAttribute("aria-expanded", String(isOpen));
    if (isOpen) form.querySelector("textarea, [type=submit]").focus();
  }

  function show(view, state, partner) {
    // Who writes a report goes on when the partner leaves; not when it would be about another one.
    if (view !== "left" && state.pair?.room !== room) forms.forEach((form) => open(form, false));
    room = state.pair?.room ?? (view === "left" ? room : null);
    main.dataset.view = view;
    const said = document.createElement("p");
    said.append(...wordsOf(view, state, partner, again?.checked));
    // Each change of the words is read out. What is compared is what was said, not what a translator made of it.
    if (said.textContent === last) return;
    last = said.textContent;
    words.replaceChildren(...said.childNodes);
  }

  for (const button of main.querySelectorAll("[data-act]")) {
    button.addEventListener("click", async () => {
      const hadFocus = document.activeElement === button;
      button.disabled = true;
      await act(button.dataset.act);
      button.disabled = false;
      // The button that was pressed may be gone: the next one to press takes its place.
      if (hadFocus && !button.checkVisibility()) visible(main)?.focus();
    });
  }
  for (const form of forms) {
    buttonOf(form).addEventListener("click", () => forms.forEach((other) => open(other, other === form && form.hidden)));
    const cancel = () => {
      open(form, false);
      buttonOf(form).focus();
      act("again");
    };
    form.querySelector("[data-cancel]").addEventListener("click", cancel);
    form.addEventListener("keydown", (event) => event.key === "Escape" && cancel());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await act(form.dataset.form, new URLSearchParams(new FormData(form)));
      form.reset();
      open(form, false);
    });
  }
  if (again) {
    again.checked = recall();
    again.addEventListener("change", () => {
      keep(again.checked);
      act("again");
    });
  }
  return {
    show,
    refuse(text) {
      error.textContent = text;
      error.hidden = !text;
    },
    isAgain: () => Boolean(again?.checked) && !isAsking(),
    isAsking,
  };
}

function visible(main) {
  return [...main.querySelectorAll("[data-act]")].find((button) => !button.disabled && button.checkVisibility());
}

function wordsOf(view, { reason, pair }, partner, isAgain) {
  if (view === "waiting") return ["Looking for a stranger… Stay here: it goes on as soon as somebody comes."];
  if (view === "paired") return ["You talk to ", name(pair.partner), ". They know you as ", name(pair.name), "."];
  if (view === "left") return [name(partner), ` ${GONE[reason] ?? "left."}`, ...(isAgain ? [" Looking for the next one…"] : [])];
  return ALONE[reason] ? [ALONE[reason]] : [];
}

function name(text) {
  const element = document.createElement("bdi");
  element.translate = false;
  element.textContent = text;
  return element;
}

function recall() {
  try {
    return localStorage.getItem(AGAIN_KEY) !== null;
  } catch {
    return false;
  }
}

function keep(isAgain) {
  try {
    if (isAgain) localStorage.setItem(AGAIN_KEY, "");
    else localStorage.removeItem(AGAIN_KEY);
  } catch {
    // Without storage the choice holds as long as the page.
  }
}
