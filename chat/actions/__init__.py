"""Every write: one transaction with its event, published after the commit.

messages    post, edit, delete
rooms       make, change, archive, delete; after a restore
members     join, leave, invites, roles
presence    who is in a room, kept by its companion
moderation  mute, ban, remove; what is written into the audit
people      accounts, guests, tokens, the first administrator
operators   what only operators do, in the admin
hooks       webhooks: made, tested, switched, withdrawn
deliveries  what the companion of outgoing webhooks writes
attempts    what may not be tried without end
log         the event of a change; taking rights away
"""

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
    become_account,
    change_name,
    change_password,
    close_account,
    is_setup_token,
    make_first_administrator,
    make_guest,
    make_token,
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

__all__ = [
    "DEFAULT_ROOM",
    "HOOKS_MAX",
    "IDEMPOTENCY_KEY_MAX",
    "INVITE_DAYS",
    "TITLE_MAX",
    "TOPIC_MAX",
    "Posted",
    "accept_invite",
    "become_account",
    "change_name",
    "change_password",
    "change_room",
    "check_text",
    "close_account",
    "create_room",
    "delete_message",
    "delete_room",
    "edit_message",
    "enable_hook",
    "forget_closings",
    "invite",
    "is_setup_token",
    "iso",
    "join_room",
    "leave_room",
    "lift",
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
    "seen",
    "set_role",
    "set_staff",
    "setup_token",
    "sign_out",
    "sign_up",
    "test_hook",
    "withdraw_hook",
    "withdraw_invite",
]
