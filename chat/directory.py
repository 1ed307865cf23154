"""Reading who and what there is: rooms one may know, their members, invites, mutes and bans, as they are on the wire.

Nothing here tells of rooms one may not know of: no row ids, which count over all rooms.
"""

from typing import Any

from django.utils import timezone

from chat import access, actions, eventlog
from chat.access import Person
from chat.models import Invite, Membership, Restriction, Room, Stranger, User
from chat.names import has_control_characters
from chat.problems import Problem

ROOMS_MAX = 200
MEMBERS_MAX = 1000
INVITE_ID = 16  # hex digits of the digest, which is random


def rooms(person: Person, after: str, limit: int) -> tuple[list[Room], bool]:
    """At most `limit` rooms that `person` may know of, by name behind `after`, and whether there are more. One query.

    Raises Problem.
    """
    if has_control_characters(after):  # PostgreSQL takes no NUL
        raise Problem("PARAMETER_INVALID", "after is a room's name.")
    found = list(access.known_rooms(person).filter(name_key__gt=after.lower())[: limit + 1])
    return found[:limit], len(found) > limit


def room_data(room: Room) -> dict[str, Any]:
    """A room with what the person asking is in it: `room` is of access."""
    return {**actions.room_data(room), "role": room.role}


def person_data(user: User) -> dict[str, Any]:
    """A person to themselves."""
    return {"username": user.username, "name": user.shown_name, "guest": user.is_guest, "staff": user.is_staff}


def member_data(membership: Membership) -> dict[str, Any]:
    """A member."""
    user = membership.user
    return {
        "username": user.username,
        "name": user.shown_name,
        "role": membership.role,
        "guest": user.is_guest,
    }


def members(room: Room) -> list[Membership]:
    """The members, owners first and then by when they joined, at most MEMBERS_MAX. One query."""
    rank = [Membership.Role.OWNER, Membership.Role.MODERATOR, Membership.Role.MEMBER]
    found = Membership.objects.filter(room=room).select_related("user").order_by("joined", "pk")[:MEMBERS_MAX]
    return sorted(found, key=lambda membership: rank.index(Membership.Role(membership.role)))


def member(room: Room, username: str) -> User:
    """The member of this user name. Who is none and who does not exist answer the same. Raises Problem NOT_FOUND."""
    return _one_user(username, "This person is not a member of the room.", memberships__room=room)


def person(username: str) -> User:
    """The person of this user name. Raises Problem NOT_FOUND."""
    return _one_user(username, "There is nobody of this name.", is_active=True)


def invite_data(invite: Invite) -> dict[str, Any]:
    """An invite without its link, which is shown once."""
    return {
        "id": invite.digest[:INVITE_ID],
        "by": invite.created_by.username,
        "expires": actions.iso(invite.expires),
    }


def invites(room: Room) -> list[Invite]:
    """The invites that are good, newest first. One query."""
    good = Invite.objects.filter(room=room, withdrawn_at=None, expires__gt=timezone.now())
    return list(good.select_related("created_by").order_by("-pk"))


def invite_row(room: Room, invite_id: str) -> int:
    """The row of an invite of the room that is good. Raises Problem NOT_FOUND."""
    found = [invite.pk for invite in invites(room) if invite.digest[:INVITE_ID] == invite_id]
    if not found:
        raise Problem("NOT_FOUND", "There is no such invite.")
    return int(found[0])


def restriction_data(restriction: Restriction) -> dict[str, Any]:
    """A mute or a ban."""
    user = restriction.user
    return {
        "id": _restriction_id(restriction),
        "kind": restriction.kind,
        "username": user.username if user else None,
        "address": restriction.address or None,
        "until": actions.iso(restriction.until) if restriction.until else None,
    }


def restrictions(room: Room) -> list[Restriction]:
    """The mutes and bans that hold, newest first. One query."""
    found = Restriction.objects.filter(room=room).select_related("user").order_by("-pk")
    return [one for one in found if one.until is None or one.until > timezone.now()]


def restriction_row(room: Room, restriction_id: str) -> int:
    """The row of a mute or ban of the room. Raises Problem NOT_FOUND."""
    found = [one.pk for one in restrictions(room) if _restriction_id(one) == restriction_id]
    if not found:
        raise Problem("NOT_FOUND", "There is no such mute or ban.")
    return int(found[0])


def stranger_state(one: Stranger | None) -> dict[str, Any]:
    """A visitor of the queue to themselves, None for who never was one. The position is not newer than the rest."""
    if one is None:
        nothing = dict.fromkeys(("room", "last-event-id", "since", "pair", "look-again"))
        return {"state": Stranger.State.IDLE, "reason": "", **nothing}
    token = eventlog.token(one.room.name, one.room.counter)
    look_again = actions.look_again(one) if one.state != Stranger.State.IDLE else None
    return {**actions.stranger_data(one), "last-event-id": token, "look-again": look_again}


def _restriction_id(restriction: Restriction) -> str:
    """Kind and whom: there is one of each. No user name holds a colon."""
    whom = restriction.user.username if restriction.user else f":{restriction.address}"
    return f"{restriction.kind}:{whom}"


def _one_user(username: str, missing: str, **which: Any) -> User:
    # PostgreSQL takes no NUL, and neither takes a lone surrogate, which JSON can name.
    is_storable = not has_control_characters(username)
    found = User.objects.filter(username=username, **which).first() if is_storable else None
    if found is None:
        raise Problem("NOT_FOUND", missing)
    return found
