"""Bots: accounts without a password, each owned by the person who made it. They sign in by tokens only."""

from django.db import transaction

from chat import access
from chat.actions.limits import Limit, attempt
from chat.actions.log import lock
from chat.actions.members import add_member
from chat.actions.people import close_account, make_bot_account
from chat.models import Membership, Room, User
from chat.problems import Problem
from chat.requester import Person

BOTS_MAX = 10  # of one person
# A bot that is closed keeps its name, so making and closing without end would take all names.
NEW_BOTS, NEW_BOTS_SECONDS = 30, 86_400


def make_bot(person: Person, username: str, display_name: str = "") -> User:
    """Make a bot of one's own. Raises Problem, and ValidationError with words for username and display_name."""
    owner = access.check_make_bot(person)
    attempt([Limit("make a bot", str(owner.pk), NEW_BOTS, NEW_BOTS_SECONDS)])
    with transaction.atomic():
        # One at a time; and none for somebody whose account was closed meanwhile.
        if not User.objects.select_for_update(no_key=True).filter(pk=owner.pk, is_active=True).first():
            raise Problem("USER_HAS_TO_LOGIN", "The account was closed.")
        if owner.bots.filter(is_active=True).count() >= BOTS_MAX:
            raise Problem("ROOM_ACCESS_DENIED", f"A person has at most {BOTS_MAX} bots: close one.")
        return make_bot_account(owner, username, display_name)


def close_bot(person: Person, bot: User) -> None:
    """Close a bot of one's own: its tokens and streams end, its name stays taken. Raises Problem."""
    owner = access.check_signed_in(person)
    if bot.owner_id != owner.pk:
        raise no_bot()
    close_account(owner, bot)


def add_bot(person: Person, room: Room, bot: User) -> tuple[Membership, bool]:
    """Make a bot of one's own a member of a room into which one may invite; and whether it is new. Raises Problem."""
    access.check_invite(person, room)
    if bot.owner_id != person.pk or not bot.is_active:
        raise no_bot()
    if room.visibility == Room.Visibility.STAFF:
        raise Problem("ROOM_ACCESS_DENIED", "This room is for staff, and no bot is staff.")
    with transaction.atomic():
        lock(room)  # a ban is before this or after it
        if access.is_banned(bot, room.pk):
            raise Problem("ROOM_ACCESS_DENIED", "This bot, or its owner, is banned from the room.")
        return add_member(room, bot)


def no_bot() -> Problem:
    """Somebody else's bot answers like one that never was."""
    return Problem("NOT_FOUND", "You have no bot of this name.")
