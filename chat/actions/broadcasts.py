"""Broadcast: one text by staff into many rooms, each in a transaction of its own."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import access
from chat.actions.log import audit, log
from chat.actions.messages import check_key, check_text, check_type, message_data
from chat.models import Message, Room, User, digest_of
from chat.problems import Problem, room_invalid
from chat.requester import Person

ROOMS_MAX = 200  # that can be named
BATCH = 500  # rooms of one request
SECONDS = 10.0  # after which a request leaves the rest to the next one
PAUSE = 0.005  # seconds between two rooms, in which somebody else's post gets its turn


@dataclass(frozen=True)
class Broadcast:
    """How far it has come: for how many rooms it is, into how many this call has written, and how many are left."""

    rooms: int
    sent: int
    left: int


def rooms_of_broadcast(person: Person, names: Sequence[str] | None = None) -> list[Room]:
    """The rooms that a broadcast goes to: all, private ones of others included, or those called `names`.

    Conversations of two and archived rooms get none. A room that is named must be one that `person` may read, so that
    nobody learns by trying which private rooms there are. Raises Problem.
    """
    access.check_broadcast(person)
    if names is None:
        return list(Room.objects.live().filter(kind=Room.Kind.ROOM, archived_at=None).order_by("pk"))
    if not 1 <= len(names) <= ROOMS_MAX:
        raise Problem("PARAMETER_INVALID", f"Name 1 to {ROOMS_MAX} rooms, or none for all.")
    rooms = [room or _none() for room in access.find_rooms(person, names).values()]
    if any(room.kind != Room.Kind.ROOM or room.archived_at for room in rooms):
        raise Problem("ROOM_ACCESS_DENIED", "A broadcast goes neither to archived rooms nor to conversations of two.")
    return rooms


def broadcast(
    person: Person, text: str, *, kind: int = Message.Type.MESSAGE, names: Sequence[str] | None = None, key: str = ""
) -> Broadcast:
    """Write `text` into the rooms, as messages of `person`. Raises Problem.

    At most BATCH rooms a call. The same call with the same `key` goes on with the rooms that don't have it yet: also
    after one that was broken off, and then no room gets it twice. Operators speak to everybody: no mute, no ban and no
    want of membership stops it.
    """
    actor = access.check_broadcast(person)
    check_type(kind)
    text, key = check_text(text), check_key(key) or secrets.token_hex(16)
    rooms = rooms_of_broadcast(person, names)
    draft = Message(author=actor, name=actor.shown_name, type=kind, text=text, poster=f"u:{actor.pk}")
    draft.idempotency_key = f"broadcast {digest_of(key)}"
    done = _done(draft, rooms)
    todo = [room for room in rooms if room.pk not in done]
    if todo:
        where = "named" if names is not None else "all"
        audit(actor, "broadcast", None, detail=f"to {len(todo)} rooms ({where})")
    until, tried = time.monotonic() + SECONDS, 0
    for room in todo[:BATCH]:
        if tried and time.monotonic() > until:
            break
        if tried:
            time.sleep(PAUSE)
        tried += 1
        _send(actor, room, draft)
    return Broadcast(len(rooms), tried, len(todo) - tried)


def _none() -> Room:
    raise room_invalid()


def _done(draft: Message, rooms: Sequence[Room]) -> set[int]:
    """Those of `rooms` that have it. Raises Problem when the key was used for something else."""
    sent = Message.objects.filter(room__in=[room.pk for room in rooms], poster=draft.poster)
    sent = sent.filter(idempotency_key=draft.idempotency_key)
    first = sent.filter(deleted_at=None, edited_at=None).first()
    if first is not None and (first.text, first.type) != (draft.text, draft.type):
        raise Problem("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used for another broadcast.")
    return set(sent.values_list("room", flat=True))


def _send(actor: User, room: Room, draft: Message) -> None:
    """Write into one room, unless it was deleted or archived meanwhile, or another request was faster."""
    now = timezone.now()
    try:
        with transaction.atomic():
            claim = Room.objects.claim_event(room.name_key, now, actor.pk)
            if claim is None or claim.archived or claim.room_id != room.pk:
                transaction.set_rollback(True)
                return
            message = Message(
                room_id=claim.room_id,
                eid=claim.eid,
                author=actor,
                name=draft.name,
                type=draft.type,
                text=draft.text,
                poster=draft.poster,
                idempotency_key=draft.idempotency_key,
                created=now,
            )
            message.save(force_insert=True)
            log(claim, "message", message_data(claim, message), now)
    except IntegrityError:  # the key is unique in a room
        if not Message.objects.filter(room=room, poster=draft.poster, idempotency_key=draft.idempotency_key).exists():
            raise
