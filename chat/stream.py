"""The events endpoint: from a position, what came after it; then a hold that Pushpin keeps open.

A request is answered at once with a batch from the log. Either more is left, and Pushpin follows the link to the
next batch (which carries the positions, signed), or the answer says: hold this connection on these channels from
these positions.

The recovery link. Pushpin follows it after a gap, on a timer, and one second after a channel's first
subscription. It merges such requests when path and Grip-Last agree, shows no header of the client in them, and
follows at most ten different URLs a second. So one link serves everybody, and all that decides the answer is in
Grip-Last, which Pushpin writes and clients can't: the channels of the hold (room and rights version) and the
positions. A thousand readers of one room share about ten requests; a thousand readers of different rooms are not
made to queue, and none can be given another's events.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from zlib import crc32

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_eventstream.utils import sse_encode_error, sse_encode_event
from gripcontrol import Channel

from chat import access, channels, eventlog
from chat.channels import ROOM_PREFIX, RoomChannel
from chat.models import Event, Room
from chat.names import room_key
from chat.problems import Problem, problem_response

RECOVER_PATH = "/recover/"
BATCH = 100  # events in one answer: 100 of the largest are some 3 MB, which Pushpin passes on (5 MB seen)
# Bytes of a first answer that holds channels with a filter: above 100,000 the proxy gives up with 502 (Pushpin 1.36).
# A longer one goes without a hold, and the link that follows it, which has no such limit, holds.
FILTERED_MAX = 90_000
ROOMS_MAX = 50  # rooms of one stream; pushpin.conf allows the subscriptions
FULL_ID_ROOMS_MAX = 10  # above that an event's id names positions only: 219 instead of 660 bytes at 50 rooms
KEEP_ALIVE = "event: keep-alive\ndata:\n\n"
KEEP_ALIVE_SECONDS = 20
# How long something lost inside Pushpin with nothing after it can stay unseen by a client that ignores `newest`:
# a hold just made and a room just used are looked after often, an idle room rarely.
LINK_SECONDS_BUSY = 25
LINK_SECONDS_IDLE = 240  # a thousand readers of one room cost 10 to 25 requests each time
BUSY = timedelta(seconds=60)
RETRY_MS = (1000, 3000)  # reconnection delay of EventSource, drawn for each stream so that a thousand spread out


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


@require_GET
def room_events(request: HttpRequest, name: str) -> HttpResponse:
    """GET /rooms/<room>/events/: the stream of one room."""
    return _answer(request, [name])


@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """GET /events/?channel=room-<a>&channel=room-<b>: the stream of several rooms on one connection."""
    return _answer(request, request.GET.getlist("channel"), prefix=ROOM_PREFIX)


@require_GET
def recover(request: HttpRequest, batch: str = "") -> HttpResponse:
    """The links that Pushpin follows: /recover/ of a hold, /recover/<batch>/ to the next batch."""
    grip = _grip(request)
    last = _parse_batch(batch) if batch else grip.last
    if not grip.proxied or not last:
        return problem_response(Problem("NOT_FOUND", "There is nothing here."))
    feeds, several = _feeds_of_hold(last)
    if not feeds:
        # A right was taken away, or the room is gone: the stream ends, and who still may read comes back.
        return _finish(HttpResponse(content_type="text/event-stream"))
    return _stream(request, feeds, several=several, opening=False, fresh=bool(batch))


def _answer(request: HttpRequest, names: list[str], prefix: str = "") -> HttpResponse:
    try:
        if not _grip(request).proxied:
            raise Problem("PROXY_REQUIRED", "Streams are served through the proxy only: use the public address.")
        _check_accept(request)
        feeds = _feeds_of_request(request, _room_names(names, prefix))
    except Problem as problem:
        return _refuse(request, problem)
    return _stream(request, feeds, several=len(feeds) > 1, opening=True, fresh=True)


def _grip(request: HttpRequest) -> Any:
    """What django_grip.GripMiddleware found out about the request: `proxied`, `last`, `start_instruct`."""
    return request.grip  # type: ignore[attr-defined]


def _check_accept(request: HttpRequest) -> None:
    accept = request.headers.get("Accept", "")
    if accept and not any(kind in accept for kind in ("text/event-stream", "text/*", "*/*")):
        raise Problem("NOT_ACCEPTABLE", "This is a stream of text/event-stream.")


def _room_names(names: list[str], prefix: str) -> list[str]:
    if not names:
        raise Problem("CHANNEL_INVALID", "Name a room: ?channel=room-<name>.")
    if len(names) > ROOMS_MAX:
        raise Problem("CHANNEL_INVALID", f"A stream can carry at most {ROOMS_MAX} rooms.")
    if not all(name.startswith(prefix) for name in names):
        raise Problem("CHANNEL_INVALID", "A channel is called room-<name>.")
    return [name.removeprefix(prefix) for name in names]


def _feeds_of_request(request: HttpRequest, names: list[str]) -> list[Feed]:
    """The rooms asked for, each from the position that the resume token names."""
    text = _token_text(request)
    rooms = access.find_rooms(access.reader_of(request), names)
    wanted = {room_key(name): name for name in reversed(names)}
    # A room that is not there yet can be followed from its beginning; it has no row, and a GET makes none.
    present = [room or Room(name=wanted[key], name_key=key) for key, room in rooms.items()]
    present.sort(key=lambda room: room.name_key)
    positions = _positions(text, present)
    return [_feed(room, positions.get(room.name_key)) for room in present]


def _token_text(request: HttpRequest) -> str:
    if text := request.headers.get("Last-Event-ID", ""):
        return text
    for parameter in ("lastEventId", "last_event_id"):
        if values := [value for value in request.GET.getlist(parameter) if value]:
            return values[-1]
    return ""


def _positions(text: str, rooms: list[Room]) -> dict[str, int]:
    """Positions by room key from a resume token; nothing for a room that it does not name."""
    if text == "earliest":
        return {room.name_key: room.pruned_through for room in rooms}
    own, separator, short = text.partition("@")
    try:
        positions = eventlog.parse_token(own.rstrip(",")) if own else {}
        return _parse_short(short, rooms) if separator else positions
    except ValueError as error:
        raise Problem("TOKEN_INVALID", f"The resume token can't be read: {error}.") from None


def _feed(room: Room, last: int | None) -> Feed:
    if last is None:
        return Feed(room, room.counter)
    if eventlog.is_retained(room, last):
        return Feed(room, last)
    return Feed(room, room.counter, reset=True)


def _feeds_of_hold(last: Mapping[str, str]) -> tuple[list[Feed], bool]:
    """The rooms and positions of a hold, and whether it is one of several rooms. No rooms: the stream must end."""
    held = {parsed: int(eid) for name, eid in last.items() if (parsed := channels.parse(name)) and eid.isdigit()}
    waiting = [key for name in last if (key := channels.parse_waiting(name))]
    several = len(held) + len(waiting) > 1
    rooms = {room.pk: room for room in Room.objects.live().filter(pk__in=[channel.room_id for channel in held])}
    if any(channel.room_id not in rooms or rooms[channel.room_id].rights != channel.rights for channel in held):
        return [], several
    several = several or any(channel.family == "m" for channel in held)
    feeds = [_feed(rooms[channel.room_id], eid) for channel, eid in held.items()]
    made = {room.name_key: room for room in Room.objects.filter(name_key__in=waiting)} if waiting else {}
    if any(room.deleted_at or room.visibility != Room.Visibility.OPEN for room in made.values()):
        return [], several
    feeds += [_feed(made.get(key) or Room(name=key, name_key=key), 0) for key in waiting]
    return sorted(feeds, key=lambda feed: feed.room.name_key), several


def _stream(request: HttpRequest, feeds: list[Feed], *, several: bool, opening: bool, fresh: bool) -> HttpResponse:
    """Events after the feeds' positions, then the hold, or the way to the next batch."""
    # Who has all up to the counter needs no look at the log: what comes after this row was read does not fit the hold's
    # position, and Pushpin asks again.
    behind = {feed.room.pk: feed.last for feed in feeds if feed.last < feed.room.counter}
    found = eventlog.read_after(behind, BATCH + 1)
    more, found = len(found) > BATCH, found[:BATCH]
    feeds = _without_holes(feeds, found)
    body = [_opening(feeds, several)] if opening else []
    if resets := [feed.channel for feed in feeds if feed.reset]:
        body.append(
            sse_encode_event("stream-reset", {"channels": resets}, event_id=_id(feeds, several), json_encode=True)
        )
    start = _id(feeds, several)
    for event in found:
        feeds, line = _step(feeds, event, several)
        body.append(line)
    response = HttpResponse("".join(body), content_type="text/event-stream")
    response["Last-Event-ID"] = start
    too_long = opening and several and len(response.content) > FILTERED_MAX
    _instruct(request, feeds, several=several, hold=not more and not too_long, fresh=fresh)
    return _finish(response)


def _without_holes(feeds: list[Feed], found: list[Event]) -> list[Feed]:
    """The feeds, with a reset for each room whose next events were pruned since its row was read."""
    first = {event.room_id: event.eid for event in reversed(found)}
    return [
        replace(feed, last=first[feed.room.pk] - 1, reset=True)
        if feed.room.pk in first and first[feed.room.pk] != feed.last + 1
        else feed
        for feed in feeds
    ]


def _step(feeds: list[Feed], event: Event, several: bool) -> tuple[list[Feed], str]:
    """The feeds after `event`, and the event as the stream sends it."""
    feeds = [replace(feed, last=event.eid) if feed.room.pk == event.room_id else feed for feed in feeds]
    own = next(feed for feed in feeds if feed.room.pk == event.room_id)
    event_id = eventlog.token(own.room.name, event.eid)
    if several:
        event_id = f"{event_id},{_id(feeds, several)}"
    return feeds, sse_encode_event(event.type, event.data, event_id=event_id)


def _opening(feeds: list[Feed], several: bool) -> str:
    retry = random.randint(*RETRY_MS)  # noqa: S311 - spreads load, guards nothing
    return f"retry: {retry}\n{sse_encode_event('stream-open', '', event_id=_id(feeds, several))}"


def _id(feeds: list[Feed], several: bool) -> str:
    """The position of the whole stream as a token: a comma list, of many rooms the short form."""
    if several and len(feeds) > FULL_ID_ROOMS_MAX:
        return f"@{_digest(feed.room for feed in feeds)}." + ".".join(str(feed.last) for feed in feeds)
    return ",".join(eventlog.token(feed.room.name, feed.last) for feed in feeds)


def _digest(rooms: Iterable[Room]) -> str:
    """What the short form depends on, so that it can't be read against another set of rooms."""
    return f"{crc32(','.join(room.name_key for room in rooms).encode()):x}"


def _parse_short(text: str, rooms: list[Room]) -> dict[str, int]:
    digest, *numbers = text.split(".")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise ValueError("it holds something else than numbers")
    if digest != _digest(rooms) or len(numbers) != len(rooms):
        return {room.name_key: eventlog.MAX_ID for room in rooms}  # of another set of rooms: all get a reset
    return {room.name_key: eventlog.parse_number(number) for room, number in zip(rooms, numbers, strict=True)}


def _instruct(request: HttpRequest, feeds: list[Feed], *, several: bool, hold: bool, fresh: bool) -> None:
    """Tell Pushpin which channels to hold from which positions, and which link to follow."""
    instruct = _grip(request).start_instruct()
    names = [_hold_channel(feed.room, several) for feed in feeds]
    for feed, name in zip(feeds, names, strict=True):
        channel = Channel(name, prev_id=str(feed.last))
        if several and hold:
            channel.filters.append("build-id")
        instruct.add_channel(channel)
        if feed.room.pk:
            instruct.add_channel(Channel(channels.control(feed.room.pk, feed.room.rights)))
    instruct.add_channel(Channel(channels.ALL))
    if several and hold:
        instruct.meta["id_format"] = _id_format(feeds, names)
    if not hold:
        instruct.set_next_link(f"{RECOVER_PATH}{_batch(feeds, names)}/")
        return
    instruct.set_next_link(RECOVER_PATH, timeout=_link_seconds(feeds, fresh))
    instruct.set_hold_stream()
    instruct.set_keep_alive(KEEP_ALIVE, KEEP_ALIVE_SECONDS)


def _batch(feeds: list[Feed], names: list[str]) -> str:
    """The positions from which the next batch goes on. Pushpin sends no Grip-Last where nothing is held yet.

    No commas: Pushpin would split the Grip-Link header at them, and answer 502.
    """
    return _signer().sign("+".join(f"{name}={feed.last}" for feed, name in zip(feeds, names, strict=True)))


def _parse_batch(text: str) -> dict[str, str]:
    """The channels and positions of a signed batch; nothing when somebody else made it."""
    try:
        positions = _signer().unsign(text)
    except signing.BadSignature:
        return {}
    return dict(part.split("=", 1) for part in positions.split("+"))


def _signer() -> signing.Signer:
    return signing.Signer(salt="chat.stream.batch")


def _hold_channel(room: Room, several: bool) -> str:
    if not room.pk:
        return channels.waiting(room.name_key)
    return str(RoomChannel("m" if several else "r", room.pk, room.rights))


def _id_format(feeds: list[Feed], names: list[str]) -> str:
    """What Pushpin's build-id filter puts for %I: as _id, with a variable for each position."""
    if len(feeds) > FULL_ID_ROOMS_MAX:
        return f"@{_digest(feed.room for feed in feeds)}." + ".".join(f"%({name})s" for name in names)
    return ",".join(f"{feed.channel}:%({name})s" for feed, name in zip(feeds, names, strict=True))


def _link_seconds(feeds: list[Feed], fresh: bool) -> int:
    newest = max((feed.room.last_event_at for feed in feeds if feed.room.last_event_at), default=None)
    busy = newest is not None and timezone.now() - newest < BUSY
    return LINK_SECONDS_BUSY if fresh or busy else LINK_SECONDS_IDLE


def _refuse(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A refusal: as `stream-error` for an EventSource, which can't read the body of an error status."""
    resumed_after_error = _token_text(request) == "error"
    if "text/event-stream" not in request.headers.get("Accept", "") or resumed_after_error or problem.status == 501:
        return problem_response(problem)
    extra = {"code": problem.code, "status": problem.status}
    body = sse_encode_error(_condition(problem), problem.detail, extra=extra)
    return _finish(HttpResponse(body, content_type="text/event-stream"))


def _condition(problem: Problem) -> str:
    """django-eventstream's names of conditions."""
    return {401: "forbidden", 403: "forbidden", 404: "item-not-found"}.get(problem.status, "bad-request")


def _finish(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-cache, no-store"
    response["X-Accel-Buffering"] = "no"
    return response
