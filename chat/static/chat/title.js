/**
 * Counts messages that arrive while the page is hidden in its title: "(3) Lobby".
 * @returns {{count: () => void, rename: (title: string) => void}} `count` for each message
 */
export function createUnread() {
  let title = document.title;
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
