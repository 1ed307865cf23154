"""What is known about a reader, for the verdict."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.plan import ReaderSpec
from tests.client import own


@dataclass(frozen=True)
class Got:
    """A message as a reader has it after de-duplication. `at` is time.monotonic()."""

    eid: int
    text: str
    at: float


@dataclass
class Record:
    """All that is known about a reader."""

    spec: ReaderSpec
    start: dict[str, int] = field(default_factory=dict)  # room -> the position at which it began
    last: dict[str, int] = field(default_factory=dict)
    got: dict[str, list[Got]] = field(default_factory=dict)
    duplicates: int = 0  # on the wire, before de-duplication
    counts: Counter[str] = field(default_factory=Counter)  # connections, ends, resumes, refusals
    live: list[tuple[float, bool]] = field(default_factory=list)  # when a stream opened (True) and ended (False)
    tries: list[float] = field(default_factory=list)  # when it asked for a stream, a socket, or after an error to poll
    faults: list[str] = field(default_factory=list)  # what no reader may ever see

    def begin(self, positions: dict[str, int]) -> None:
        """Start at the positions of the rooms."""
        self.start, self.last = dict(positions), dict(positions)
        self.got = {room: [] for room in positions}

    @property
    def token(self) -> str:
        """The positions as a token, whatever the transport."""
        return ",".join(f"room-{room}:{last}" for room, last in self.last.items())

    def take(self, event_id: str, data: Any) -> bool:
        """Keep the message of an event; False for a duplicate, or for what is no event of this reader."""
        channel, eid = own(event_id)
        room = channel.removeprefix("room-")
        if room not in self.last or (data["id"], data["room"]) != (eid, room):
            self.faults.append(f"{event_id} carries message {data['id']} of {data['room']}")
            return False
        if eid <= self.last[room]:
            self.duplicates += 1
            return False
        self.last[room] = eid
        self.got[room].append(Got(eid, data["text"], time.monotonic()))
        return True

    def refuse(self, kind: str, data: Any) -> None:
        """Note what no reader may see in a run."""
        self.faults.append(f"got {kind}: {json.dumps(data)[:200]}")

    def opened(self) -> None:
        """It is served now, if it was not."""
        if not self.live or not self.live[-1][1]:
            self.live.append((time.monotonic(), True))

    def ended(self) -> None:
        """It is served no more, if it was."""
        if self.live and self.live[-1][1]:
            self.live.append((time.monotonic(), False))
