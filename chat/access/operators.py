"""What operators may do in the admin: Django's permissions decide, and who is staff is for superusers."""

from chat.access.accounts import check_signed_in
from chat.models import Membership, Room, User
from chat.problems import Problem, room_invalid
from chat.requester import Person


def room_for_operator(person: Person, room_id: int, permission: str) -> Room:
    """A room for an operator in the admin, who need not be a member of it: Django's permission decides, as in
    "chat.change_room". They act as an owner would. Raises Problem.

    Pages and API never ask this: there a private room is invisible to staff who are no members.
    """
    check_operator(person, permission)
    room = Room.objects.live().filter(pk=room_id).first()
    if room is None:
        raise room_invalid()
    room.role, room.is_operated = Membership.Role.OWNER, True
    return room


def check_operator(person: Person, permission: str, account: User | None = None) -> User:
    """The operator who may do this in the admin by Django's permission, as in "chat.change_user". Raises Problem.

    What is done to an `account` of staff is for superusers: else who may change accounts could take over any of them.
    """
    user = check_signed_in(person)
    if not (user.is_staff and user.has_perm(permission)):  # has_perm is false for closed accounts
        raise Problem("ROOM_ACCESS_DENIED", "Your account has no permission for this.")
    if account is not None and not can_operate(user, account):
        raise Problem("ROOM_ACCESS_DENIED", f"{account.username} is staff: only superusers change accounts of staff.")
    return user


def can_operate(person: Person, account: User) -> bool:
    """Whether the rank of `account` lets an operator act on it."""
    return person.is_superuser or not (account.is_staff or account.is_superuser)
