"""The kinds of readers, as a table: a new transport or habit is a new line."""

from dataclasses import dataclass

HEEDS_NEWEST_SECONDS = 5.0  # after the last post: what docs promise a client that resumes on `newest`
PLAIN_SECONDS = 30.0  # and one that doesn't, which waits for the timer of the recovery link


@dataclass(frozen=True)
class Kind:
    """How a reader behaves. `share` is its part of all readers, in sixtieths."""

    share: int
    transport: str = "sse"
    several: bool = False  # several rooms on one stream
    documented: bool = True  # does all that docs/protocol.md asks of a client; else it is curl in a loop
    slow: bool = False  # stops reading for seconds now and then
    drops: bool = False  # hangs up at random moments

    @property
    def prompt(self) -> bool:
        """Whether the times of this reader say something about the service."""
        return not (self.slow or self.drops)

    @property
    def bound(self) -> float:
        """Seconds after the last post within which it must have everything."""
        return HEEDS_NEWEST_SECONDS if self.documented and not self.slow else PLAIN_SECONDS


KINDS = {
    "documented, one room": Kind(12),
    "documented, several rooms": Kind(12, several=True),
    "plain, one room": Kind(10, documented=False),
    "plain, several rooms": Kind(10, several=True, documented=False),
    "documented, slow, one room": Kind(4, slow=True),
    "plain, slow, several rooms": Kind(4, several=True, documented=False, slow=True),
    "documented, dropping, several rooms": Kind(4, several=True, drops=True),
    "plain, dropping, one room": Kind(4, documented=False, drops=True),
}
