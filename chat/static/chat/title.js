/**
 * Counts messages that arrive while the page is hidden in its title: "(3) Lobby".
 * @returns {() => void} to call for each message
 */
export function createUnread() {
  const title = document.title;
  let count = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    count = 0;
    document.title = title;
  });
  return () => {
    if (!document.hidden) return;
    count += 1;
    document.title = `(${count}) ${title}`;
  };
}
