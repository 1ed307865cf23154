"""Strangers who meet: into the queue, on to the next one, and out of it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chat import access
from chat.actions.limits import Limit, attempt
from chat.actions.log import revoke
from chat.actions.pairing import AGAIN, Reason, Round, State, a_round, is_there
from chat.models import Presence, Room, Stranger, User
from chat.problems import Problem
from chat.requester import Person

LOOK_ABSENT, LOOK_PRESENT = 15, 60  # seconds after which a client says again that it is there
MEETINGS, MEETINGS_SECONDS = 30, 60  # so often may one person look for a partner in a minute
IDLE_KEPT = timedelta(days=1)
TOMBSTONES_KEPT = timedelta(hours=2)  # the relay repeats the end of what was held for ten minutes


def find_stranger(user: User) -> Stranger | None:
    """The visitor that `user` is, or was. One query."""
    return Stranger.objects.whole().filter(user=user).first()


def meet(person: Person) -> Stranger:
    """Look for a partner: paired at once, or waiting. Who waits or is paired already stays so: two tabs are one
    visitor. Raises Problem."""
    user = check_stranger(person)
    with a_round() as current:
        one = _seen(current, user)
        if one.state == State.PAIRED and not _has_partner(one, current.now):
            current.idle(one, other=Reason.AWAY)
        if one.state == State.IDLE:
            _limit(user)
            current.wait(one)
        if one.state == State.WAITING:
            current.pair(one)
    return one


def stay(person: Person) -> Stranger | None:
    """A sign of life: who waits goes on waiting, and may be paired; whose partner is gone learns of it. Nobody is put
    into the queue by it. Raises Problem."""
    user = check_stranger(person)
    found = find_stranger(user)
    if found is None or found.state == State.IDLE:
        return found
    now = timezone.now()
    if not _has_news(found, now):
        Stranger.objects.filter(pk=found.pk).update(seen_at=now)
        return found
    with a_round() as current:
        one = _seen(current, user)
        if one.state == State.PAIRED and not _has_partner(one, current.now):
            current.idle(one, Reason.GONE, other=Reason.AWAY)
        if one.state == State.WAITING:
            current.pair(one)
    return one


def meet_next(person: Person) -> Stranger:
    """Leave the partner, if there is one, and look for another. Raises Problem."""
    user = check_stranger(person)
    with a_round() as current:
        _limit(user)
        one = _seen(current, user)
        if one.state == State.PAIRED:
            current.idle(one)
        if one.state == State.IDLE:
            current.wait(one)
        current.pair(one)
    return one


def leave_strangers(user: User, pair_room: str | None = None) -> Stranger | None:
    """Leave the queue, or the partner. Nothing for who is in neither: then one query.

    With `pair_room` only the partner in the room of this name is left. Raises Problem for another one.
    """
    found = find_stranger(user)
    if found is None or found.state == State.IDLE:
        return found
    with a_round() as current:
        one = current.visitor(user)
        if one.pair_room is not None and pair_room not in (None, one.pair_room.name):
            words = f"You have another partner now. To leave this one: ?confirm={one.pair_room.name}."
            raise Problem("CONFIRM_REQUIRED", words)
        if one.state != State.IDLE:
            current.idle(one)
    return one


def gone(user_ids: Collection[int]) -> None:
    """The presence of these people in the rooms of their own has ended: they neither wait nor have partners now."""
    if not user_ids:
        return
    with a_round() as current:
        back = Presence.objects.filter(room=OuterRef("room"), user=OuterRef("user"), until__gt=current.now)
        found = Stranger.objects.filter(user__in=user_ids).exclude(state=State.IDLE).filter(~Exists(back))
        for user_id in list(found.order_by("pk").values_list("user", flat=True)):
            _take_off(current, user_id, Reason.AWAY)


def sweep() -> None:
    """What nobody asked for: take off who is not there, and let meet again who has waited for others in vain.

    Without any of them two queries, and no lock.
    """
    now = timezone.now()
    is_lost = _lost(now).exists()
    overdue = Stranger.objects.filter(Q(since__lte=now - AGAIN) | Q(since__gt=now), state=State.WAITING)
    if not is_lost and overdue.count() < 2:
        return
    with a_round() as current:
        lost = _lost(current.now).annotate(is_here=is_there(current.now))
        for user_id, is_here in list(lost.order_by("pk").values_list("user", "is_here")):
            _take_off(current, user_id, Reason.GONE if is_here else Reason.AWAY)
        current.pair_all()


def prune_strangers() -> None:
    """Forget who has been idle for long, and remove the rooms of pairs that are long over: their names were random,
    and nobody can be given one again."""
    now = timezone.now()
    sweep()
    with a_round():  # nobody of them goes into the queue meanwhile
        Stranger.objects.filter(state=State.IDLE, barred_at=None, since__lt=now - IDLE_KEPT).delete()
    rooms = Room.objects.filter(kind=Room.Kind.STRANGERS)
    orphans = rooms.filter(deleted_at=None, stranger=None, pair=None, created__lt=now - TOMBSTONES_KEPT)
    with transaction.atomic():
        ended = list(orphans.values_list("pk", flat=True))
        revoke(ended)
        Room.objects.filter(pk__in=ended).update(deleted_at=now)
    rooms.filter(deleted_at__lt=now - TOMBSTONES_KEPT).delete()


def check_stranger(person: Person) -> User:
    """`person` as somebody who may meet strangers. Raises Problem."""
    if not settings.STRANGERS:
        raise Problem("NOT_FOUND", "Strangers don't meet here.")
    return access.check_signed_in(person)


def look_again(one: Stranger) -> int:
    """After how many seconds a client that waits or is paired says again that it is there. One query."""
    if one.state == State.WAITING and one.last_partner_id:
        return int(AGAIN.total_seconds())
    there = Presence.objects.filter(room=one.room_id, user=one.user_id, until__gt=timezone.now())
    return LOOK_PRESENT if there.exists() else LOOK_ABSENT


def _seen(current: Round, user: User) -> Stranger:
    one = current.visitor(user)
    if one.barred_at is not None:
        raise Problem("ROOM_ACCESS_DENIED", "You can't meet strangers here any more: the operator decided so.")
    one.seen_at = current.now
    one.save(update_fields=["seen_at"])
    return one


def _has_news(one: Stranger, now: datetime) -> bool:
    """Whether a look under the lock could change anything."""
    if one.state == State.PAIRED:
        return not _has_partner(one, now)
    return Stranger.objects.filter(state=State.WAITING).exclude(pk=one.pk).exists()


def _has_partner(one: Stranger, now: datetime) -> bool:
    """Whether the partner is there, and the room of the two."""
    is_whole = one.pair_room is not None and one.pair_room.deleted_at is None and one.partner is not None
    return is_whole and Stranger.objects.filter(is_there(now), partner=one).exists()


def _take_off(current: Round, user_id: int, reason: Reason) -> None:
    """End what somebody is in. Read anew for each: who went before may have been the partner."""
    one = Stranger.objects.whole().get(user=user_id)
    if one.state != State.IDLE:
        current.idle(one, reason, other=Reason.GONE)


def _lost(now: datetime) -> Any:
    """Who waits or is paired and is not there, or whose pair is no whole one."""
    broken = Q(partner=None) | Q(pair_room=None) | Q(pair_room__deleted_at__isnull=False)
    busy = Stranger.objects.exclude(state=State.IDLE)
    return busy.filter(~is_there(now) | (Q(state=State.PAIRED) & broken))


def _limit(user: User) -> None:
    """Raise Problem for who looks for partners too often. In a round: one transaction less, and what is refused need
    not count."""
    attempt([Limit("meet a stranger", str(user.pk), MEETINGS, MEETINGS_SECONDS)])
