"""Rooms: make, change, archive, delete."""

import secrets
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import access, eventlog, publish
from chat.access import Person
from chat.actions.log import audit, claim, log, revoke
from chat.models import Membership, Restore, Room, User
from chat.names import HIDDEN_ROOM_PREFIX, has_control_characters, room_key
from chat.problems import Problem, room_invalid

DEFAULT_ROOM = "default"
TITLE_MAX = 100
TOPIC_MAX = 300


def make_room(name: str, *, title: str = "", created_by: Person | None = None) -> None:
    """Make a room unless one of this name exists, deleted ones included; two at once are no problem."""
    owner = created_by if isinstance(created_by, User) else None
    room = Room(name=name, name_key=room_key(name), title=title or name, created_by=owner)
    room.counter = room.pruned_through = Restore.newest_base()
    Room.objects.bulk_create([room], ignore_conflicts=True)


def create_room(person: Person, name: str, *, title: str = "", topic: str = "", visibility: str = "open") -> Room:
    """Make a room of one's own. An open one is called `name`; others get a name that tells nothing. Raises Problem."""
    owner = access.check_signed_in(person)
    access.check_create_room(person, name if visibility == Room.Visibility.OPEN else "new")
    title, topic = _line(title or name, "title", TITLE_MAX), _line(topic, "topic", TOPIC_MAX)
    if not title:
        raise Problem("ROOM_INVALID", "A room needs a title.")
    _check_visibility(person, visibility)
    if visibility == Room.Visibility.PRIVATE:
        name = hidden_name()
    with transaction.atomic():
        base = Restore.newest_base()
        fields = {"title": title, "topic": topic, "visibility": visibility, "created_by": owner}
        fields |= {"counter": base, "pruned_through": base}
        room, is_new = Room.objects.get_or_create(name_key=room_key(name), defaults={"name": name, **fields})
        if not is_new:
            raise Problem("ROOM_TAKEN", "There is, or was, a room of this name.")
        Membership.objects.create(room=room, user=owner, role=Membership.Role.OWNER)
    return room


def change_room(person: Person, room: Room, **changes: Any) -> Room:
    """Change `title`, `topic`, `visibility` or `archived` of a room; readers get `room-changed`. Raises Problem.

    An open room that is closed to some gets a new name, since the old one is known, and all its streams end.
    """
    access.check_own(person, room)
    now = timezone.now()
    with transaction.atomic():
        room = Room.objects.select_for_update().get(pk=room.pk)
        before = room.visibility
        _apply(person, room, changes)
        if room.visibility != before and room.visibility != Room.Visibility.OPEN:
            _hide(room)
            revoke([room.pk])
        room.save(update_fields=["name", "name_key", "title", "topic", "visibility", "archived_at"])
        log(claim(room, now), "room-changed", room_data(room), now)  # under the rights of now
        audit(access.check_signed_in(person), "change room", room, detail=", ".join(sorted(changes)))
    return room


def delete_room(person: Person, room: Room) -> None:
    """Delete a room: its streams end, its name is never given again. Raises Problem."""
    access.check_own(person, room)
    if room.name_key == DEFAULT_ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "The first room stays.")
    with transaction.atomic():
        revoke([room.pk])
        Room.objects.filter(pk=room.pk).update(deleted_at=timezone.now())
        room.messages.all().delete()
        room.events.all().delete()
        audit(access.check_signed_in(person), "delete room", room, detail=room.title)


def restored() -> tuple[int, int]:
    """After a restore of an older backup: make every reader start anew. The number of rooms, and of proxies told.

    What readers hold belongs to a time that is lost: their positions and channels no longer match anything, and their
    streams are closed. A proxy that was not told ends each stream when it follows its link, within seven minutes.
    """
    rooms = eventlog.jump()
    told = [proxy.deliver(publish.close_all_items()) for proxy in publish.proxies()]
    return rooms, sum(told)


def room_data(room: Room) -> dict[str, Any]:
    """A room as it is on the wire."""
    return {
        "room": room.name,
        "title": room.title,
        "topic": room.topic,
        "visibility": room.visibility,
        "archived": room.archived_at is not None,
    }


def hidden_name() -> str:
    """A name for a room that is not open to all: it tells nothing and can't be guessed."""
    return f"{HIDDEN_ROOM_PREFIX}{secrets.token_hex(12)}"


def _apply(person: Person, room: Room, changes: dict[str, Any]) -> None:
    if "title" in changes:
        room.title = _line(changes["title"], "title", TITLE_MAX)
        if not room.title:
            raise Problem("ROOM_INVALID", "A room needs a title.")
    if "topic" in changes:
        room.topic = _line(changes["topic"], "topic", TOPIC_MAX)
    if "archived" in changes:
        room.archived_at = timezone.now() if changes["archived"] else None
    if "visibility" in changes:
        _check_visibility(person, changes["visibility"])
        if room.kind != Room.Kind.ROOM:
            raise Problem("ROOM_ACCESS_DENIED", "This conversation stays between the two of you.")
        room.visibility = changes["visibility"]


def _hide(room: Room) -> None:
    """Give a room whose name was known a new one when it becomes private, and leave a tombstone at the old one."""
    if room.name_key == DEFAULT_ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "The first room stays open.")
    if room.visibility != Room.Visibility.PRIVATE or room.name_key.startswith(HIDDEN_ROOM_PREFIX):
        return
    old = Room(name=room.name, name_key=room.name_key, title=room.name, deleted_at=timezone.now())
    room.name = room.name_key = hidden_name()
    Room.objects.filter(pk=room.pk).update(name=room.name, name_key=room.name_key)
    old.save()


def _check_visibility(person: Person, visibility: str) -> None:
    if visibility not in Room.Visibility.values:
        raise room_invalid()
    if visibility == Room.Visibility.STAFF and not person.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "Only staff make rooms for staff.")


def _line(text: str, what: str, most: int) -> str:
    text = " ".join(text.split())
    if len(text) > most or has_control_characters(text):
        raise Problem("TEXT_INVALID", f"A {what} has at most {most} characters, none of them control characters.")
    return text
