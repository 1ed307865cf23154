"""The event log: numbered events of each room, read from a position, behind django-eventstream's storage interface.

On the wire a position is `room-<name>:<n>`; a stream of several rooms joins them with commas.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone
from django_eventstream.event import Event as LibraryEvent
from django_eventstream.storage import EventDoesNotExist, StorageBase

from chat import wire
from chat.channels import ROOM_PREFIX
from chat.models import ClaimedEvent, Event, Restore, Room
from chat.names import room_key

# Postgres' bigint and SQLite's integer end here; a client may send more digits than that.
MAX_ID = 2**63 - 1
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "%\u2028\u2029"}
_INTEGER = re.compile(r"-?[0-9]+\Z")
_READ = "SELECT id, room_id, eid, type, data FROM chat_event WHERE {wanted} ORDER BY room_id, eid LIMIT %s"
_AFTER = "(room_id = %s AND eid > %s)"
_AFTER_UNDER_RIGHTS = "(room_id = %s AND eid > %s AND (SELECT rights FROM chat_room WHERE id = %s) = %s)"
_RAISE_ROW_IDS = {
    "postgresql": "SELECT setval(pg_get_serial_sequence('chat_room', 'id'), "
    "(SELECT coalesce(max(id), 0) FROM chat_room) + %s)",
    "sqlite": "UPDATE sqlite_sequence SET seq = seq + %s WHERE name = 'chat_room'",
}


def encode(data: Mapping[str, Any]) -> str:
    """`data` as the JSON text that is stored and sent.

    `%` is written as an escape: Pushpin's build-id filter would take it for the start of a variable, and so one
    text serves streams with and without that filter. So are the line and paragraph separators of Unicode, at which
    some clients' readers of lines would cut the event.
    """
    return wire.encode(data).translate(_ESCAPES)


def append(claim: ClaimedEvent, event_type: str, data: Mapping[str, Any], now: datetime) -> Event:
    """Store the event that `claim` numbered. Must run in the transaction that made the claim."""
    return Event.objects.create(room_id=claim.room_id, eid=claim.eid, type=event_type, data=encode(data), created=now)


def read_after(positions: Mapping[int, int], limit: int, rights: Mapping[int, int] | None = None) -> list[Event]:
    """The events after `positions` (room row id -> event id), by room and in order, at most `limit`. One query.

    With `rights` (room row id -> the version under which the reader's right was checked) a room whose rights changed
    since then gives nothing: who was checked before a right was taken reads nothing afterwards.
    """
    if not positions:
        return []
    # Written out: this runs for every reader who comes back, and the ORM takes five times as long to say the same.
    wanted = []
    values: list[int] = []
    for room_id, eid in positions.items():
        wanted.append(_AFTER if rights is None else _AFTER_UNDER_RIGHTS)
        values += [room_id, eid] if rights is None else [room_id, eid, room_id, rights[room_id]]
    return list(Event.objects.raw(_READ.format(wanted=" OR ".join(wanted)), [*values, limit]))


def is_retained(room: Room, last: int) -> bool:
    """Whether the log holds everything after `last`: the rule that makes a token valid."""
    return room.pruned_through <= last <= room.counter


def token(name: str, eid: int) -> str:
    """The position `eid` of the room called `name`, as it is on the wire."""
    return f"{ROOM_PREFIX}{name}:{eid}"


def parse_token(text: str) -> dict[str, int]:
    """Positions by room key, from a comma list of `room-<name>:<n>`. Raises ValueError when malformed.

    The same room may be named more than once (a stream of several rooms puts an event's own id first).
    """
    positions: dict[str, int] = {}
    for part in text.split(","):
        channel, separator, digits = part.strip().rpartition(":")
        if not separator or not channel.startswith(ROOM_PREFIX) or not _INTEGER.match(digits):
            raise ValueError("a part of it is not of the form room-<name>:<number>")
        key = room_key(channel.removeprefix(ROOM_PREFIX))
        number = parse_number(digits)
        positions[key] = max(positions.get(key, number), number)
    return positions


def parse_number(digits: str) -> int:
    """An event id. What can't be one meets a reset: a negative number, and MAX_ID for more digits than an id has."""
    return int(digits) if len(digits) < 19 else MAX_ID


def encode_event(event_id: str, event: Event) -> str:
    """The event as an object `{"id", "type", "data"}`: in batches of long-polling and as a frame of a socket."""
    return f'{{"id":"{event_id}","type":"{event.type}","data":{event.data}}}'


def encode_batch(objects: Iterable[str], last: str, resets: list[str] | None = None) -> str:
    """The answer to a long-poll: encoded events, the token after them, and the channels to be loaded again."""
    channels = f',"channels":{wire.encode(resets)}' if resets else ""
    reset = "true" if resets else "false"
    return f'{{"events":[{",".join(objects)}],"last-event-id":"{last}","reset":{reset}{channels}}}'


def prune(before: datetime, batch: int = 1000) -> int:
    """Remove events stored before `before`; readers who come back with an older position get a reset.

    Works room by room in short transactions and never on the path of a request. Returns how many were removed.
    """
    removed = 0
    for room_id, last in (
        Event.objects.filter(created__lt=before).values_list("room_id").annotate(last=Max("eid")).order_by()
    ):
        removed += prune_room(room_id, last, batch)
    return removed


def begin_anew(room_id: int) -> int:
    """Take an id that no event gets, and give up all before it: every position of before meets a reset, the newest one
    too. Returns the id. Must run in a transaction that has locked the room."""
    Room.objects.filter(pk=room_id).update(counter=F("counter") + 1, pruned_through=F("counter") + 1)
    return Room.objects.values_list("counter", flat=True).get(pk=room_id)


def forget(room_id: int) -> None:
    """Remove all events of a room, so that nobody resumes over this moment. Must run in a transaction."""
    Room.objects.filter(pk=room_id).update(pruned_through=F("counter"))
    Event.objects.filter(room_id=room_id).delete()


def prune_room(room_id: int, through: int, batch: int = 1000) -> int:
    """Remove the events of a room up to an id, as prune. Returns how many were removed."""
    # The mark first: from then on nobody resumes from what is about to go.
    Room.objects.filter(pk=room_id, pruned_through__lt=through).update(pruned_through=through)
    removed = 0
    while True:
        old = Event.objects.filter(room_id=room_id, eid__lte=through).order_by("eid").values("pk")[:batch]
        count, _ = Event.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
        removed += count
        if count < batch:
            return removed


class EventLog(StorageBase):  # type: ignore[misc]
    """django-eventstream's storage interface over the log (EVENTSTREAM_STORAGE_CLASS). Channels: `room-<name>`."""

    def append_event(self, channel: str, event_type: str, data: Mapping[str, Any]) -> LibraryEvent:
        """Store an event of an existing room in a transaction of its own. Publishing it is the relay's."""
        now = timezone.now()
        with transaction.atomic():
            claim = Room.objects.claim_event(room_key(channel.removeprefix(ROOM_PREFIX)), now)
            if claim is None:
                raise ValueError(f"there is no room for the channel {channel!r}")
            event = append(claim, event_type, data, now)
        return LibraryEvent(channel, event_type, data, id=event.eid)

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[LibraryEvent]:
        """At most `limit` events after `last_id`. Raises EventDoesNotExist when that position is not retained."""
        room = self._room(channel)
        if room is None or not is_retained(room, last_id):
            raise EventDoesNotExist(f"No such event {last_id}", room.counter if room else 0)
        return [
            LibraryEvent(channel, event.type, json.loads(event.data), id=event.eid)
            for event in read_after({room.pk: last_id}, limit)
        ]

    def get_current_id(self, channel: str) -> int:
        """The id of the newest event, 0 when there is none."""
        room = self._room(channel)
        return room.counter if room else 0

    @staticmethod
    def _room(channel: str) -> Room | None:
        return Room.objects.live().filter(name_key=room_key(channel.removeprefix(ROOM_PREFIX))).first()


def newest_events(since: datetime) -> list[Event]:
    """The events stored since `since`, in the order of their rooms' ids, with their rooms: what the relay repeats."""
    return list(Event.objects.filter(created__gte=since).select_related("room").order_by("room_id", "eid"))


def jump(rights: int = 10**6, rows: int = 10**6) -> int:
    """After a restore of an older backup: nothing handed out before, in the time that is lost, may match by accident.

    Raises every room's counter (tokens), the version of its rights (channels of holds), and the next room's row id: a
    hold of a room that is lost must not carry a new one. Rooms made from now on count from there, too. Returns the
    number of rooms.

    The counters rise by the milliseconds since 1970 (in 2026 some 2^41, and browsers count exactly to 2^53): so also
    the same backup, put back twice, hands out other ids each time.
    """
    by = time.time_ns() // 10**6
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RAISE_ROW_IDS[connection.vendor], [rows])
        Restore.objects.create(base=by)
        return Room.objects.update(
            counter=F("counter") + by, pruned_through=F("counter") + by, rights=F("rights") + rights
        )
