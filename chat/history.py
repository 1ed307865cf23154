"""Reading a room's messages: the one place that both the page and the API take them from."""

from dataclasses import dataclass
from typing import Any

from chat import access, actions, eventlog, wire
from chat.models import Message, Room
from chat.problems import Problem
from chat.requester import Person

PAGE = 50
PAGE_MAX = 100
PAGE_BYTES = 250_000  # of messages in one answer, as they are on the wire
# The bound of messages on a page: with its HTML around it a message takes some times as much.
HTML_BYTES = 100_000


@dataclass(frozen=True)
class Page:
    """Messages of a room, newest first, with the resume token taken before they were read."""

    room: Room
    token: str
    messages: list[dict[str, Any]]
    has_older: bool
    has_newer: bool


def read(  # noqa: PLR0913 - all that a page can be asked for
    person: Person,
    name: str,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
    limit_bytes: int = PAGE_BYTES,
) -> Page:
    """One page: the newest messages, those before an id, or those right after an id. Two queries. Raises Problem.

    At most `limit` messages, and as many as have `limit_bytes` together, but at least one.
    """
    if before is not None and after is not None:
        raise Problem("PARAMETER_INVALID", "Give before or after, not both.")
    room = access.find_room(person, name) or Room(name=name, name_key=name.lower(), title=name)
    token = eventlog.token(room.name, room.counter)
    found = _slice(room, before, after, limit + 1) if room.pk else []
    messages = _fitting([actions.message_data(room, message) for message in found[:limit]], limit_bytes)
    more = len(found) > len(messages)
    if after is not None:
        messages.reverse()
    return Page(
        room,
        token,
        messages,
        has_older=more if after is None else True,
        has_newer=more if after is not None else before is not None,
    )


def _slice(room: Room, before: int | None, after: int | None, limit: int) -> list[Message]:
    messages = Message.objects.filter(room=room).select_related("author")
    return list((messages.after(after) if after is not None else messages.before(before))[:limit])


def _fitting(messages: list[dict[str, Any]], limit_bytes: int) -> list[dict[str, Any]]:
    total = 0
    for number, message in enumerate(messages):
        total += wire.size(wire.encode(message)) + 1
        if total > limit_bytes and number:
            return messages[:number]
    return messages
