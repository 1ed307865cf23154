const LIMIT = 50;

/**
 * @param {Response} answer a page of a room's history
 * @returns {boolean} whether there are messages before it
 */
export function hasOlder(answer) {
  return Boolean(answer.headers.get("Link")?.includes('rel="next"'));
}

/**
 * Loads earlier messages, by the link at the top of the log or when the reader comes near it.
 * @param {HTMLElement} holder the element around the link
 * @param {HTMLElement} scroller
 * @param {string} url of the room's messages
 * @param {object} log the Log on the page
 */
export function createHistory(holder, scroller, url, log) {
  const link = holder.querySelector("a");
  let busy = false;
  const address = new URL(link.href);
  address.searchParams.delete("user"); // a visitor's name is for nobody who gets the link
  link.href = address;

  async function load() {
    if (busy || holder.hidden || log.firstId === undefined) return;
    busy = true;
    link.textContent = "Loading…";
    try {
      const answer = await fetch(`${url}?before=${log.firstId}&limit=${LIMIT}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const { messages } = await answer.json();
      log.addEarlier(messages);
      holder.hidden = !hasOlder(answer); // a page of long messages has fewer than LIMIT, and there may be more
      link.textContent = "Earlier messages";
    } catch {
      link.textContent = "Earlier messages could not be loaded. Try again";
    }
    busy = false;
  }

  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
  const near = new IntersectionObserver(([entry]) => entry.isIntersecting && load(), {
    root: scroller,
    rootMargin: "200px 0px 0px",
  });
  near.observe(holder);
}
