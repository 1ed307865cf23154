"""Rooms and positions: what a resume token says, what comes after it, and what the next token is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

from django.http import HttpRequest

from chat import access, eventlog
from chat.channels import ROOM_PREFIX
from chat.models import Event, Room
from chat.names import room_key
from chat.problems import Problem

ROOMS_MAX = 50  # rooms of one stream; pushpin.conf allows the subscriptions
FRAME = 150  # bytes around the data of an event, beside the position of the whole stream
FULL_ID_ROOMS_MAX = 10  # above that an event's id names positions only: 219 instead of 660 bytes at 50 rooms


@dataclass(frozen=True)
class Feed:
    """One room of a stream: `last` is the id of the newest event that the reader has."""

    room: Room
    last: int
    reset: bool = False

    @property
    def channel(self) -> str:
        """The room's name in tokens and in `?channel=`."""
        return f"{ROOM_PREFIX}{self.room.name}"


def of_request(request: HttpRequest, names: list[str], text: str) -> list[Feed]:
    """The rooms called `names`, each from the position that the token `text` names. Raises Problem."""
    wanted = {room_key(name): name for name in reversed(names)}
    try:
        rooms = access.find_rooms_to_follow(request, names)
    except Problem as problem:
        problem.channels = [f"{ROOM_PREFIX}{wanted[key]}" for key in problem.rooms]  # it can go on without these
        raise
    # A room that is not there yet can be followed from its beginning; it has no row, and a GET makes none.
    present = [room or Room(name=wanted[key], name_key=key) for key, room in rooms.items()]
    present.sort(key=lambda room: room.name_key)
    positions = _positions(text, present)
    return [at(room, positions.get(room.name_key)) for room in present]


def at(room: Room, last: int | None) -> Feed:
    """`room` from the position `last`, or from now on; a position that is not retained is a reset to now."""
    if last is None:
        return Feed(room, room.counter)
    if eventlog.is_retained(room, last):
        return Feed(room, last)
    return Feed(room, room.counter, reset=True)


def read(feeds: list[Feed], limit: int, limit_bytes: int | None = None) -> tuple[list[Feed], list[Event], bool]:
    """The events after the positions, and whether there are more. One query.

    At most `limit` of them, and as many as have `limit_bytes` on the wire together, but at least one. The feeds come
    back with a reset for each room whose next events were pruned since its row was read.
    """
    # Who has all up to the counter needs no look at the log: what comes after this row was read is published after the
    # hold's position, and Pushpin asks again; a socket hears it.
    behind = {feed.room.pk: feed.last for feed in feeds if feed.last < feed.room.counter}
    found = eventlog.read_after(behind, limit + 1, {feed.room.pk: feed.room.rights for feed in feeds})
    fitting = found[:limit] if limit_bytes is None else _fitting(found[:limit], limit_bytes, FRAME + len(token(feeds)))
    more, found = len(found) > len(fitting), fitting
    first = {event.room_id: event.eid for event in reversed(found)}
    feeds = [
        replace(feed, last=first[feed.room.pk] - 1, reset=True)
        if feed.room.pk in first and first[feed.room.pk] != feed.last + 1
        else feed
        for feed in feeds
    ]
    return feeds, found, more


def _fitting(found: list[Event], limit_bytes: int, around: int) -> list[Event]:
    """As many of the events as fit, each with so many bytes around its data."""
    size = 0
    for number, event in enumerate(found):
        size += len(event.data.encode()) + around
        if size > limit_bytes and number:
            return found[:number]
    return found


def step(feeds: list[Feed], event: Event, *, several: bool) -> tuple[list[Feed], str]:
    """The feeds after `event`, and the event's id: its own, followed on a stream of several rooms by all positions."""
    feeds = [replace(feed, last=event.eid) if feed.room.pk == event.room_id else feed for feed in feeds]
    own = next(feed for feed in feeds if feed.room.pk == event.room_id)
    event_id = eventlog.token(own.room.name, event.eid)
    return feeds, f"{event_id},{token(feeds)}" if several else event_id


def token(feeds: list[Feed]) -> str:
    """The position of the whole stream as a token: a comma list, of many rooms the short form."""
    if len(feeds) > FULL_ID_ROOMS_MAX:
        return f"@{digest(feed.room for feed in feeds)}." + ".".join(str(feed.last) for feed in feeds)
    return full_token(feeds)


def full_token(feeds: list[Feed]) -> str:
    """The position with every room named, however many: for sockets, whose clients keep each room's."""
    return ",".join(eventlog.token(feed.room.name, feed.last) for feed in feeds)


def resets(feeds: list[Feed]) -> list[str]:
    """The channels whose reader has to load the history again."""
    return [feed.channel for feed in feeds if feed.reset]


def digest(rooms: Iterable[Room]) -> str:
    """What the short form depends on, so that it can't be read against another set of rooms."""
    return f"{crc32(','.join(room.name_key for room in rooms).encode()):x}"


def token_text(request: HttpRequest) -> str:
    """The resume token of a request: the header first, then the query; "" when there is none."""
    if text := request.headers.get("Last-Event-ID", ""):
        return text
    for parameter in ("lastEventId", "last_event_id"):
        if values := [value for value in request.GET.getlist(parameter) if value]:
            return values[-1]
    return ""


def _positions(text: str, rooms: list[Room]) -> Mapping[str, int]:
    """Positions by room key from a resume token; nothing for a room that it does not name."""
    if text == "earliest":
        return {room.name_key: room.pruned_through for room in rooms}
    own, separator, short = text.partition("@")
    try:
        positions = eventlog.parse_token(own.rstrip(",")) if own else {}
        return _parse_short(short, rooms) if separator else positions
    except ValueError as error:
        raise Problem("TOKEN_INVALID", f"The resume token can't be read: {error}.") from None


def _parse_short(text: str, rooms: list[Room]) -> dict[str, int]:
    claimed, *numbers = text.split(".")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise ValueError("it holds something else than numbers")
    if claimed != digest(rooms) or len(numbers) != len(rooms):
        return {room.name_key: eventlog.MAX_ID for room in rooms}  # of another set of rooms: all get a reset
    return {room.name_key: eventlog.parse_number(number) for room, number in zip(rooms, numbers, strict=True)}
