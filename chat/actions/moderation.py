"""Moderation: mute and ban, by account or, for who has none, by address."""

from datetime import datetime

from django.db import transaction

from chat import access, requester
from chat.actions.log import audit, lock, revoke
from chat.actions.members import end_membership
from chat.models import Message, Restriction, Room, User
from chat.problems import Problem
from chat.requester import Person

RESTRICTIONS_MAX = 1000  # of one room at a time


def restrict(person: Person, room: Room, kind: str, whom: User | str, *, until: datetime | None = None) -> Restriction:
    """Mute or ban somebody from a room, until a time or for good. A ban ends what they receive. Raises Problem.

    `whom` is a person, or an address: who has no account, or only a nickname, soon has another one. Of IPv6 it means
    the network. Of the same kind there is one for each: again gives it another end.
    """
    access.check_moderate(person, room)
    actor = access.check_signed_in(person)
    if kind not in Restriction.Kind.values:
        raise Problem("PARAMETER_INVALID", "Say whether it is a mute or a ban.")
    if kind == Restriction.Kind.BAN and room.kind != Room.Kind.ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "A conversation of two has both, as long as it is there.")
    user, address = (whom, "") if isinstance(whom, User) else (None, requester.network(whom))
    with transaction.atomic():
        room = lock(room, person, takes=True)
        if user is not None:
            _check_target(person, room, user)
        # Those that are over are in nobody's way, and can't be lifted: they are not listed.
        if Restriction.objects.good().filter(room=room).count() >= RESTRICTIONS_MAX:
            raise Problem("ROOM_ACCESS_DENIED", f"A room has at most {RESTRICTIONS_MAX} mutes and bans: lift some.")
        restriction, _ = Restriction.objects.update_or_create(
            room=room, user=user, address=address, kind=kind, defaults={"until": until, "created_by": actor}
        )
        if kind == Restriction.Kind.BAN and user is not None:
            end_membership(room, user)
            revoke([room.pk])
        audit(actor, kind, room, user, _told(address))
    return restriction


def restrict_author(
    person: Person, room: Room, kind: str, eid: int, *, until: datetime | None = None
) -> list[Restriction]:
    """Mute or ban who wrote a message: an account, the address of who had none, a guest by both. Raises Problem."""
    access.check_moderate(person, room)
    message = Message.objects.filter(room=room, eid=eid).select_related("author").first()
    targets: list[User | str] = [whom for whom in (message.author, message.address) if whom] if message else []
    if not targets:
        raise Problem("MESSAGE_INVALID", "There is no such message, or it is not known where it came from.")
    with transaction.atomic():
        return [restrict(person, room, kind, whom, until=until) for whom in targets]


def lift(person: Person, room: Room, restriction_id: int) -> None:
    """Take a mute or ban back. Raises Problem; moderators lift none of their own."""
    access.check_moderate(person, room)
    found = Restriction.objects.filter(room=room, pk=restriction_id).select_related("user").first()
    if found is None:
        raise Problem("NOT_FOUND", "There is no such mute or ban.")
    if found.user_id == person.pk and not access.can_own(person, room):
        raise Problem("ROOM_ACCESS_DENIED", "This is your own: ask somebody else to lift it.")
    with transaction.atomic():
        found.delete()
        audit(access.check_signed_in(person), f"lift {found.kind}", room, found.user, _told(found.address))


def _told(address: str) -> str:
    """The audit's word for an address: the entry outlives the mute or ban, which alone knows the address itself."""
    return "an address" if address else ""


def _check_target(person: Person, room: Room, user: User) -> None:
    if user.pk == person.pk:
        raise Problem("ROOM_ACCESS_DENIED", "This is you.")
    access.check_rank(person, room, user)
