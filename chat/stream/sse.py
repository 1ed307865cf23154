"""Server-sent events: from a position, what came after it; then a hold that Pushpin keeps open.

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
from collections.abc import Mapping

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_eventstream.utils import sse_encode_event
from gripcontrol import Channel

from chat import channels
from chat.channels import RoomChannel
from chat.models import Room
from chat.problems import Problem, problem_response
from chat.stream import feeds
from chat.stream.feeds import Feed
from chat.stream.grip import grip_of
from chat.times import pause, seconds, whole_seconds

RECOVER_PATH = "/recover/"
BATCH = 100  # events in one answer
BATCH_BYTES = 60_000  # of them: server/gunicorn.conf.py has to write an answer as a whole
# Bytes of a first answer that holds channels with a filter: above 100,000 the proxy gives up with 502 (Pushpin 1.36).
# A longer one goes without a hold, and the link that follows it, which has no such limit, holds.
FILTERED_MAX = 90_000
KEEP_ALIVE = "event: keep-alive\ndata:\n\n"
KEEP_ALIVE_SECONDS = whole_seconds(20)
# How long something lost inside Pushpin with nothing after it can stay unseen by a client that ignores `newest`:
# a hold just made and a room just used are looked after often, an idle room rarely.
LINK_SECONDS_BUSY = whole_seconds(25)
# Pushpin follows the links of equal time together, a hundred streams by each request. Drawn from twelve times, a
# thousand idle readers of one room ask two or three times a minute, instead of 10 to 25 times in one minute of four.
LINK_SECONDS_IDLE = [whole_seconds(usual) for usual in range(180, 420, 20)]
BUSY = pause(60)
# Reconnection delay of EventSource, drawn for each stream so that a thousand spread out.
RETRY_MS = (round(seconds(1) * 1000), round(seconds(3) * 1000))


@require_GET
def recover(request: HttpRequest, batch: str = "") -> HttpResponse:
    """The links that Pushpin follows: /recover/ of a hold, /recover/<batch>/ to the next batch."""
    grip = grip_of(request)
    last = _parse_batch(batch) if batch else grip.last
    if not grip.proxied or not last:
        return problem_response(Problem("NOT_FOUND", "There is nothing here."))
    rooms, several = _rooms_of_hold(last)
    if not rooms:
        # A right was taken away, or the room is gone: the stream ends, and who still may read comes back.
        return finish(HttpResponse(content_type="text/event-stream"))
    return _stream(request, rooms, several=several, opening=False, fresh=bool(batch))


def answer(request: HttpRequest, rooms: list[Feed]) -> HttpResponse:
    """The stream of `rooms`: what came after their positions, then the hold."""
    return _stream(request, rooms, several=len(rooms) > 1, opening=True, fresh=True)


def _rooms_of_hold(last: Mapping[str, str]) -> tuple[list[Feed], bool]:
    """The rooms and positions of a hold, and whether it is one of several rooms. No rooms: the stream must end."""
    held = {parsed: int(eid) for name, eid in last.items() if (parsed := channels.parse(name)) and eid.isdigit()}
    waiting = [key for name in last if (key := channels.parse_absent(name))]
    several = len(held) + len(waiting) > 1
    live = {room.pk: room for room in Room.objects.live().filter(pk__in=[channel.room_id for channel in held])}
    if any(channel.room_id not in live or live[channel.room_id].rights != channel.rights for channel in held):
        return [], several
    several = several or any(channel.family == "m" for channel in held)
    rooms = [feeds.at(live[channel.room_id], eid) for channel, eid in held.items()]
    made = {room.name_key: room for room in Room.objects.filter(name_key__in=waiting)} if waiting else {}
    if any(room.deleted_at or room.visibility != Room.Visibility.OPEN for room in made.values()):
        return [], several
    # Who waited for a room gets it from its first event; after a restore that is not 1, and a reset says so.
    found = [made.get(key) or Room(name=key, name_key=key) for key in waiting]
    rooms += [Feed(room, room.pruned_through, reset=room.pruned_through > 0) for room in found]
    return sorted(rooms, key=lambda feed: feed.room.name_key), several


def _stream(request: HttpRequest, rooms: list[Feed], *, several: bool, opening: bool, fresh: bool) -> HttpResponse:
    """Events after the positions, then the hold, or the way to the next batch."""
    rooms, found, more = feeds.read(rooms, BATCH, BATCH_BYTES)
    start = feeds.token(rooms)
    body = [_opening(start)] if opening else []
    if resets := feeds.resets(rooms):
        body.append(sse_encode_event("stream-reset", {"channels": resets}, event_id=start, json_encode=True))
    for event in found:
        rooms, event_id = feeds.step(rooms, event, several=several)
        body.append(sse_encode_event(event.type, event.data, event_id=event_id))
    response = HttpResponse("".join(body), content_type="text/event-stream")
    response["Last-Event-ID"] = start
    too_long = opening and several and len(response.content) > FILTERED_MAX
    _instruct(request, rooms, several=several, hold=not more and not too_long, fresh=fresh)
    return finish(response)


def _opening(start: str) -> str:
    retry = random.randint(*RETRY_MS)  # noqa: S311 - spreads load, guards nothing
    return f"retry: {retry}\n{sse_encode_event('stream-open', '', event_id=start)}"


def _instruct(request: HttpRequest, rooms: list[Feed], *, several: bool, hold: bool, fresh: bool) -> None:
    """Tell Pushpin which channels to hold from which positions, and which link to follow."""
    instruct = grip_of(request).start_instruct()
    names = [_hold_channel(feed.room, several) for feed in rooms]
    for feed, name in zip(rooms, names, strict=True):
        channel = Channel(name, prev_id=str(feed.last))
        if several and hold:
            channel.filters.append("build-id")
        instruct.add_channel(channel)
        if feed.room.pk:
            instruct.add_channel(Channel(channels.control(feed.room.pk, feed.room.rights)))
        else:
            instruct.add_channel(Channel(channels.waiting(feed.room.name_key)))
    instruct.add_channel(Channel(channels.ALL))
    if several and hold:
        instruct.meta["id_format"] = _id_format(rooms, names)
    if not hold:
        instruct.set_next_link(f"{RECOVER_PATH}{_batch(rooms, names)}/")
        return
    instruct.set_next_link(RECOVER_PATH, timeout=_link_seconds(rooms, fresh))
    instruct.set_hold_stream()
    instruct.set_keep_alive(KEEP_ALIVE, KEEP_ALIVE_SECONDS)


def _batch(rooms: list[Feed], names: list[str]) -> str:
    """The positions from which the next batch goes on. Pushpin sends no Grip-Last where nothing is held yet.

    No commas: Pushpin would split the Grip-Link header at them, and answer 502.
    """
    return _signer().sign("+".join(f"{name}={feed.last}" for feed, name in zip(rooms, names, strict=True)))


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
        return channels.absent(room.name_key)
    return str(RoomChannel("m" if several else "r", room.pk, room.rights))


def _id_format(rooms: list[Feed], names: list[str]) -> str:
    """What Pushpin's build-id filter puts for %I: as feeds.token, with a variable for each position."""
    if len(rooms) > feeds.FULL_ID_ROOMS_MAX:
        return f"@{feeds.digest(feed.room for feed in rooms)}." + ".".join(f"%({name})s" for name in names)
    return ",".join(f"{feed.channel}:%({name})s" for feed, name in zip(rooms, names, strict=True))


def _link_seconds(rooms: list[Feed], fresh: bool) -> int:
    newest = max((feed.room.last_event_at for feed in rooms if feed.room.last_event_at), default=None)
    busy = newest is not None and abs(timezone.now() - newest) < BUSY
    return LINK_SECONDS_BUSY if fresh or busy else random.choice(LINK_SECONDS_IDLE)  # noqa: S311 - spreads load


def finish(response: HttpResponse) -> HttpResponse:
    """`response` with what keeps proxies on the way from storing or holding it back."""
    response["Cache-Control"] = "no-cache, no-store"
    response["X-Accel-Buffering"] = "no"
    return response
