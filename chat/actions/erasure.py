"""Erasing: deleting leaves no text and no address in rows that stay, and no old bytes in SQLite's files.

Rows stay where something counts on them: the frame of a message, the name of a room. The audit has no texts of people.
"""

from datetime import datetime, timedelta

from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models import F

from chat.actions.held_names import end_hook
from chat.models import Delivery, Event, Membership, Message, OutgoingHook, Presence, Report, Restriction, Room

SETTLED_KEPT = timedelta(days=30)  # what a report says, after it was dealt with
BUSY_MS, USUAL_BUSY_MS = 200, 20_000  # how long the overwriting may wait, as others wait for it; server.settings


def strip_room(room: Room, now: datetime) -> None:
    """Leave of a room that is deleted its row and its name, which is never given again. Must run in a transaction that
    has locked the room."""
    for hook in room.incoming_hooks.select_related("user").order_by("pk"):
        end_hook(room, hook.user)  # its user stays as the author of nothing: nobody speaks as it again
    for model in (Message, Event, Membership, Restriction, Presence):
        model._default_manager.filter(room=room).delete()
    room.invites.all().delete()
    Delivery.objects.filter(hook__room=room).delete()
    OutgoingHook.objects.filter(room=room).delete()
    left = {"title": F("name"), "topic": "", "created_by": None, "direct_key": None, "archived_at": None}
    Room.objects.filter(pk=room.pk).update(deleted_at=now, **left)
    # The admin's own log calls a row by what it was called then: its title.
    logged = LogEntry.objects.filter(content_type__app_label="chat", content_type__model="room")
    logged.filter(object_id=str(room.pk)).update(object_repr=room.name)


def forget_expired(now: datetime) -> None:
    """Remove mutes and bans that are over, with their addresses, and what reports say that were settled long ago."""
    Restriction.objects.filter(until__lte=now).delete()
    Report.objects.filter(settled_at__lt=now - SETTLED_KEPT).exclude(reason="", excerpt="").update(
        reason="", excerpt=""
    )


def overwrite_deleted() -> bool:
    """Put what was written since the last time into SQLite's file, and empty the file of writes beside it, which holds
    pages as they were before. Freed parts of a page are zeros (secure_delete). Whether nobody was in the way.

    Never inside a transaction. Others who write wait for it, for a moment at most: then it gives up until it is asked
    again. PostgreSQL does the like by itself (VACUUM).
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return connection.vendor != "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return not cursor.fetchone()[0]
        finally:
            cursor.execute(f"PRAGMA busy_timeout={USUAL_BUSY_MS}")
