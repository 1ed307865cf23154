"""Reading a room's messages: the one place that both the page and the API take them from."""

from dataclasses import dataclass
from typing import Any

from chat import access, actions, eventlog
from chat.models import Message, Room
from chat.problems import Problem
from chat.requester import Person

PAGE = 50
PAGE_MAX = 100


@dataclass(frozen=True)
class Page:
    """Messages of a room, newest first, with the resume token taken before they were read."""

    room: Room
    token: str
    messages: list[dict[str, Any]]
    has_older: bool
    has_newer: bool


def read(person: Person, name: str, *, before: int | None = None, after: int | None = None, limit: int = PAGE) -> Page:
    """One page: the newest messages, those before an id, or those right after an id. Two queries. Raises Problem."""
    if before is not None and after is not None:
        raise Problem("PARAMETER_INVALID", "Give before or after, not both.")
    room = access.find_room(person, name) or Room(name=name, name_key=name.lower(), title=name)
    token = eventlog.token(room.name, room.counter)
    found = _slice(room, before, after, limit + 1) if room.pk else []
    more, found = len(found) > limit, found[:limit]
    if after is not None:
        found.reverse()
    return Page(
        room,
        token,
        [actions.message_data(room, message) for message in found],
        has_older=more if after is None else True,
        has_newer=more if after is not None else before is not None,
    )


def _slice(room: Room, before: int | None, after: int | None, limit: int) -> list[Message]:
    messages = Message.objects.filter(room=room).select_related("author")
    return list((messages.after(after) if after is not None else messages.before(before))[:limit])
