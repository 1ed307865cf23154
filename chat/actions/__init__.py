"""Every write: one transaction with its event, published after the commit.

messages    post, edit, delete
rooms       make, change, archive, delete; after a restore
members     join, leave, invites, roles
moderation  mute, ban, remove; what is written into the audit
people      accounts, guests, tokens, the first administrator
log         the event of a change; taking rights away
"""

from chat.actions.log import iso, revoke
from chat.actions.members import (
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
from chat.actions.moderation import lift, restrict
from chat.actions.people import (
    become_account,
    close_account,
    is_setup_token,
    make_first_administrator,
    make_guest,
    make_token,
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
    "IDEMPOTENCY_KEY_MAX",
    "TITLE_MAX",
    "TOPIC_MAX",
    "Posted",
    "accept_invite",
    "become_account",
    "change_room",
    "check_text",
    "close_account",
    "create_room",
    "delete_message",
    "delete_room",
    "edit_message",
    "invite",
    "is_setup_token",
    "iso",
    "join_room",
    "leave_room",
    "lift",
    "make_first_administrator",
    "make_guest",
    "make_room",
    "make_token",
    "message_data",
    "open_direct_room",
    "post_message",
    "remove_member",
    "restored",
    "restrict",
    "revoke",
    "room_data",
    "set_role",
    "set_staff",
    "setup_token",
    "sign_out",
    "sign_up",
    "withdraw_invite",
]
