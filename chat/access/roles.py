"""What one may do in a room by one's role there: own, moderate, invite. `room` knows the role of who asks."""

from chat.access.accounts import check_signed_in
from chat.access.rooms import check_visible
from chat.models import ClaimedEvent, Membership, Message, Room, Scope, User
from chat.problems import Problem
from chat.requester import Person, check_scope, has_scope


def can_own(person: Person, room: Room | ClaimedEvent) -> bool:
    """Whether `person` may change the room itself and who belongs to it. `room` knows their role (find_room, a claim).

    Owners may, and staff where staff may read by being staff. A private room is its members' own: in it staff are what
    their role says. By a token only one with the scope `manage` has power.
    """
    if not has_scope(person, Scope.MANAGE):
        return False
    return room.role == Membership.Role.OWNER or (person.is_staff and room.visibility != Room.Visibility.PRIVATE)


def can_moderate(person: Person, room: Room | ClaimedEvent) -> bool:
    """Whether `person` may delete others' messages, mute and ban in the room, which knows their role."""
    is_moderator = room.role == Membership.Role.MODERATOR and has_scope(person, Scope.MANAGE)
    return is_moderator or can_own(person, room)


def can_invite(person: Person, room: Room) -> bool:
    """Whether `person` may hand out links into the room: moderators; of guests only an owner."""
    if room.kind != Room.Kind.ROOM:
        return False
    return can_own(person, room) or (can_moderate(person, room) and not getattr(person, "is_guest", False))


def check_own(person: Person, room: Room) -> None:
    """Raise Problem when `person` may not change the room. `room` is of find_room, which knows the role."""
    if not can_own(person, room):
        check_scope(person, Scope.MANAGE)
        raise Problem("ROOM_ACCESS_DENIED", "Only the owner of the room may do this.")


def check_moderate(person: Person, room: Room) -> None:
    """Raise Problem when `person` may not moderate the room. `room` is of find_room."""
    if not can_moderate(person, room):
        check_scope(person, Scope.MANAGE)
        raise Problem("ROOM_ACCESS_DENIED", "Only moderators of the room may do this.")


def check_invite(person: Person, room: Room) -> None:
    """Raise Problem when `person` may not hand out, see or withdraw links into the room. `room` is of find_room."""
    if not can_invite(person, room):
        check_scope(person, Scope.MANAGE)
        raise Problem("ROOM_ACCESS_DENIED", "Only moderators of the room invite others.")


def check_type(person: Person, claim: ClaimedEvent, kind: int) -> None:
    """Raise Problem when `person` may not post messages of this type into the claimed room."""
    if kind == Message.Type.MESSAGE or can_moderate(person, claim):
        return
    check_signed_in(person)
    check_scope(person, Scope.MANAGE)
    raise Problem("ROOM_ACCESS_DENIED", "Only moderators post warnings and alerts.")


def check_rank(person: Person, room: Room, user: User) -> None:
    """Raise Problem when `person`, a moderator of `room`, has no power over `user`.

    A moderator has none over owners and other moderators. Where staff may read by being staff, only staff have power
    over staff; a private room's owner may take anybody off it. `room` is of find_room.
    """
    if user.is_staff and not person.is_staff and room.visibility != Room.Visibility.PRIVATE:
        raise Problem("ROOM_ACCESS_DENIED", "This person is staff.")
    if not can_own(person, room) and role_of(user, room.pk) in (Membership.Role.OWNER, Membership.Role.MODERATOR):
        raise Problem("ROOM_ACCESS_DENIED", "Only the owner has power over moderators.")


def check_same_role(person: Person, room: Room) -> None:
    """Raise Problem when `person` is not any more what `room`, found a moment ago, says they are in it. One query."""
    role = role_of(person, room.pk)
    if role != room.role:
        check_visible(person, room.visibility, role)
        raise Problem("ROOM_ACCESS_DENIED", "Your role in this room was changed just now.")


def role_of(person: Person, room_id: int) -> str | None:
    """What `person` is in a room, None for nothing. One query."""
    if not isinstance(person, User):
        return None
    return Membership.objects.filter(room=room_id, user=person).values_list("role", flat=True).first()
