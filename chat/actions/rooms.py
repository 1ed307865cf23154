"""Rooms: make, change, archive, delete."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import access, eventlog, publish
from chat.actions.erasure import strip_room
from chat.actions.limits import TOO_MANY_ROOMS, Limit, take
from chat.actions.log import audit, claim, lock, log, revoke
from chat.models import Membership, Restore, Room, User
from chat.names import HIDDEN_ROOM_PREFIX, ROOM_NAME_RULE, has_control_characters, room_key
from chat.problems import Problem
from chat.requester import Person

DEFAULT_ROOM = "default"
TITLE_MAX = 100
TOPIC_MAX = 300


def make_room(name: str, *, title: str = "", created_by: Person | None = None) -> None:
    """Make a room unless one of this name exists, deleted ones included; two at once are no problem."""
    owner = created_by if isinstance(created_by, User) else None
    room = Room(name=name, name_key=room_key(name), title=title or name, created_by=owner)
    room.counter = room.pruned_through = Restore.newest_base()
    Room.objects.bulk_create([room], ignore_conflicts=True)


def create_room(  # noqa: PLR0913 - all that a room can have
    person: Person,
    name: str,
    *,
    title: str = "",
    topic: str = "",
    visibility: str = "open",
    limits: Sequence[Limit] = (),
) -> Room:
    """Make a room of one's own. A private one gets a name that tells nothing, others are called `name`.

    Without a title the name is the title. `limits` are what the room counts under, see chat.limits. Raises Problem.
    """
    owner = access.check_signed_in(person)
    title, topic = _title(title or name), _line(topic, "topic", TOPIC_MAX)
    _check_visibility(person, visibility)
    if visibility != Room.Visibility.PRIVATE and not access.is_open_name(name):
        raise Problem("NAME_INVALID", f"A room that is not private needs a name that is free: {ROOM_NAME_RULE}.")
    access.check_create_room(person, "any" if visibility == Room.Visibility.PRIVATE else name)
    if visibility == Room.Visibility.PRIVATE:
        name = hidden_name()
    with transaction.atomic():
        base = Restore.newest_base()
        fields = {"title": title, "topic": topic, "visibility": visibility, "created_by": owner}
        fields |= {"counter": base, "pruned_through": base}
        room, is_new = Room.objects.get_or_create(name_key=room_key(name), defaults={"name": name, **fields})
        if not is_new:
            raise Problem("ROOM_TAKEN", "There is, or was, a room of this name.")
        take(limits, words=TOO_MANY_ROOMS)
        Membership.objects.create(room=room, user=owner, role=Membership.Role.OWNER)
    room.role = Membership.Role.OWNER
    return room


def change_room(person: Person, room: Room, **changes: Any) -> Room:
    """Change `title`, `topic`, `visibility`, `archived` or `notices`; readers get `room-changed`. Raises Problem.

    What leaves all as it is makes no event. A room that is closed to some ends all its streams; made private it gets
    a new name, since the old one is known.
    """
    access.check_own(person, room)
    if room.kind != Room.Kind.ROOM and changes.keys() != {"archived"}:
        raise Problem("ROOM_ACCESS_DENIED", "A conversation of two stays as it is.")
    now = timezone.now()
    with transaction.atomic():
        room = lock(room, person)
        before = room_data(room)
        _apply(person, room, changes, now)
        if room_data(room) == before:
            return room
        if room.visibility not in (before["visibility"], Room.Visibility.OPEN):
            _close(person, room)
        room.save(
            update_fields=["name", "name_key", "title", "topic", "visibility", "archived_at", "notices", "listed"]
        )
        log(claim(person, room, now), "room-changed", room_data(room), now)  # under the rights of now
        audit(access.check_signed_in(person), "change room", room, detail=", ".join(sorted(changes)))
    return room


def delete_room(person: Person, room: Room) -> None:
    """Delete a room: its streams end, its name is never given again, and nothing else of it stays. Raises Problem."""
    access.check_own(person, room)
    if room.name_key == DEFAULT_ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "The first room stays.")
    with transaction.atomic():
        room = lock(room, person)
        revoke([room.pk])
        strip_room(room, timezone.now())
        audit(access.check_signed_in(person), "delete room", room)


def restored() -> tuple[int, int]:
    """After a restore of an older backup: make every reader start anew. The number of rooms, and of proxies told.

    What readers hold belongs to a time that is lost: their positions and channels no longer match anything, and their
    streams are closed. A proxy that was not told ends each stream when it follows its link, within seven minutes.
    """
    rooms = eventlog.jump()
    told = [proxy.deliver(publish.close_all_items()) for proxy in publish.proxies()]
    return rooms, sum(told)


def room_data(room: Room) -> dict[str, Any]:
    """A room as it is on the wire, the same for everybody who may read it."""
    return {
        "room": room.name,
        "title": room.title,
        "topic": room.topic,
        "visibility": room.visibility,
        "kind": room.kind,
        "archived": room.archived_at is not None,
        "notices": room.notices,
    }


def hidden_name() -> str:
    """A name for a room that is not open to all: it tells nothing and can't be guessed."""
    return f"{HIDDEN_ROOM_PREFIX}{secrets.token_hex(12)}"


def _apply(person: Person, room: Room, changes: dict[str, Any], now: datetime) -> None:
    if "title" in changes:
        room.title = _title(changes["title"])
    if "topic" in changes:
        room.topic = _line(changes["topic"], "topic", TOPIC_MAX)
    if changes.get("archived", room.archived_at is not None) != (room.archived_at is not None):
        room.archived_at = now if changes["archived"] else None
    if "notices" in changes:
        room.notices = changes["notices"]
    if "visibility" in changes:
        _check_visibility(person, changes["visibility"])
        room.visibility = changes["visibility"]


def _close(person: Person, room: Room) -> None:
    """A room stops being for all who could read it: its streams end, and it gets an owner if it had none."""
    if room.name_key == DEFAULT_ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "The first room stays open.")
    revoke([room.pk])
    owners = Membership.objects.filter(room=room, role=Membership.Role.OWNER, user__is_active=True)
    if not owners.exists():  # one that the first post made; in a private one nobody would be left
        Membership.objects.update_or_create(
            room=room, user=access.check_signed_in(person), defaults={"role": Membership.Role.OWNER}
        )
        room.role, room.listed = Membership.Role.OWNER, True
    if room.visibility == Room.Visibility.PRIVATE and not room.name_key.startswith(HIDDEN_ROOM_PREFIX):
        _rename(room)


def _rename(room: Room) -> None:
    """Give a room a name that tells nothing, and leave a tombstone at the old one.

    The events name the old one, so they go, as if pruned: members who come back load the history.
    """
    old = Room(name=room.name, name_key=room.name_key, title=room.name, deleted_at=timezone.now())
    room.name = room.name_key = hidden_name()
    Room.objects.filter(pk=room.pk).update(name=room.name, name_key=room.name_key)
    eventlog.forget(room.pk)
    old.save()


def _check_visibility(person: Person, visibility: str) -> None:
    if visibility not in Room.Visibility.values:
        raise Problem("PARAMETER_INVALID", "A room is open, private or staff.")
    if visibility == Room.Visibility.STAFF and not person.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "Only staff make rooms for staff.")


def _title(text: str) -> str:
    title = _line(text, "title", TITLE_MAX)
    if not title:
        raise Problem("TEXT_INVALID", "A room needs a title.")
    return title


def _line(text: str, what: str, most: int) -> str:
    text = " ".join(text.split())
    if len(text) > most or has_control_characters(text):
        raise Problem("TEXT_INVALID", f"A {what} has at most {most} characters, none of them control characters.")
    return text
