"""The real service, on PostgreSQL."""

import json
from typing import Self

from benchmarks.load import mark
from benchmarks.peers.multichat.peer import UPGRADE
from benchmarks.peers.peer import Peer
from tests.service import LIMITS, Service

# Stores `number` events of a room without publishing them, and prints the items that publish them: what a post stores
# and sends, but for the time of sending, which the publisher puts in. Each has the date at which it will be published,
# since the relay repeats what is two seconds old.
_ITEMS = """
import json
from datetime import UTC, datetime, timedelta
from chat import eventlog, publish
from chat.models import Event, Room
room = Room.objects.get(name={room!r})
first = datetime.fromtimestamp({first}, UTC)
events = []
for number in range(1, {number} + 1):
    eid = room.counter + number
    created = first + timedelta(seconds=(number - 1) * {pause})
    data = dict(id=eid, room=room.name, date="2026-11-21T05:20:52.974Z", type=0, verified=False,
        text="p1-%d says something of an ordinary length {mark}" % eid)
    data["from"] = "ann"
    events.append(Event(room=room, eid=eid, type="message", data=eventlog.encode(data), created=created))
Event.objects.bulk_create(events)
Room.objects.filter(pk=room.pk).update(counter=room.counter + {number}, last_event_at=first)
for event in events:
    items = publish.event_items(event, room.name, room.rights, room.name_key)
    print(json.dumps([item.decode() for item in items]))
"""


class Corkboard(Peer):
    """What is measured."""

    name = "corkboard"
    database = "corkboard"

    def __enter__(self) -> Self:
        # One client posts as many people, which no other peer minds; and straight to the web server, as theirs do.
        self.environment |= dict.fromkeys(LIMITS, "0") | {"PROXY_REQUIRED": "false"}
        return Service.__enter__(self)

    def stream_path(self, room: str) -> str:
        """The stream of one room."""
        return f"/rooms/{room}/events/"

    def poll_request(self, room: str, token: str) -> str:
        """The long-poll that follows a room from a position."""
        return (
            f"GET {self.stream_path(room)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
            f"Last-Event-ID: {token}\r\n\r\n"
        )

    def socket_request(self, room: str, token: str) -> str:
        """The upgrade of a socket that follows a room from a position."""
        return UPGRADE.format(path=f"{self.stream_path(room)}?lastEventId={token}")

    def items(self, room: str, number: int, first: float, rate: float = 0) -> list[list[str]]:
        """Store events, dated from `first` on (seconds since 1970), and return the items that publish them."""
        code = _ITEMS.format(room=room, number=number, first=first, pause=1 / rate if rate else 0, mark=mark(0))
        lines = [line for line in self.shell(code).splitlines() if line.startswith("[")]
        assert len(lines) == number
        return [list(json.loads(line)) for line in lines]

    def restart_web(self, *, lose_publishes: bool = False) -> None:
        """Start gunicorn anew, with or without a proxy that its publishes reach."""
        self.lose_publishes = lose_publishes
        self.stop("gunicorn")
        self.start("gunicorn")
        self.wait_ready()
