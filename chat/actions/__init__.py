"""Every write: one transaction with its event, published after the commit.

messages    post, edit, delete
rooms       make, change, archive, delete; after a restore
members     join, leave, invites, roles
presence    who is in a room, kept by its companion
moderation  mute, ban, remove; what is written into the audit
people      accounts, guests, the first administrator
tokens      API tokens
bots        accounts of programs, owned by people
broadcasts  one text into many rooms
operators   what only operators do, in the admin
hooks       webhooks: made, tested, switched, withdrawn
deliveries  what the companion of outgoing webhooks writes
limits      what may not be done without end
log         the event of a change; taking rights away
"""

from chat.actions.bots import add_bot, close_bot, make_bot
from chat.actions.broadcasts import Broadcast, broadcast, rooms_of_broadcast
from chat.actions.hooks import (
    HOOKS_MAX,
    enable_hook,
    make_incoming_hook,
    make_outgoing_hook,
    test_hook,
    withdraw_hook,
)
from chat.actions.log import forget_closings, iso, revoke
from chat.actions.members import (
    INVITE_DAYS,
    accept_invite,
    invite,
    join_room,
    leave_room,
    open_direct_room,
    remove_member,
    set_role,
    withdraw_invite,
)
from chat.actions.messages import (
    IDEMPOTENCY_KEY_MAX,
    Posted,
    check_text,
    delete_message,
    edit_message,
    message_data,
    post_message,
)
from chat.actions.moderation import lift, restrict, restrict_author
from chat.actions.people import (
    NAME_TAKEN,
    become_account,
    change_name,
    change_password,
    close_account,
    end_session,
    is_setup_token,
    make_first_administrator,
    make_guest,
    prune_guests,
    seen,
    set_staff,
    setup_token,
    sign_out,
    sign_up,
)
from chat.actions.rooms import (
    DEFAULT_ROOM,
    TITLE_MAX,
    TOPIC_MAX,
    change_room,
    create_room,
    delete_room,
    make_room,
    restored,
    room_data,
)
from chat.actions.tokens import (
    TOKEN_DAYS,
    end_expired_tokens,
    issue_token,
    make_token,
    token_used,
    withdraw_token,
)

__all__ = [
    "DEFAULT_ROOM",
    "HOOKS_MAX",
    "IDEMPOTENCY_KEY_MAX",
    "INVITE_DAYS",
    "NAME_TAKEN",
    "TITLE_MAX",
    "TOKEN_DAYS",
    "TOPIC_MAX",
    "Broadcast",
    "Posted",
    "accept_invite",
    "add_bot",
    "become_account",
    "broadcast",
    "change_name",
    "change_password",
    "change_room",
    "check_text",
    "close_account",
    "close_bot",
    "create_room",
    "delete_message",
    "delete_room",
    "edit_message",
    "enable_hook",
    "end_expired_tokens",
    "end_session",
    "forget_closings",
    "invite",
    "is_setup_token",
    "iso",
    "issue_token",
    "join_room",
    "leave_room",
    "lift",
    "make_bot",
    "make_first_administrator",
    "make_guest",
    "make_incoming_hook",
    "make_outgoing_hook",
    "make_room",
    "make_token",
    "message_data",
    "open_direct_room",
    "post_message",
    "prune_guests",
    "remove_member",
    "restored",
    "restrict",
    "restrict_author",
    "revoke",
    "room_data",
    "rooms_of_broadcast",
    "seen",
    "set_role",
    "set_staff",
    "setup_token",
    "sign_out",
    "sign_up",
    "test_hook",
    "token_used",
    "withdraw_hook",
    "withdraw_invite",
    "withdraw_token",
]
