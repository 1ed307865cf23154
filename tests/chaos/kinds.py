"""The kinds of readers, as a table: a new transport or habit is a new line."""

from dataclasses import dataclass

HEEDS_NEWEST_SECONDS = 5.0  # after the last post: what docs promise a client that heeds `newest`
PLAIN_SECONDS = 30.0  # and one that doesn't, which waits for the timer of the recovery link
POLL_SECONDS = 20  # what long-polls ask to wait: no `newest` reaches them, the end of the wait leads them to the log
CHANGING = "changing"  # another transport, drawn anew, whenever it hangs up; with the same token


@dataclass(frozen=True)
class Kind:
    """How a reader behaves. `share` is its part of all readers, in sixtieths."""

    share: int
    transport: str = "sse"  # long-poll, websocket or CHANGING
    several: bool = False  # several rooms on one connection
    documented: bool = True  # does all that docs/protocol.md asks of a client; else it is curl in a loop
    joins: bool = False  # on a socket: joins by command what it follows, instead of by the address
    slow: bool = False  # stops reading for seconds now and then
    drops: bool = False  # hangs up at random moments

    @property
    def prompt(self) -> bool:
        """Whether the times of this reader say something about the service."""
        return not (self.slow or self.drops)

    @property
    def heeds_newest(self) -> bool:
        """Whether it comes back at once when it is told that it is behind."""
        return self.documented and not self.slow and self.transport in ("sse", "websocket")

    @property
    def bound(self) -> float:
        """Seconds after the last post within which it must have everything."""
        return HEEDS_NEWEST_SECONDS if self.heeds_newest else PLAIN_SECONDS


KINDS = {
    "stream, documented, one room": Kind(4),
    "stream, documented, several rooms": Kind(4, several=True),
    "stream, plain, one room": Kind(3, documented=False),
    "stream, plain, several rooms": Kind(3, several=True, documented=False),
    "stream, documented, slow, one room": Kind(1, slow=True),
    "stream, plain, slow, several rooms": Kind(1, several=True, documented=False, slow=True),
    "stream, documented, dropping, several rooms": Kind(1, several=True, drops=True),
    "stream, plain, dropping, one room": Kind(1, documented=False, drops=True),
    "long-poll, one room": Kind(6, "long-poll"),
    "long-poll, several rooms": Kind(6, "long-poll", several=True),
    "long-poll, slow, several rooms": Kind(2, "long-poll", several=True, slow=True),
    "long-poll, dropping, one room": Kind(2, "long-poll", drops=True),
    "long-poll, dropping, several rooms": Kind(2, "long-poll", several=True, drops=True),
    "socket, one room": Kind(5, "websocket"),
    "socket, several rooms": Kind(4, "websocket", several=True),
    "socket, several rooms by join": Kind(3, "websocket", several=True, joins=True),
    "socket, slow, several rooms": Kind(2, "websocket", several=True, slow=True),
    "socket, dropping, one room": Kind(2, "websocket", drops=True),
    "socket, dropping, several rooms by join": Kind(2, "websocket", several=True, joins=True, drops=True),
    "changing, one room": Kind(3, CHANGING, drops=True),
    "changing, several rooms": Kind(3, CHANGING, several=True, drops=True),
}
