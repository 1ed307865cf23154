"""Who may make webhooks, and what a webhook may do."""

import hmac
import secrets
from typing import TypeVar

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from chat.access.accounts import check_signed_in
from chat.access.roles import can_own, check_own
from chat.access.rooms import can_read
from chat.models import IncomingHook, Membership, OutgoingHook, Restriction, Room, User, digest_of
from chat.problems import Problem
from chat.requester import Person

_Hook = TypeVar("_Hook", IncomingHook, OutgoingHook)
_NO_DIGEST = digest_of(secrets.token_hex())  # compared when there is nothing to compare with: it takes as long


def can_hook(person: Person, room: Room) -> bool:
    """Whether `person` may see and make webhooks of the room, which knows their role."""
    is_account = isinstance(person, User) and not (person.is_guest or person.is_bot)
    return is_account and can_own(person, room) and room.kind == Room.Kind.ROOM


def check_hooks(person: Person, room: Room) -> User:
    """Who sees and makes the webhooks of the room: its owners who have an account. `room` is of find_room.
    Raises Problem."""
    check_own(person, room)
    if not can_hook(person, room):
        raise Problem("ROOM_ACCESS_DENIED", "Webhooks are made by people with accounts, not in a conversation of two.")
    return check_signed_in(person)


def with_maker(hooks: QuerySet[_Hook]) -> QuerySet[_Hook]:
    """`hooks`, each with its room and with who made it: what hook_refusal asks."""
    mine = Membership.objects.filter(room=OuterRef("room"), user=OuterRef("created_by"))
    bans = Restriction.objects.bans().filter(room=OuterRef("room"), user=OuterRef("created_by"))
    known = {"maker_role": Subquery(mine.values("role")[:1]), "maker_banned": Exists(bans)}
    return hooks.select_related("room", "created_by").annotate(**known)


def hook_refusal(hook: IncomingHook | OutgoingHook) -> str:
    """Why a webhook may do nothing any more, in words; "" when it may. `hook` is of with_maker.

    It acts for the person who made it: what they may not do any more, it may not do either.
    """
    room, maker = hook.room, hook.created_by
    room.role, room.banned = hook.maker_role, hook.maker_banned
    if room.deleted_at:
        return "The room was deleted."
    if maker is None or not maker.is_active:
        return "The account of the person who made this webhook is closed."
    if not can_read(maker, room) or not can_hook(maker, room):
        return "The person who made this webhook does not own the room any more."
    return ""


def find_incoming_hook(public_id: str, secret: str) -> IncomingHook:
    """The incoming webhook of this id and secret, with the user as whom it posts. One query. Raises Problem.

    HOOK_INVALID for an unknown webhook and for a wrong secret: the two look the same. What else is refused is said to
    who has the secret.
    """
    known = public_id if public_id.isascii() and public_id.isalnum() else ""  # PostgreSQL takes no NUL
    hook = with_maker(IncomingHook.objects.select_related("user")).filter(public_id=known).first()
    is_right = hmac.compare_digest(hook.digest if hook else _NO_DIGEST, digest_of(secret))
    if hook is None or not is_right:
        raise Problem("HOOK_INVALID", "There is no such webhook, or its secret is another one.")
    if why := hook_refusal(hook):
        raise Problem("ROOM_ACCESS_DENIED", why)
    # In a room for staff it counts as staff for this post, as who made it does; this is never stored.
    hook.user.is_staff = hook.room.visibility == Room.Visibility.STAFF
    return hook
