"""An event as a client has it, whatever the transport wrapped it in."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """`id` is as it came, empty for what is in no log; `data` is decoded."""

    id: str
    type: str
    data: Any

    @property
    def channel(self) -> str:
        """The channel that its own id names, `room-<name>`."""
        return own(self.id)[0]

    @property
    def number(self) -> int:
        """Its own number in its room; 0 for what is in no log."""
        return own(self.id)[1]


def own(event_id: str) -> tuple[str, int]:
    """Channel and number of an event, from its id: what follows a comma is the position of a whole stream."""
    channel, _, number = event_id.partition(",")[0].rpartition(":")
    return channel, int(number) if number.isdigit() else 0


def positions_of(token: str) -> dict[str, int]:
    """Positions by channel, from a token that names each."""
    return dict(own(part) for part in token.split(",") if part)
