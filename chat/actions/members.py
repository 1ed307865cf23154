"""Who belongs to a room: join, leave, invites, roles, and rooms of two."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import Case, When
from django.utils import timezone

from chat import access
from chat.actions.held_names import end_hook
from chat.actions.log import audit, lock, revoke
from chat.actions.rooms import TITLE_MAX, hidden_name
from chat.models import IncomingHook, Invite, Membership, Restore, Room, User, digest_of
from chat.problems import Problem
from chat.requester import Person

INVITE_DAYS = 7
INVITE_DAYS_MAX = 90
HEIRS = 10  # of those who could own a room; one is enough
INVITES_MAX = 100  # links into one room that are good at a time


def join_room(person: Person, room: Room) -> tuple[Membership, bool]:
    """Become a member of a room that one may read, which find_room has seen to; and whether it is new. Raises Problem
    when a ban, or the end of an open room, came in between."""
    user = access.check_signed_in(person)
    with transaction.atomic():
        return add_member(access.known_room(user, lock(room).name), user)


def add_member(room: Room, user: User, role: str = Membership.Role.MEMBER) -> tuple[Membership, bool]:
    """Make somebody a member, and say whether it is new. A room that only visitors posted in is on lists from the first
    member with an account on. Must run in a transaction."""
    found = Membership.objects.get_or_create(room=room, user=user, defaults={"role": role})
    if found[1] and not room.listed and access.is_listing(user):
        Room.objects.filter(pk=room.pk).update(listed=True)
    return found


def leave_room(person: Person, room: Room) -> None:
    """Stop being a member. Who leaves a private room stops receiving at once. Raises Problem."""
    user = access.check_signed_in(person)
    with transaction.atomic():
        _end_membership(lock(room, takes=True), user)


def remove_member(person: Person, room: Room, user: User) -> None:
    """Take somebody off a room. Raises Problem. To keep them out of an open one, or from another link: a ban."""
    access.check_moderate(person, room)
    with transaction.atomic():
        room = lock(room, person, takes=True)
        access.check_rank(person, room, user)
        _end_membership(room, user)
        audit(access.check_signed_in(person), "remove member", room, user)


def set_role(person: Person, room: Room, user: User, role: str) -> Membership:
    """Make a member owner, moderator or plain member. Raises Problem."""
    access.check_own(person, room)
    if role not in Membership.Role.values:
        raise Problem("PARAMETER_INVALID", "A role is owner, moderator or member.")
    with transaction.atomic():
        room = lock(room, person, takes=True)
        if room.kind != Room.Kind.ROOM:
            raise Problem("ROOM_ACCESS_DENIED", "In a conversation of two both are the same.")
        membership = _membership(room, user)
        if user.is_bot and IncomingHook.objects.filter(user=user).exists():
            raise Problem("ROOM_ACCESS_DENIED", "This is a webhook: it posts, and can do nothing else.")
        if role == membership.role:
            return membership
        if role != Membership.Role.OWNER:
            check_owner_left(room, user)
        membership.role = role
        membership.save(update_fields=["role"])
        audit(access.check_signed_in(person), f"make {role}", room, user)
    return membership


def invite(person: Person, room: Room, days: int = INVITE_DAYS) -> tuple[Invite, str]:
    """A link into a room, good for `days`: the row, and the secret that is shown once. Raises Problem."""
    access.check_invite(person, room)
    if not 1 <= days <= INVITE_DAYS_MAX:
        raise Problem("PARAMETER_INVALID", f"An invite is good for 1 to {INVITE_DAYS_MAX} days.")
    secret = secrets.token_urlsafe(24)
    fields = {"digest": digest_of(secret), "expires": timezone.now() + timedelta(days=days)}
    with transaction.atomic():
        room = lock(room, person)  # who was removed just now makes no way back
        if Invite.objects.good().filter(room=room).count() >= INVITES_MAX:
            raise Problem("ROOM_ACCESS_DENIED", f"A room has at most {INVITES_MAX} invites: withdraw some.")
        actor = access.check_signed_in(person)
        audit(actor, "invite", room, detail=f"for {days} days")
        return Invite.objects.create(room=room, created_by=actor, **fields), secret


def withdraw_invite(person: Person, room: Room, invite_id: int) -> None:
    """Make a link void. Raises Problem."""
    access.check_invite(person, room)
    with transaction.atomic():
        if not Invite.objects.filter(room=room, pk=invite_id, withdrawn_at=None).update(withdrawn_at=timezone.now()):
            raise Problem("NOT_FOUND", "There is no such invite.")
        audit(access.check_signed_in(person), "withdraw invite", room)


def accept_invite(person: Person, secret: str) -> Room:
    """Become a member by a link. Raises Problem; a link that is over answers like one that never was."""
    user = access.check_signed_in(person)
    with transaction.atomic():
        lock(access.find_invite(user, secret).room)  # a ban, or a withdrawal, is before this or after it
        room = access.find_invite(user, secret).room
        add_member(room, user)
    return room


def open_direct_room(person: Person, other: User) -> tuple[Room, bool]:
    """The room of two people, and whether this was the first time. Raises Problem."""
    user = access.check_signed_in(person)
    if user.pk == other.pk or not other.is_active:
        raise Problem("NOT_FOUND", "There is nobody else of this name.")
    with transaction.atomic():
        name, base = hidden_name(), Restore.newest_base()
        fields = {
            "counter": base,
            "pruned_through": base,
            "name": name,
            "name_key": name,
            "title": f"{user.shown_name} and {other.shown_name}"[:TITLE_MAX],
            "kind": Room.Kind.DIRECT,
            "visibility": Room.Visibility.PRIVATE,
            "created_by": user,
        }
        key = f"{min(user.pk, other.pk)}:{max(user.pk, other.pk)}"
        room, is_new = Room.objects.get_or_create(direct_key=key, defaults=fields)
        if is_new:  # nobody leaves it
            Membership.objects.bulk_create(Membership(room=room, user=one) for one in (user, other))
    room.role = Membership.Role.MEMBER
    return room, is_new


def end_membership(room: Room, user: User) -> None:
    """Take the membership, the links that the person made, and the memberships of their bots: nobody comes back by a
    link of their own, or goes on reading through a bot.

    Must run in a transaction that has locked the room for a loss. Raises Problem for the last owner.
    """
    gone = [user, *User.objects.filter(owner=user, memberships__room=room)]
    for one in gone:
        check_owner_left(room, one)
        Membership.objects.filter(room=room, user=one).delete()
        if one.is_bot:
            end_hook(room, one)
    Invite.objects.filter(room=room, created_by__in=gone, withdrawn_at=None).update(withdrawn_at=timezone.now())


def hand_over(actor: User | None, user: User) -> None:
    """Find an owner for each room whose only one, `user`, goes for good: who has been a moderator there for longest,
    else a member. A room in which nobody is left stays with staff.

    Must run in the transaction in which they go, after it has locked the rooms that they read by right (log.revoke). So
    only open rooms are locked here, and all who lock several do it in one order.
    """
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER).values("room")
    rooms = Room.objects.live().filter(pk__in=owned, kind=Room.Kind.ROOM).exclude(visibility=Room.Visibility.STAFF)
    for room in rooms.select_for_update(no_key=True).order_by("pk"):
        left = Membership.objects.filter(room=room, user__is_active=True).exclude(user=user).select_related("user")
        if left.filter(role=Membership.Role.OWNER).exists():
            continue
        rank = Case(When(role=Membership.Role.MODERATOR, then=0), default=1)
        for heir in left.order_by(rank, "joined", "pk")[:HEIRS]:
            # Somebody can go at this very moment, too: then it is the next one's.
            if Membership.objects.filter(pk=heir.pk).update(role=Membership.Role.OWNER):
                audit(actor, "make owner", room, heir.user, f"after {user.username}")
                break


def check_owner_left(room: Room, user: User) -> None:
    """Raise Problem when `user` is the only owner of the room. Closed accounts own nothing."""
    owners = Membership.objects.filter(room=room, role=Membership.Role.OWNER, user__is_active=True)
    if list(owners.values_list("user", flat=True)[:2]) == [user.pk]:
        raise Problem("ROOM_ACCESS_DENIED", "A room needs an owner: name another one first.")


def _end_membership(room: Room, user: User) -> None:
    if room.kind != Room.Kind.ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "A conversation of two has both, as long as it is there.")
    _membership(room, user)
    end_membership(room, user)
    if room.visibility == Room.Visibility.PRIVATE:  # elsewhere it is not the membership that lets them read
        revoke([room.pk])


def _membership(room: Room, user: User) -> Membership:
    membership = Membership.objects.filter(room=room, user=user).first()
    if membership is None:
        raise Problem("NOT_FOUND", "This person is not a member of the room.")
    membership.user = user
    return membership
