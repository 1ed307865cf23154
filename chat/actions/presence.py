"""Who is in a room: the rows that `manage.py presence` keeps (see chat.presence). What changed is published there."""

from collections.abc import Collection
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from chat import publish
from chat.channels import PersonChannel
from chat.models import Presence, Room, User

Place = tuple[int, int]  # the row ids of a person and of a room
BATCH = 200  # rows of one transaction: nobody who posts waits long behind it

_ARRIVE = """
INSERT INTO chat_presence (user_id, room_id, since, until) VALUES {rows}
ON CONFLICT (room_id, user_id) DO NOTHING RETURNING id
"""


def arrive(places: Collection[Place], lease: timedelta) -> list[Presence]:
    """Store that people are in rooms. Returns the rows that are new: who was there already has not entered.

    One statement decides it, so that of two companions one announces it.
    """
    now = timezone.now()
    users = set(User.objects.filter(pk__in={user for user, _ in places}, is_active=True).values_list("pk", flat=True))
    rooms = set(Room.objects.live().filter(pk__in={room for _, room in places}).values_list("pk", flat=True))
    known = [(user, room) for user, room in places if user in users and room in rooms]
    new: list[int] = []
    for start in range(0, len(known), BATCH):
        batch = known[start : start + BATCH]
        stamps = [connection.ops.adapt_datetimefield_value(moment) for moment in (now, now + lease)]
        with connection.cursor() as cursor:
            statement = _ARRIVE.format(rows=",".join(["(%s, %s, %s, %s)"] * len(batch)))
            cursor.execute(statement, [value for place in batch for value in (*place, *stamps)])
            new += [row[0] for row in cursor.fetchall()]
    return list(Presence.objects.filter(pk__in=new).select_related("user"))


def stay(lease: timedelta) -> set[Place]:
    """Extend all that is stored, and return it. Two statements, however many people."""
    Presence.objects.update(until=timezone.now() + lease)
    return set(Presence.objects.values_list("user_id", "room_id"))


def depart(places: Collection[Place]) -> list[Presence]:
    """Store that people are gone. Returns the rows that went by this call."""
    gone: list[Presence] = []
    listed = list(places)
    for start in range(0, len(listed), BATCH):
        batch = set(listed[start : start + BATCH])
        users, rooms = {user for user, _ in batch}, {room for _, room in batch}
        with transaction.atomic():
            found = Presence.objects.filter(user__in=users, room__in=rooms).select_related("user")
            rows = [row for row in found.select_for_update(of=("self",)) if (row.user_id, row.room_id) in batch]
            Presence.objects.filter(pk__in=[row.pk for row in rows]).delete()
        gone += rows
    return gone


def end_holds(user: User) -> None:
    """End all by which a person is present, when the transaction commits: only who is signed in can come back."""
    places = Presence.objects.filter(user=user).values_list("room_id", "room__rights")
    items = [item for place in places for item in publish.close_person_items(PersonChannel(user.pk, *place))]
    transaction.on_commit(lambda: publish.send(items), robust=True)
