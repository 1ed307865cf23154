/**
 * Counts messages that arrive while the page is hidden in its title: "(3) Lobby".
 * @param {string} [first] the title, where it holds what people wrote: a translator may have changed the page's
 * @returns {{count: () => void, rename: (title: string) => void}} `count` for each message
 */
export function createUnread(first = document.title) {
  let title = first;
  let count = 0;
  const show = () => (document.title = count ? `(${count}) ${title}` : title);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    count = 0;
    show();
  });
  return {
    count() {
      if (!document.hidden) return;
      count += 1;
      show();
    },
    rename(next) {
      title = next;
      show();
    },
  };
}
