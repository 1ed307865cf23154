"""Rooms, and the one statement that numbers their events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import connection, models
from django.db.models.functions import Lower
from django.db.models.query import RawQuerySet
from django.utils import timezone

from chat.models.people import User
from chat.names import PersonKeys, room_key


@dataclass(frozen=True)
class ClaimedEvent:
    """A room locked for one more event: its row as it is now, what the poster is in it, and the event's id."""

    room_id: int
    name: str
    visibility: str
    rights: int
    eid: int
    archived: bool
    role: str | None
    name_taken: bool
    restriction: str | None = None
    is_first: bool = False
    is_new_room: bool = False
    kind: str = "room"
    alias: str | None = None  # of one of a pair of strangers, in the room of the two
    is_open_account: bool = False  # whether the poster has an account, or is a guest, and it was not closed meanwhile


_MAKE = """
INSERT INTO chat_room (name, name_key, title, topic, kind, visibility, created_by_id, created, rights, counter,
    pruned_through, last_event_at, listed)
SELECT %s, %s, %s, '', 'room', 'open', %s, %s, 1, base + 1, base, %s, %s
FROM (SELECT COALESCE(MAX(base), 0) AS base FROM chat_restore) AS restored WHERE true
ON CONFLICT (name_key) DO UPDATE SET counter = chat_room.counter + 1, last_event_at = excluded.last_event_at,
    listed = chat_room.listed OR excluded.listed
WHERE chat_room.deleted_at IS NULL
"""
_CLAIM = """
UPDATE chat_room SET counter = counter + 1, last_event_at = %s
WHERE name_key = %s AND deleted_at IS NULL
"""
# Who is muted or banned neither speaks nor reads through a bot: what holds for its owner holds for it, here and below.
_KNOWN = """
id, name, visibility, rights, counter, pruned_through, archived_at, created,
    (SELECT role FROM chat_membership WHERE room_id = chat_room.id AND user_id = %s),
    EXISTS (SELECT 1 FROM chat_user
        WHERE name_key IN (%s, %s, %s, %s, %s, %s) OR username_key IN (%s, %s, %s, %s, %s, %s))
        OR EXISTS (SELECT 1 FROM chat_heldname WHERE key IN (%s, %s, %s, %s, %s, %s) AND until > %s),
    (SELECT MIN(kind) FROM chat_restriction WHERE room_id = chat_room.id
        AND (user_id IN (%s, (SELECT owner_id FROM chat_user WHERE id = %s)) OR (address = %s AND address <> ''))
        AND (until IS NULL OR until > %s)),
    kind, CASE WHEN kind = 'strangers' THEN
        (SELECT alias FROM chat_stranger WHERE pair_room_id = chat_room.id AND user_id = %s) END,
    (SELECT is_active FROM chat_user WHERE id = %s)
"""
# A statement that waits for the row gets it as it is then from PostgreSQL, but its sub-selects see what was there when
# it began. So does this one: it tells whether somebody lost a right in between.
_IS_FRESH = """
(SELECT seen.rights + seen.losses FROM chat_room AS seen WHERE seen.id = chat_room.id) = rights + losses
"""
_LOSE = "UPDATE chat_room SET losses = losses + 1 WHERE id = %s AND deleted_at IS NULL RETURNING *"
_NO_NAMES: PersonKeys = ("", "", "", "", "", "")
# Every reader who comes back asks this. Written out, since the ORM takes five times as long to say the same.
_STANDING = """
SELECT id, name, name_key, title, topic, kind, visibility, notices, listed, archived_at, deleted_at, rights, counter,
    pruned_through, last_event_at,
    (SELECT role FROM chat_membership WHERE room_id = chat_room.id AND user_id = %s) AS role,
    EXISTS (SELECT 1 FROM chat_restriction WHERE room_id = chat_room.id AND kind = 'ban'
        AND user_id IN (%s, (SELECT owner_id FROM chat_user WHERE id = %s))
        AND (until IS NULL OR until > %s)) AS banned
FROM chat_room WHERE name_key IN ({keys})
"""


class RoomQuerySet(models.QuerySet["Room"]):
    """Which rooms there are, and the one statement that hands out event ids."""

    def live(self) -> Self:
        """Rooms that were not deleted."""
        return self.filter(deleted_at=None)

    def standing(self, user_id: int | None, keys: Sequence[str]) -> "RawQuerySet[Room]":
        """The rooms with these keys, each with what `user_id` is in it: `role` (None: nothing), `banned`. One query."""
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        statement = _STANDING.format(keys=",".join(["%s"] * len(keys)))
        return self.raw(statement, [user_id, user_id, user_id, now, *keys])

    def claim_event(self, key: str, now: datetime, user_id: int | None = None) -> ClaimedEvent | None:
        """Lock the room called `key` and take its next event id. None when there is no such room.

        The claim also says which role `user_id` has in the room, and whether they are banned or muted.

        The row stays locked until the transaction ends, so the order of commits is the order of ids, and a roll-back
        gives the id back: ids have no hole.
        """
        stamp = connection.ops.adapt_datetimefield_value(now)
        about = _about(user_id, _NO_NAMES, "", stamp)
        return self._claim(_CLAIM, [stamp, key], stamp, about)

    def claim_or_make(  # noqa: PLR0913 - all that is asked of a post
        self,
        name: str,
        now: datetime,
        *,
        user_id: int | None,
        name_keys: PersonKeys,
        address: str = "",
        is_listed: bool = True,
    ) -> ClaimedEvent | None:
        """As claim_event, and makes an open room when there is none (`is_new_room`). None for a deleted room.

        From the first event that `is_listed` on the room is on lists.

        One statement instead of six (select for update, update, insert, membership, name): it also says which role
        `user_id` has in the room, whether a name with `name_keys` is a person's or is held, and whether `user_id` or,
        for who has no account, `address` is banned or muted.
        """
        stamp = connection.ops.adapt_datetimefield_value(now)
        values = [name, room_key(name), name, user_id, stamp, stamp, is_listed]
        about = _about(user_id, name_keys, address, stamp)
        return self._claim(_MAKE, values, stamp, about)

    def claim_loss(self, room_id: int) -> "Room | None":
        """Lock the room and note that somebody loses a right there. None when it was deleted. One statement."""
        return next(iter(self.raw(_LOSE, [room_id])), None)

    @staticmethod
    def _claim(statement: str, values: list[Any], stamp: Any, about: tuple[Any, ...]) -> ClaimedEvent | None:
        with connection.cursor() as cursor:
            cursor.execute(f"{statement} RETURNING {_KNOWN}, {_IS_FRESH}", [*values, *about])
            row = cursor.fetchone()
            if row is None:
                return None
            claim = _claimed(row[:-1], stamp)
            if row[-1] or claim.is_new_room:
                return claim
            cursor.execute(f"SELECT {_KNOWN} FROM chat_room WHERE id = %s", [*about, claim.room_id])  # noqa: S608
            return _claimed(cursor.fetchone(), stamp)


def _about(user_id: int | None, name_keys: PersonKeys, address: str, stamp: Any) -> tuple[Any, ...]:
    """The values of _KNOWN, in their order."""
    names = (*name_keys, *name_keys, *name_keys, stamp)
    return (user_id, *names, user_id, user_id, address, stamp, user_id, user_id)


def _claimed(row: Sequence[Any], stamp: Any) -> ClaimedEvent:
    room_id, name, visibility, rights, eid, pruned_through, archived_at, created, role, taken, *rest = row
    restriction, kind, alias, is_active = rest
    is_first = eid == pruned_through + 1
    # As texts: SQLite takes a text and gives a datetime back.
    is_new = is_first and str(created) == str(stamp)
    archived = archived_at is not None
    standing = (role, bool(taken), restriction, is_first, is_new, kind, alias, bool(is_active))
    return ClaimedEvent(room_id, name, visibility, rights, eid, archived, *standing)


class Room(models.Model):
    """A room. Its row carries the counter of its events and serves as the lock under which they are numbered."""

    class Kind(models.TextChoices):
        """What a room is for."""

        ROOM = "room"
        DIRECT = "direct"
        STRANGERS = "strangers"

    class Visibility(models.TextChoices):
        """Who may read a room."""

        OPEN = "open"
        PRIVATE = "private"
        STAFF = "staff"

    name = models.CharField(max_length=64, editable=False)
    name_key = models.CharField(max_length=64, unique=True, editable=False)
    title = models.CharField(max_length=100)
    topic = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ROOM)
    # Of a room of two: their row ids, the smaller one first, so that there is one such room for each pair.
    direct_key = models.CharField(max_length=48, null=True, blank=True, unique=True, editable=False)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.OPEN)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="created_rooms")
    created = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    # Whether it is announced who enters and leaves. The database knows the default, since the first post of a room's
    # name makes the room in a statement of its own.
    notices = models.BooleanField(default=True, db_default=True)
    # Whether it is on lists, for others than its members: not while only visitors and guests have posted in it.
    listed = models.BooleanField(default=True, db_default=True, editable=False)
    # A tombstone: a deleted room keeps its row, so that its name never starts its ids again.
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Raised whenever somebody loses a right: streams opened under an older version end (see chat.channels).
    rights = models.PositiveIntegerField(default=1, editable=False)
    # Raised whenever somebody loses another right, as that to post: what waits for the row then looks anew (`_claim`).
    losses = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # The id of the newest event, and of the newest one that was pruned. Retained are pruned_through < id <= counter.
    counter = models.BigIntegerField(default=0, editable=False)
    pruned_through = models.BigIntegerField(default=0, editable=False)
    last_event_at = models.DateTimeField(null=True, editable=False)

    # What the person asking is in the room, after `standing`.
    role: str | None = None
    banned: bool = False
    # Whether an operator acts on the room by Django's permission, after access.room_for_operator.
    is_operated: bool = False

    objects: ClassVar[RoomQuerySet] = RoomQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(name_key=Lower("name")), name="room_key_is_lower_name"),
            models.CheckConstraint(condition=models.Q(pruned_through__lte=models.F("counter")), name="room_positions"),
        )

    def __str__(self) -> str:
        return self.title


class Restore(models.Model):
    """That a backup was put back. Rooms made since then count from `base`: a lost room may have had the same name."""

    base = models.BigIntegerField()
    created = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"restore of {self.created:%Y-%m-%d %H:%M}"

    @classmethod
    def newest_base(cls) -> int:
        """Where a room that is made now begins to count."""
        return int(cls.objects.aggregate(base=models.Max("base"))["base"] or 0)
