"""Moderation: mute and ban, by account or, for who has none, by address."""

from datetime import datetime

from django.db import transaction

from chat import access
from chat.access import Person
from chat.actions.log import audit, revoke
from chat.actions.members import check_rank
from chat.models import Membership, Message, Restriction, Room, User
from chat.problems import Problem


def restrict(person: Person, room: Room, kind: str, whom: User | str, *, until: datetime | None = None) -> Restriction:
    """Mute or ban somebody from a room, until a time or for good. A ban ends what they receive. Raises Problem.

    `whom` is a person, or an address: who has no account, or only a nickname, soon has another one.
    """
    access.check_moderate(person, room)
    if kind not in Restriction.Kind.values:
        raise Problem("PARAMETER_INVALID", "Say whether it is a mute or a ban.")
    actor = access.check_signed_in(person)
    user, address = (whom, "") if isinstance(whom, User) else (None, whom)
    with transaction.atomic():
        if user is not None:
            check_rank(person, room, user)
        restriction, _ = Restriction.objects.update_or_create(
            room=room, user=user, address=address, kind=kind, defaults={"until": until, "created_by": actor}
        )
        if kind == Restriction.Kind.BAN and user is not None:
            Membership.objects.filter(room=room, user=user).delete()
            revoke([room.pk])
        audit(actor, kind, room, user, address)
    return restriction


def lift(person: Person, room: Room, restriction_id: int) -> None:
    """Take a mute or ban back. Raises Problem."""
    access.check_moderate(person, room)
    found = Restriction.objects.filter(room=room, pk=restriction_id).select_related("user").first()
    if found is None:
        raise Problem("NOT_FOUND", "There is no such mute or ban.")
    with transaction.atomic():
        found.delete()
        audit(access.check_signed_in(person), f"lift {found.kind}", room, found.user, found.address)


def address_of_message(room: Room, eid: int) -> str:
    """Where a message of somebody without an account came from. Raises Problem."""
    message = Message.objects.filter(room=room, eid=eid).first()
    if message is None or not message.address:
        raise Problem("MESSAGE_INVALID", "It is not known where this message came from.")
    return message.address
