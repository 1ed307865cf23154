"""Who waits and who is paired: changed in rounds, one at a time over all processes.

After each round nobody waits while somebody possible waits, and nobody is in two pairs. What becomes of a visitor is
an event `stranger` in the room of their own.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chat.actions.log import iso, log, revoke
from chat.actions.rooms import hidden_name
from chat.aliases import id_in_pair, two_aliases
from chat.models import Block, Event, Membership, Message, Presence, Restore, Room, Stranger, User

SEEN = timedelta(seconds=45)  # how long a sign of life by a request counts
AGAIN = timedelta(seconds=10)  # how long two who have just met wait for others before they meet again

State: TypeAlias = Stranger.State
Reason: TypeAlias = Stranger.Reason
_LINE = threading.Lock()
_LOCK = 53_707_331  # any number that nothing else in the database locks


class Round:
    """One transaction that changes who waits and who is paired. Visitors are told of it at its end."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self._changed: dict[int, Stranger] = {}
        self._ended: list[int] = []

    def visitor(self, user: User) -> Stranger:
        """The visitor that `user` is, with a room of their own that is there."""
        found = Stranger.objects.whole().filter(user=user).first()
        if found is None:
            return Stranger.objects.create(user=user, room=_make_room([user]), seen_at=self.now)
        if found.room.deleted_at is not None:  # by an operator
            found.room = _make_room([user])
            found.save(update_fields=["room"])
        return found

    def wait(self, one: Stranger) -> None:
        """Put somebody into the queue who is idle."""
        self._set(one, State.WAITING)

    def idle(self, one: Stranger, reason: Reason = Reason.NONE, *, other: Reason = Reason.LEFT) -> None:
        """Take somebody off the queue, or end their pair, and tell the partner why: `other`."""
        partner, room_id = one.partner, one.pair_room_id
        self._set(one, State.IDLE, reason)
        if room_id:
            self._ended.append(room_id)
        if partner is not None:
            self._set(self._whole(partner), State.IDLE, other)

    def pair(self, one: Stranger) -> None:
        """Pair somebody who waits, with any of the possible ones. Who waits and is not there any more goes off."""
        waiting = Stranger.objects.whole().filter(state=State.WAITING).exclude(pk=one.pk)
        others: list[Any] = list(waiting.annotate(is_there=is_there(self.now), is_blocked=_is_blocked(one.user)))
        for other in others:
            if not other.is_there:
                self.idle(other, Reason.AWAY)
        possible = [other for other in others if other.is_there and not other.is_blocked]
        # The last partner of one of the two only when nobody else waits; of both after they waited for others in vain.
        choices: list[list[Stranger]] = [[], [], []]
        for other in possible:
            have_met = (other.user_id == one.last_partner_id) + (other.last_partner_id == one.user_id)
            latest = max(one.since, other.since)  # later than now: by a clock that was set back
            if have_met < 2 or not self.now - AGAIN < latest <= self.now:
                choices[have_met].append(other)
        if choice := next(filter(None, choices), None):
            self._join(one, secrets.choice(choice))

    def pair_all(self) -> None:
        """Pair who can be paired: who waits for longest at first."""
        for pk in Stranger.objects.filter(state=State.WAITING).order_by("since", "pk").values_list("pk", flat=True):
            one = Stranger.objects.whole().get(pk=pk)
            if one.state == State.WAITING:
                self.pair(one)

    def finish(self) -> None:
        """Tell the visitors, in the order of their rooms; then end the rooms of pairs that are none any more."""
        for one in sorted(self._changed.values(), key=lambda one: one.room_id):
            claimed = Room.objects.claim_event(one.room.name_key, self.now, one.user_id)
            if claimed is not None:
                one.room.counter = claimed.eid
                log(claimed, "stranger", stranger_data(one), self.now)
        revoke(self._ended)
        Room.objects.filter(pk__in=self._ended).update(deleted_at=self.now)
        Message.objects.filter(room__in=self._ended).delete()
        Event.objects.filter(room__in=self._ended).delete()

    def _join(self, one: Stranger, other: Stranger) -> None:
        room = _make_room([one.user, other.user])
        for each, partner, alias in zip((one, other), (other, one), two_aliases(), strict=True):
            each.alias, each.pair_room, each.partner, each.last_partner = alias, room, partner, partner.user
        one.last_alias, other.last_alias = other.alias, one.alias
        for each in (one, other):
            self._set(each, State.PAIRED)

    def _set(self, one: Stranger, state: State, reason: Reason = Reason.NONE) -> None:
        one.state, one.reason, one.since = state, reason, self.now
        if state != State.PAIRED:
            one.alias, one.pair_room, one.partner = "", None, None
        fields = ["state", "reason", "since", "alias", "pair_room", "partner", "last_partner", "last_alias"]
        one.save(update_fields=fields)
        self._changed[one.pk] = one

    def _whole(self, one: Stranger) -> Stranger:
        return self._changed.get(one.pk) or Stranger.objects.whole().get(pk=one.pk)


@contextmanager
def a_round() -> Iterator[Round]:
    """One change at a time, over all processes. SQLite's transactions wait for each other anyway, but by asking again
    and again, and who asks last may be first: so the threads of a process stand in line before that.
    """
    # Not inside a transaction, which holds what somebody in the line may wait for.
    line = nullcontext() if connection.in_atomic_block else _LINE
    with line, transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        current = Round()
        yield current
        current.finish()


def stranger_data(one: Stranger) -> dict[str, Any]:
    """A visitor as they are told of themselves, in answers and in events. Nothing tells who the partner is."""
    pair = None
    if one.state == State.PAIRED and one.pair_room and one.partner:
        pair = {
            "room": one.pair_room.name,
            "name": one.alias,
            "id": id_in_pair(one.pair_room.name, one.user.public_id),
            "partner": one.partner.alias,
        }
    return {
        "room": one.room.name,
        "state": str(one.state),
        "reason": str(one.reason),
        "since": iso(one.since),
        "pair": pair,
    }


def is_there(now: datetime) -> Q:
    """Which visitors are there: present in the room of their own, or heard of by a request."""
    present = Presence.objects.filter(room=OuterRef("room"), user=OuterRef("user"), until__gt=now)
    return Q(seen_at__gt=now - SEEN, seen_at__lte=now + SEEN) | Q(Exists(present))


def _is_blocked(user: User) -> Exists:
    mine = Q(by=user, whom=OuterRef("user")) | Q(by=OuterRef("user"), whom=user)
    return Exists(Block.objects.filter(mine))


def _make_room(people: list[User]) -> Room:
    name, base = hidden_name(), Restore.newest_base()
    room = Room(name=name, name_key=name, title="Strangers", kind=Room.Kind.STRANGERS)
    room.visibility, room.notices = Room.Visibility.PRIVATE, False
    room.counter = room.pruned_through = base
    room.save()
    Membership.objects.bulk_create(Membership(room=room, user=user) for user in people)
    return room
