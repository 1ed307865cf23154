"""Who belongs to a room: join, leave, invites, roles, and rooms of two."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chat import access
from chat.access import Person
from chat.actions.log import audit, revoke
from chat.actions.rooms import hidden_name
from chat.models import Invite, Membership, Restore, Room, User, digest_of
from chat.problems import Problem

INVITE_DAYS = 7


def join_room(person: Person, room: Room) -> Membership:
    """Become a member of a room that one may read."""
    user = access.check_signed_in(person)
    membership, _ = Membership.objects.get_or_create(room=room, user=user)
    return membership


def leave_room(person: Person, room: Room) -> None:
    """Stop being a member. Who leaves a private room stops receiving at once. Raises Problem."""
    user = access.check_signed_in(person)
    with transaction.atomic():
        _check_owner_left(room, user)
        if Membership.objects.filter(room=room, user=user).delete()[0] and room.visibility == Room.Visibility.PRIVATE:
            revoke([room.pk])


def remove_member(person: Person, room: Room, user: User) -> None:
    """Take somebody off a room. Raises Problem."""
    access.check_moderate(person, room)
    with transaction.atomic():
        check_rank(person, room, user)
        _check_owner_left(room, user)
        if Membership.objects.filter(room=room, user=user).delete()[0]:
            revoke([room.pk])
            audit(access.check_signed_in(person), "remove member", room, user)


def set_role(person: Person, room: Room, user: User, role: str) -> None:
    """Make a member owner, moderator or plain member. Raises Problem."""
    access.check_own(person, room)
    if role not in Membership.Role.values:
        raise Problem("PARAMETER_INVALID", "A role is owner, moderator or member.")
    with transaction.atomic():
        if role != Membership.Role.OWNER:
            _check_owner_left(room, user)
        if not Membership.objects.filter(room=room, user=user).update(role=role):
            raise Problem("NOT_FOUND", "This person is not a member of the room.")
        audit(access.check_signed_in(person), f"make {role}", room, user)


def invite(person: Person, room: Room, days: int = INVITE_DAYS) -> tuple[Invite, str]:
    """A link into a room, good for `days`: the row, and the secret that is shown once. Raises Problem."""
    access.check_moderate(person, room)
    if not 1 <= days <= 90:
        raise Problem("PARAMETER_INVALID", "An invite is good for 1 to 90 days.")
    secret = secrets.token_urlsafe(24)
    expires = timezone.now() + timedelta(days=days)
    owner = access.check_signed_in(person)
    return Invite.objects.create(room=room, digest=digest_of(secret), created_by=owner, expires=expires), secret


def withdraw_invite(person: Person, room: Room, invite_id: int) -> None:
    """Make a link void. Raises Problem."""
    access.check_moderate(person, room)
    if not Invite.objects.filter(room=room, pk=invite_id, withdrawn_at=None).update(withdrawn_at=timezone.now()):
        raise Problem("NOT_FOUND", "There is no such invite.")


def accept_invite(person: Person, secret: str) -> Room:
    """Become a member by a link. Raises Problem; a link that is over answers like one that never was."""
    user = access.check_signed_in(person)
    room = access.find_invite(user, secret).room
    Membership.objects.get_or_create(room=room, user=user)
    return room


def open_direct_room(person: Person, other: User) -> Room:
    """The room of two people, made at the first time. Raises Problem."""
    user = access.check_signed_in(person)
    if user.pk == other.pk or not other.is_active:
        raise Problem("NOT_FOUND", "There is nobody else of this name.")
    key = f"{min(user.pk, other.pk)}:{max(user.pk, other.pk)}"
    with transaction.atomic():
        name, base = hidden_name(), Restore.newest_base()
        fields = {
            "counter": base,
            "pruned_through": base,
            "name": name,
            "name_key": name,
            "title": f"{user.shown_name} and {other.shown_name}"[:100],
            "kind": Room.Kind.DIRECT,
            "visibility": Room.Visibility.PRIVATE,
            "created_by": user,
        }
        room, _ = Room.objects.get_or_create(direct_key=key, defaults=fields)
        Membership.objects.bulk_create(
            (Membership(room=room, user=one) for one in (user, other)), ignore_conflicts=True
        )
    return room


def check_rank(person: Person, room: Room, user: User) -> None:
    """A moderator has no power over owners and other moderators, nor anybody but staff over staff."""
    if user.is_staff and not person.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "This person is staff.")
    if access.can_own(person, access.role_of(person, room.pk)):
        return
    if access.can_moderate(user, access.role_of(user, room.pk)):
        raise Problem("ROOM_ACCESS_DENIED", "Only the owner has power over moderators.")


def _check_owner_left(room: Room, user: User) -> None:
    owners = Membership.objects.filter(room=room, role=Membership.Role.OWNER)
    if owners.filter(user=user).exists() and not owners.exclude(user=user).exists():
        raise Problem("ROOM_ACCESS_DENIED", "A room needs an owner: name another one first.")
