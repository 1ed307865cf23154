"""Reading who and what there is: a room, its members, invites, mutes and bans, webhooks, as they are on the wire.

Nothing here tells of rooms one may not know of: no row ids, which count over all rooms.
"""

from typing import Any

from django.db.models import Case, Q, When

from chat import actions, eventlog
from chat.models import (
    ApiToken,
    Block,
    Delivery,
    IncomingHook,
    Invite,
    Membership,
    OutgoingHook,
    Restriction,
    Room,
    Stranger,
    User,
    digest_of,
)
from chat.names import PERSON_SENT_MAX, person_key
from chat.problems import Problem
from chat.requester import parse_network

MEMBERS_MAX = 1000  # of a page
DELIVERIES_MAX = 100
INVITE_ID = TOKEN_ID = RESTRICTION_ID = 16  # hex digits of a digest

_RANK = Case(When(role=Membership.Role.OWNER, then=0), When(role=Membership.Role.MODERATOR, then=1), default=2)
_ORDER = ("rank", "user__is_guest", "joined", "pk")


def room_data(room: Room) -> dict[str, Any]:
    """A room with what the person asking is in it: `room` is of access."""
    return {**actions.room_data(room), "role": room.role}


def person_data(user: User) -> dict[str, Any]:
    """A person to themselves."""
    return {
        "id": user.public_id,
        "username": user.username,
        "name": user.shown_name,
        "guest": user.is_guest,
        "bot": user.is_bot,
        "staff": user.is_staff,
    }


def member_data(membership: Membership) -> dict[str, Any]:
    """A member."""
    user = membership.user
    return {
        "id": user.public_id,
        "username": user.username,
        "name": user.shown_name,
        "role": membership.role,
        "guest": user.is_guest,
        "bot": user.is_bot,
    }


def members(room: Room, after: str = "", limit: int = MEMBERS_MAX) -> tuple[list[Membership], bool]:
    """At most `limit` members behind the one of the user name `after`, and whether there are more: owners, moderators,
    people with an account, then guests, of whom a crowd hides nobody; each by when they joined. Raises Problem."""
    found = Membership.objects.filter(room=room).annotate(rank=_RANK).select_related("user").order_by(*_ORDER)
    if after:
        last = found.filter(user=member(room, after)).values_list(*_ORDER).get()
        behind = Q()
        for number, (field, value) in enumerate(zip(_ORDER, last, strict=True)):
            behind |= Q(**dict(zip(_ORDER[:number], last[:number], strict=True)), **{f"{field}__gt": value})
        found = found.filter(behind)
    listed: list[Any] = list(found[: limit + 1])
    return listed[:limit], len(listed) > limit


def member(room: Room, username: str) -> User:
    """The member of this user name. Who is none and who does not exist answer the same. Raises Problem NOT_FOUND."""
    return _one_user(username, "This person is not a member of the room.", memberships__room=room)


def person(username: str) -> User:
    """The person of this user name. Raises Problem NOT_FOUND."""
    return _one_user(username, "There is nobody of this name.", is_active=True)


def bots(owner: User) -> list[User]:
    """The bots of a person that are not closed, by name. One query."""
    return list(owner.bots.filter(is_active=True).order_by("username"))


def bot(owner: User, username: str) -> User:
    """A bot of `owner`. Raises Problem NOT_FOUND, also for somebody else's."""
    return _one_user(username, "You have no bot of this name.", owner=owner, is_active=True)


def bot_data(user: User) -> dict[str, Any]:
    """A bot, to its owner."""
    return {"username": user.username, "name": user.shown_name}


def tokens(user: User) -> list[ApiToken]:
    """The tokens of an account, newest first: those that have expired, too. One query."""
    return list(user.tokens.order_by("-pk"))


def token_id(token: ApiToken) -> str:
    """What a token is called in addresses."""
    return token.digest[:TOKEN_ID]


def token(user: User, which: str) -> ApiToken:
    """The token of an account with this id. Raises Problem NOT_FOUND."""
    for found in tokens(user):
        if token_id(found) == which:
            return found
    raise Problem("NOT_FOUND", "There is no such token.")


def token_data(token: ApiToken) -> dict[str, Any]:
    """A token, without its secret."""
    return {
        "id": token_id(token),
        "name": token.name,
        "scopes": token.scope_list,
        "hint": token.hint,
        "created": actions.iso(token.created),
        "expires": actions.iso(token.expires) if token.expires else None,
        "last-used": actions.iso(token.last_used_at) if token.last_used_at else None,
    }


def named(name: str) -> User:
    """The person of this user name, else the one who is shown under this name: no two look alike. Raises Problem
    NOT_FOUND."""
    name = " ".join(name.split())
    try:
        return person(name)
    except Problem:
        found = None
        if len(name) <= PERSON_SENT_MAX:
            found = User.objects.filter(name_key=person_key(name), is_active=True).first()
        if found is None:
            raise
        return found


def invite_data(invite: Invite) -> dict[str, Any]:
    """An invite without its link, which is shown once."""
    return {
        "id": invite.digest[:INVITE_ID],
        "by": invite.created_by.username,
        "expires": actions.iso(invite.expires),
    }


def invites(room: Room) -> list[Invite]:
    """The invites that are good, newest first. One query."""
    return list(Invite.objects.good().filter(room=room).select_related("created_by").order_by("-pk"))


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
    return list(Restriction.objects.good().filter(room=room).select_related("user").order_by("-pk"))


def restriction_row(room: Room, restriction_id: str) -> int:
    """The row of a mute or ban of the room. Raises Problem NOT_FOUND."""
    found = [one.pk for one in restrictions(room) if _restriction_id(one) == restriction_id]
    if not found:
        raise Problem("NOT_FOUND", "There is no such mute or ban.")
    return int(found[0])


def incoming_data(hook: IncomingHook) -> dict[str, Any]:
    """An incoming webhook without its secret, which is shown once."""
    return _hook_data("incoming", hook) | {"name": hook.user.shown_name}


def outgoing_data(hook: OutgoingHook) -> dict[str, Any]:
    """An outgoing webhook without its secret."""
    return _hook_data("outgoing", hook) | {
        "url": hook.url,
        "enabled": hook.disabled_at is None,
        "why": hook.disabled_why or None,
        "failures": hook.failures,
        "next_attempt": actions.iso(hook.retry_at) if hook.retry_at and not hook.disabled_at else None,
    }


def hooks(room: Room) -> tuple[list[IncomingHook], list[OutgoingHook]]:
    """The webhooks of a room, newest first. Two queries."""
    incoming = IncomingHook.objects.filter(room=room).select_related("user", "created_by").order_by("-pk")
    return list(incoming), list(OutgoingHook.objects.filter(room=room).select_related("created_by").order_by("-pk"))


def hook(room: Room, hook_id: str) -> IncomingHook | OutgoingHook:
    """A webhook of the room. Raises Problem HOOK_INVALID."""
    for found in (one for of_kind in hooks(room) for one in of_kind):
        if found.public_id == hook_id:
            return found
    raise Problem("HOOK_INVALID", "There is no such webhook.")


def outgoing_hook(room: Room, hook_id: str) -> OutgoingHook:
    """As hook, of those that are outgoing."""
    found = hook(room, hook_id)
    if not isinstance(found, OutgoingHook):
        raise Problem("HOOK_INVALID", "This webhook is an incoming one.")
    return found


def delivery_data(room: Room, delivery: Delivery) -> dict[str, Any]:
    """One attempt of an outgoing webhook."""
    return {
        "type": delivery.type,
        "event": eventlog.token(room.name, delivery.eid),
        "attempt": delivery.attempt,
        "status": delivery.status,
        "error": delivery.error or None,
        "ms": delivery.ms,
        "date": actions.iso(delivery.created),
    }


def deliveries(hook: OutgoingHook, limit: int = DELIVERIES_MAX) -> list[Delivery]:
    """The last attempts of an outgoing webhook, newest first. One query."""
    return list(Delivery.objects.filter(hook=hook).order_by("-pk")[:limit])


def _hook_data(kind: str, hook: IncomingHook | OutgoingHook) -> dict[str, Any]:
    by = hook.created_by.username if hook.created_by else None
    return {"id": hook.public_id, "kind": kind, "by": by, "created": actions.iso(hook.created)}


def stranger_state(one: Stranger | None) -> dict[str, Any]:
    """A visitor of the queue to themselves, None for who never was one. The position is not newer than the rest."""
    if one is None:
        nothing = dict.fromkeys(("room", "last-event-id", "since", "pair", "look-again"))
        return {"state": Stranger.State.IDLE, "reason": "", **nothing}
    token = eventlog.token(one.room.name, one.room.counter)
    look_again = actions.look_again(one) if one.state != Stranger.State.IDLE else None
    return {**actions.stranger_data(one), "last-event-id": token, "look-again": look_again}


def blocks(user: User) -> list[Block]:
    """Whom a visitor of the queue blocked, newest first. One query."""
    return list(Block.objects.filter(by=user).order_by("-pk"))


def block(user: User, block_id: str) -> Block:
    """One of them. Raises Problem NOT_FOUND, also for somebody else's."""
    found = Block.objects.filter(by=user, public_id=block_id).first()
    if found is None:
        raise Problem("NOT_FOUND", "There is no such block.")
    return found


def block_data(block: Block) -> dict[str, Any]:
    """Whom somebody blocked, by the name they met under: nothing of the account."""
    return {"id": block.public_id, "name": block.alias or None, "date": actions.iso(block.created)}


def _restriction_id(restriction: Restriction) -> str:
    """Kind and whom: there is one of each. No user name holds a colon, and no part of a URL's path a slash."""
    if restriction.user:
        return f"{restriction.kind}:{restriction.user.username}"
    try:
        whom = parse_network(restriction.address).partition("/")[0]
    except ValueError:  # no address at all: where TRUSTED_PROXIES is too large, it is the client's to say
        whom = digest_of(restriction.address)[:RESTRICTION_ID]
    return f"{restriction.kind}::{whom}"


def _one_user(username: str, missing: str, **which: Any) -> User:
    found = User.objects.filter(username=username, **which).first()
    if found is None:
        raise Problem("NOT_FOUND", missing)
    return found
