"""Every write: one transaction with its event, published after the commit.

messages    post, edit, delete
rooms       make, change, archive, delete; after a restore
erasure     what deleting leaves behind
quiet       what was said in visitors' rooms, when they are quiet
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
held_names  names that were given up
strangers   into the queue, on to the next, out of it; pairing: who is paired with whom; reports: block, report
log         the event of a change; taking rights away
"""

from chat.actions.bots import add_bot, close_bot, make_bot
from chat.actions.broadcasts import broadcast, rooms_of_broadcast
from chat.actions.erasure import forget_expired, overwrite_deleted
from chat.actions.held_names import HELD, prune_held_names
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
    check_text,
    delete_message,
    edit_message,
    message_data,
    post_message,
)
from chat.actions.moderation import lift, restrict, restrict_author
from chat.actions.pairing import stranger_data
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
    set_staff,
    setup_token,
    sign_out,
    sign_up,
)
from chat.actions.quiet import empty_quiet_rooms
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
    "HELD",
    "HOOKS_MAX",
    "IDEMPOTENCY_KEY_MAX",
    "INVITE_DAYS",
    "NAME_TAKEN",
    "REASON_MAX",
    "TITLE_MAX",
    "TOKEN_DAYS",
    "TOPIC_MAX",
    "accept_invite",
    "add_bot",
    "admit_stranger",
    "bar_stranger",
    "become_account",
    "block_stranger",
    "broadcast",
    "change_name",
    "change_password",
    "change_room",
    "check_stranger",
    "check_text",
    "close_account",
    "close_bot",
    "create_room",
    "delete_message",
    "delete_room",
    "edit_message",
    "empty_quiet_rooms",
    "enable_hook",
    "end_expired_tokens",
    "end_session",
    "find_stranger",
    "forget_blocks",
    "forget_closings",
    "forget_expired",
    "invite",
    "is_setup_token",
    "iso",
    "issue_token",
    "join_room",
    "leave_room",
    "leave_strangers",
    "lift",
    "look_again",
    "make_bot",
    "make_first_administrator",
    "make_guest",
    "make_incoming_hook",
    "make_outgoing_hook",
    "make_room",
    "make_token",
    "meet",
    "meet_next",
    "message_data",
    "open_direct_room",
    "overwrite_deleted",
    "post_message",
    "prune_guests",
    "prune_held_names",
    "prune_strangers",
    "remove_member",
    "report_stranger",
    "restored",
    "restrict",
    "restrict_author",
    "revoke",
    "room_data",
    "rooms_of_broadcast",
    "set_role",
    "set_staff",
    "settle_report",
    "setup_token",
    "sign_out",
    "sign_up",
    "stay",
    "stranger_data",
    "test_hook",
    "token_used",
    "withdraw_hook",
    "withdraw_invite",
    "withdraw_token",
]
