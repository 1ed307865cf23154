"""One reader of a swarm: what it asked for, and the books of what came."""

import socket
from collections import Counter
from collections.abc import Iterable

from tests.sse import Decoder


class SwarmReader:
    """One reader of one or several rooms. All times are time.monotonic()."""

    def __init__(
        self,
        rooms: Iterable[str],
        *,
        documented: bool = True,
        token: str = "",
        start: int = 0,
        small_buffer: bool = False,
    ) -> None:
        """`start`: the position in each room from which it reads; `token` says the same where it isn't in all."""
        self.rooms = list(rooms)
        self.documented = documented
        self.token = token or ",".join(f"room-{room}:{start}" for room in self.rooms)
        self.last: dict[str, int] = dict.fromkeys(self.rooms, start)
        self.texts: dict[str, list[str]] = {room: [] for room in self.rooms}
        self.errors: list[str] = []  # holes and events of other rooms: there may be none
        self.resets: list[float] = []
        self.at = 0.0  # when the newest message came
        self.duplicates = 0
        self.statuses: Counter[int] = Counter()
        self.opened: list[float] = []  # when a stream gave its first event
        self.since = 0.0  # when the one opened that it got after an end, and not because of `newest`
        self.is_repairing = False  # it asked for another stream because of `newest`
        self.ends = 0
        self.repairs = 0  # resumes because of `newest`
        self.received = 0  # bytes of streams, framing included
        self.small_buffer = small_buffer  # of the kernel, so that not reading is felt soon
        self.paused = False
        self.live = False
        self.fails = 0
        self.generation = 0
        self.heard = 0.0
        self.socket: socket.socket | None = None
        self.decoder = Decoder()
        self.outgoing = b""

    @property
    def path(self) -> str:
        """The address of the stream."""
        if len(self.rooms) == 1:
            return f"/rooms/{self.rooms[0]}/events/"
        return "/events/?" + "&".join(f"channel=room-{room}" for room in self.rooms)

    def follow(self, rooms: Iterable[str]) -> None:
        """From the next connection on read these rooms, each from where it was left."""
        self.rooms = list(rooms)
        for room in self.rooms:
            self.last.setdefault(room, 0)
            self.texts.setdefault(room, [])
        self.token = ",".join(f"room-{room}:{self.last[room]}" for room in self.rooms)

    def is_at(self, expected: dict[str, list[str]]) -> bool:
        """Whether exactly the expected texts of each of its rooms have come, in order."""
        return not self.errors and all(self.texts[room] == expected.get(room, []) for room in self.rooms)


def describe(reader: SwarmReader) -> str:
    """Where a reader is, for the message of a failed test."""
    got = {room: len(texts) for room, texts in reader.texts.items()}
    return (
        f"{'documented' if reader.documented else 'plain'} reader of {reader.rooms}: live={reader.live} got={got} "
        f"token={reader.token} errors={reader.errors[:3]} statuses={dict(reader.statuses)} ends={reader.ends} "
        f"repairs={reader.repairs} resets={len(reader.resets)}"
    )
