"""Rooms that only visitors posted in, when they are quiet: what was said there goes, and the row stays."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from chat import eventlog, publish
from chat.models import Membership, Message, Room, RoomQuerySet

BATCH = 1000  # messages of one transaction: nobody who posts waits long behind it


def empty_quiet_rooms(before: datetime) -> int:
    """Remove the messages and events of rooms that are on no list, that nobody belongs to, and in which nothing has
    happened since `before`. How many rooms.

    A post brings such a room back, and its ids go on: no position of before is taken for one of after it.
    """
    quiet = _quiet(before)
    full = quiet.filter(Q(pruned_through__lt=F("counter")) | Exists(Message.objects.filter(room=OuterRef("pk"))))
    emptied = 0
    for room_id in list(full.order_by("pk").values_list("pk", flat=True)):
        through = _begin_anew(quiet, room_id)
        if through is not None:
            eventlog.prune_room(room_id, through)
            _remove_messages(room_id, through)
            emptied += 1
    return emptied


def _quiet(before: datetime) -> RoomQuerySet:
    """Quiet rooms. A room that staff archived is kept on purpose."""
    rooms = Room.objects.live().filter(kind=Room.Kind.ROOM, listed=False, archived_at=None)
    silent = Q(last_event_at__lt=before) | Q(last_event_at=None, created__lt=before)
    return rooms.filter(silent, ~Exists(Membership.objects.filter(room=OuterRef("pk"))))


def _begin_anew(quiet: RoomQuerySet, room_id: int) -> int | None:
    """Make all positions void, and tell who follows the room; None when it is not quiet any more."""
    with transaction.atomic():
        room = Room.objects.select_for_update(no_key=True).filter(pk=room_id).first()
        # A statement of its own, after the wait for the lock: it sees who joined meanwhile.
        if room is None or not quiet.filter(pk=room_id).exists():
            return None
        eid = eventlog.begin_anew(room_id)
        items = publish.ask_again_items(room, eid)
        transaction.on_commit(lambda: publish.send(items), robust=True)
    return eid


def _remove_messages(room_id: int, through: int) -> None:
    """Up to an id: what is posted meanwhile stays."""
    old = Message.objects.filter(room=room_id, eid__lte=through).order_by("pk").values_list("pk", flat=True)
    while batch := list(old[:BATCH]):
        Message.objects.filter(pk__in=batch).delete()
