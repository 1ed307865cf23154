"""Long-polling: everything after the token at once as one JSON batch, or a hold until something comes.

    {"events": [{"id", "type", "data"}, …], "last-event-id": "room-a:7", "reset": false}

A hold of one room is answered by the published item itself. A hold of several rooms is only told that there is
something: Pushpin asks here again with the client's own request, and the batch comes from the log with all
positions. The time-out of a hold is an ordinary answer without events.
"""

import re

from django.http import HttpRequest, HttpResponse
from gripcontrol import Channel

from chat import channels, eventlog
from chat.channels import RoomChannel
from chat.models import Event
from chat.stream import feeds
from chat.stream.feeds import Feed
from chat.stream.grip import grip_of

BATCH = 1000  # events in one answer
BATCH_BYTES = 1_000_000  # of them
WAIT_MIN, WAIT_MAX = 5, 25  # seconds; Pushpin takes no less than 5
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", re.IGNORECASE)


def answer(request: HttpRequest, rooms: list[Feed]) -> HttpResponse:
    """What came after the positions; or, when nothing did, a hold. Without a token: the position now, at once."""
    start = feeds.token(rooms)
    rooms, found, _ = feeds.read(rooms, BATCH, BATCH_BYTES)
    has_reset = bool(feeds.resets(rooms))
    body, rooms = _body(rooms, found)
    response = HttpResponse(body, content_type="application/json")
    response["Last-Event-ID"] = start
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Accept"
    wait = _wait(request)
    if wait is not None:
        response["Preference-Applied"] = f"wait={wait}"
    if not found and not has_reset and feeds.token_text(request):
        _hold(request, rooms, WAIT_MAX if wait is None else wait)
    return response


def _body(rooms: list[Feed], found: list[Event]) -> tuple[str, list[Feed]]:
    resets = feeds.resets(rooms)
    objects = []
    for event in found:
        rooms, event_id = feeds.step(rooms, event, several=len(rooms) > 1)
        objects.append(eventlog.encode_event(event_id, event))
    return eventlog.encode_batch(objects, feeds.token(rooms), resets), rooms


def _wait(request: HttpRequest) -> int | None:
    """Seconds of `Prefer: wait=N` (RFC 7240), within the bounds."""
    match = _WAIT.search(request.headers.get("Prefer", ""))
    return min(max(int(match[1]), WAIT_MIN), WAIT_MAX) if match else None


def _hold(request: HttpRequest, rooms: list[Feed], wait: int) -> None:
    instruct = grip_of(request).start_instruct()
    family = "q" if len(rooms) > 1 else "p"
    for feed in rooms:
        if feed.room.pk:
            name = str(RoomChannel(family, feed.room.pk, feed.room.rights))
            instruct.add_channel(Channel(name, prev_id=str(feed.last)))
            instruct.add_channel(Channel(channels.control(feed.room.pk, feed.room.rights)))
        else:
            instruct.add_channel(Channel(channels.waiting(feed.room.name_key)))
    instruct.add_channel(Channel(channels.ALL))
    instruct.set_hold_longpoll(wait)
