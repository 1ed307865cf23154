"""The hold by which a person is present: a connection that carries nothing but a keep-alive.

It is one of its own because a channel of one person can't be in the hold of a stream: readers of a room share their
recovery link, and the first answer to it would replace that channel by nobody's. This hold has no positions and so
needs no link. While Pushpin keeps it, the stats socket says that the channel is subscribed (chat.presence).
"""

import random
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django_eventstream.utils import sse_encode_event
from gripcontrol import Channel

from chat import channels
from chat.channels import PersonChannel
from chat.models import Room, User
from chat.stream.grip import grip_of
from chat.stream.sse import KEEP_ALIVE, KEEP_ALIVE_SECONDS, RETRY_MS, finish
from chat.times import whole_seconds

# Pushpin lets the subscription of a long-poll linger for 60 s more: together they are within 90 s.
WAIT_SECONDS = whole_seconds(20, at_least=5)


def stream(request: HttpRequest, user: User, rooms: Iterable[Room]) -> HttpResponse:
    """Present in `rooms` as long as the connection lasts. After about 45 s it is ended, to see who comes back."""
    retry = random.randint(*RETRY_MS)  # noqa: S311 - spreads load, guards nothing
    body = f"retry: {retry}\n{sse_encode_event('stream-open', '', event_id='')}"
    response = HttpResponse(body, content_type="text/event-stream")
    instruct = _instruct(request, user, rooms)
    instruct.set_hold_stream()
    instruct.set_keep_alive(KEEP_ALIVE, KEEP_ALIVE_SECONDS)
    return finish(response)


def long_poll(request: HttpRequest, user: User, rooms: Iterable[Room]) -> HttpResponse:
    """Present in `rooms` while the client asks again and again: where a network lets no stream through."""
    _instruct(request, user, rooms).set_hold_longpoll(WAIT_SECONDS)
    return finish(HttpResponse("{}", content_type="application/json"))


def _instruct(request: HttpRequest, user: User, rooms: Iterable[Room]) -> Any:
    instruct = grip_of(request).start_instruct()
    for room in rooms:
        instruct.add_channel(Channel(str(PersonChannel(user.pk, room.pk, room.rights))))
    instruct.add_channel(Channel(channels.ALL))
    return instruct
