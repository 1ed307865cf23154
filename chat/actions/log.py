"""The event of a change, and the end of what is held under rights that were taken away."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from chat import access, eventlog, publish
from chat.models import AuditEntry, ClaimedEvent, Closing, Event, Room, User
from chat.names import room_key
from chat.problems import room_invalid
from chat.requester import Person


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as all dates on the wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log(claim: ClaimedEvent, event_type: str, data: dict[str, Any], now: datetime) -> Event:
    """Append the event to the log and publish it once the transaction has committed, never before.

    Robust: what is stored is answered as stored, whatever happens to the publish; the relay repeats it.
    """
    event = eventlog.append(claim, event_type, data, now)
    key = room_key(claim.name)
    is_open = claim.visibility == Room.Visibility.OPEN
    wakes = claim.is_first and is_open
    transaction.on_commit(lambda: publish.event(event, claim.name, claim.rights, key, is_first=wakes), robust=True)
    if claim.is_first and not is_open:  # who waited for such a room learns nothing of it but that it is there
        transaction.on_commit(lambda: publish.send(publish.close_waiting_items(key)), robust=True)
    return event


def claim(person: Person, room: Room, now: datetime) -> ClaimedEvent:
    """Lock the room and number an event of it; the claim says what `person` is in the room now.

    Must run in a transaction. Raises Problem when the room was deleted or got another name.
    """
    claimed = Room.objects.claim_event(room.name_key, now, person.pk)
    if claimed is None:
        raise room_invalid()
    return claimed


def lock(room: Room, person: Person | None = None, *, takes: bool = False) -> Room:
    """The row of `room` as it is now, locked until the transaction ends, with the role that `room` knows.

    Changes of who belongs to a room wait for each other here: else two owners could leave at once. What `takes` a right
    from somebody notes it in the row: posts and changes that wait for it look anew. Raises Problem, also when `person`,
    who acts by that role, has lost it since `room` was found.
    """
    live = Room.objects.live().filter(pk=room.pk)
    locked = Room.objects.claim_loss(room.pk) if takes else live.select_for_update().first()
    if locked is None:
        raise room_invalid()
    locked.role = room.role
    if person is not None and not room.is_operated:
        access.check_same_role(person, locked)
    return locked


def revoke(room_ids: Iterable[int]) -> None:
    """Somebody lost a right in these rooms: raise their rights versions and end everything held under the old ones.

    Must run in the transaction that takes the right, best before the statements that take it: then those who change
    the same room wait for each other, and nobody locks anybody out. From the commit on, events go to channels of
    another name; the close, which the relay repeats, tells the readers who still have the right to come back. Three
    statements, however many rooms.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a right is taken and its streams are ended in one transaction")
    # no_key: rows that only name the room, such as somebody else's membership, need not wait for this transaction.
    locked = Room.objects.select_for_update(no_key=True).filter(pk__in=room_ids).order_by("pk")
    rooms = list(locked.values_list("pk", "rights"))
    if not rooms:
        return
    now = timezone.now()  # after the wait for the locks: from then on the relay counts
    Room.objects.filter(pk__in=[pk for pk, _ in rooms]).update(rights=F("rights") + 1)
    Closing.objects.bulk_create(Closing(room_id=pk, rights=rights, created=now) for pk, rights in rooms)
    items = [item for pk, rights in rooms for item in publish.close_items(pk, rights)]
    transaction.on_commit(lambda: publish.send(items), robust=True)


def forget_closings(before: datetime) -> int:
    """Remove what is left of old revocations: the relay has long ended what they were about. Returns how many."""
    return Closing.objects.filter(created__lt=before).delete()[0]


def audit(actor: User | None, action: str, room: Room | None, target: User | None = None, detail: str = "") -> None:
    """Write down what somebody with power did."""
    AuditEntry.objects.create(actor=actor, action=action, room=room, target=target, detail=detail[:300])
