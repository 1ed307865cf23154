"""What the templates with a room are given: its messages with their dates, what the reader may do there, addresses."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from chat import access, actions
from chat.history import Page
from chat.models import Room
from chat.names import clean_person_name
from chat.problems import Problem
from chat.requester import Person, id_of

TRANSPORTS = ("sse", "long-poll", "websocket")  # of `?transport=`; without it the page finds one that works
NAME_TAKEN = (
    "This name belongs to somebody here, or did not long ago. If it is yours, sign in; otherwise choose another."
)


def visitor_name(posted: str) -> str:
    """The name under which a visitor writes. Raises ValueError with words for them, also when it is somebody's here:
    better now than after the first message was written."""
    name = clean_person_name(posted)
    if access.is_name_taken(name):
        raise ValueError(NAME_TAKEN)
    return name


def page_context(person: Person, user_name: str, transport: str) -> dict[str, Any]:
    """What every page with rooms has: `person` is whom it is for, `user_name` the name under which they write."""
    return {
        "acting_as": id_of(person),
        "user_name": user_name,
        "transport": transport,
        "text_max": settings.MESSAGE_MAX_CHARS,
        "edit_minutes": settings.EDIT_MINUTES,
        "now": actions.iso(timezone.now()),
    }


def room_context(person: Person, page: Page) -> dict[str, Any]:
    """One room with a page of its messages, oldest first, for _room.html."""
    return {
        "room": page.room,
        "messages": [_shown(message) for message in reversed(page.messages)],
        "last_event_id": page.token,
        "can_moderate": access.can_moderate(person, page.room),
        **of_no_room(person, page.room),
    }


def of_no_room(person: Person, room: Room) -> dict[str, Any]:
    """The words of a page for a name that no room has yet, mistyped perhaps, and whether its reader may make the room.
    Nothing for a room that is there."""
    if room.pk or room.name_key == actions.DEFAULT_ROOM:
        return {}
    try:
        access.check_create_room(person, room.name)
    except Problem as problem:
        return {"no_room": f"There is no room of this name yet. {problem.detail}", "can_make": False}
    return {"no_room": "There is no room of this name yet: the first message makes it.", "can_make": True}


def own_address(request: HttpRequest, path: str) -> str:
    """The whole address of a path of ours, for people to hand on."""
    return (settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}") + path


def transport_of(request: HttpRequest) -> str:
    """The transport that the address asks for, "" for none. Raises Problem."""
    transport = request.GET.get("transport", "")
    if transport and transport not in TRANSPORTS:
        raise Problem("PARAMETER_INVALID", f"transport is {', '.join(TRANSPORTS[:-1])} or {TRANSPORTS[-1]}.")
    return transport


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    edited = message.get("edited")
    dates = {
        "when": datetime.fromisoformat(message["date"]),
        "edited_at": datetime.fromisoformat(edited) if edited else None,
    }
    return message | dates
