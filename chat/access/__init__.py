"""Who may do what: the only place that decides it.

rooms      which rooms one may know of, read, post into and make
roles      what one may do in a room: own, moderate, invite
accounts   what one may do whatever the room: tokens, bots, broadcasts
hooks      who may make webhooks, and what a webhook may do
operators  what Django's permissions let operators do in the admin

One order of checks everywhere: signed in (USER_HAS_TO_LOGIN), room exists (ROOM_INVALID), allowed
(ROOM_ACCESS_DENIED). A private room that one may not know of answers exactly like a room that does not exist.
"""

from chat.access.accounts import check_broadcast, check_make_bot, check_signed_in, check_token_owner, is_name_taken
from chat.access.hooks import can_hook, check_hooks, find_incoming_hook, hook_refusal, with_maker
from chat.access.operators import can_operate, check_operator, room_for_operator
from chat.access.roles import (
    can_invite,
    can_moderate,
    can_own,
    check_invite,
    check_moderate,
    check_own,
    check_rank,
    check_same_role,
    check_type,
)
from chat.access.rooms import (
    check_create_room,
    check_named,
    check_post,
    find_invite,
    find_room,
    find_rooms,
    find_rooms_to_follow,
    is_banned,
    is_listing,
    is_open_name,
    known_room,
    known_rooms,
    no_such_room,
    other_rooms,
    own_rooms,
    readers_among,
)

__all__ = [
    "can_hook",
    "can_invite",
    "can_moderate",
    "can_operate",
    "can_own",
    "check_broadcast",
    "check_create_room",
    "check_hooks",
    "check_invite",
    "check_make_bot",
    "check_moderate",
    "check_named",
    "check_operator",
    "check_own",
    "check_post",
    "check_rank",
    "check_same_role",
    "check_signed_in",
    "check_token_owner",
    "check_type",
    "find_incoming_hook",
    "find_invite",
    "find_room",
    "find_rooms",
    "find_rooms_to_follow",
    "hook_refusal",
    "is_banned",
    "is_listing",
    "is_name_taken",
    "is_open_name",
    "known_room",
    "known_rooms",
    "no_such_room",
    "other_rooms",
    "own_rooms",
    "readers_among",
    "room_for_operator",
    "with_maker",
]
