"""Every write: one transaction with its event, published after the commit.

messages    post, edit, delete
rooms       make, change, archive, delete; after a restore
members     join, leave, invites, roles
presence    who is in a room, kept by its companion
moderation  mute, ban, remove; what is written into the audit
people      accounts, guests, tokens, the first administrator
operators   what only operators do, in the admin
attempts    what may not be tried without end
strangers   into the queue, on to the next, out of it; pairing: who is paired with whom; reports: block, report
log         the event of a change; taking rights away
"""

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
from chat.actions.pairing import stranger_data
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
from chat.actions.reports import (
    REASON_MAX,
    admit_stranger,
    bar_stranger,
    block_stranger,
    forget_blocks,
    report_stranger,
    settle_report,
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
from chat.actions.strangers import (
    check_stranger,
    find_stranger,
    leave_strangers,
    look_again,
    meet,
    meet_next,
    prune_strangers,
    stay,
)

__all__ = [
    "DEFAULT_ROOM",
    "IDEMPOTENCY_KEY_MAX",
    "INVITE_DAYS",
    "REASON_MAX",
    "TITLE_MAX",
    "TOPIC_MAX",
    "Posted",
    "accept_invite",
    "admit_stranger",
    "bar_stranger",
    "become_account",
    "block_stranger",
    "change_name",
    "change_password",
    "change_room",
    "check_stranger",
    "check_text",
    "close_account",
    "create_room",
    "delete_message",
    "delete_room",
    "edit_message",
    "find_stranger",
    "forget_blocks",
    "forget_closings",
    "invite",
    "is_setup_token",
    "iso",
    "join_room",
    "leave_room",
    "leave_strangers",
    "lift",
    "look_again",
    "make_first_administrator",
    "make_guest",
    "make_room",
    "make_token",
    "meet",
    "meet_next",
    "message_data",
    "open_direct_room",
    "post_message",
    "prune_guests",
    "prune_strangers",
    "remove_member",
    "report_stranger",
    "restored",
    "restrict",
    "restrict_author",
    "revoke",
    "room_data",
    "seen",
    "set_role",
    "set_staff",
    "settle_report",
    "setup_token",
    "sign_out",
    "sign_up",
    "stay",
    "stranger_data",
    "withdraw_invite",
]
