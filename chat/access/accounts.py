"""What one may do by who one is, whatever the room: tokens, bots, broadcasts, names."""

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from chat.models import HeldName, Scope, User
from chat.names import person_keys
from chat.problems import Problem
from chat.requester import Person, check_scope


def check_signed_in(person: Person) -> User:
    """`person` as a user. Raises Problem USER_HAS_TO_LOGIN."""
    if not isinstance(person, User):
        raise Problem("USER_HAS_TO_LOGIN", "Sign in first.")
    return person


def check_token_owner(person: Person, user: User) -> User:
    """Who may make, see and withdraw the tokens of `user`: the account itself, and the owner of a bot. Raises Problem.

    Guests have none: all that a guest has is a browser's session, and it goes when they stay away.
    """
    actor = check_signed_in(person)
    check_scope(actor, Scope.MANAGE)
    if user.pk != actor.pk and user.owner_id != actor.pk:
        raise Problem("NOT_FOUND", "You have no bot of this name.")
    if user.is_guest:
        raise Problem("ROOM_ACCESS_DENIED", "Tokens are for accounts: guests have none.")
    return actor


def check_make_bot(person: Person) -> User:
    """Who may make a bot, by BOTS. Raises Problem."""
    actor = check_signed_in(person)
    if settings.BOTS == "off":
        raise Problem("ROOM_ACCESS_DENIED", "Nobody makes bots here.")
    if actor.is_guest or actor.is_bot:
        raise Problem("ROOM_ACCESS_DENIED", "Only people with an account make bots.")
    if settings.BOTS == "staff" and not actor.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "Only staff make bots here.")
    return actor


def check_broadcast(person: Person) -> User:
    """Who may write to many rooms at once: staff. Raises Problem."""
    actor = check_signed_in(person)
    check_scope(actor, Scope.MANAGE)
    if not actor.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "Only staff broadcast.")
    return actor


def is_name_taken(name: str, *, user: User | None = None, holder: User | None = None) -> bool:
    """Whether an account or a guest has this name, or one that looks like it, or gave it up not long ago. One query.

    What `user` has, and what is held for `user` or for `holder`, is not taken from them.
    """
    keys = person_keys(name)
    people = User.objects.filter(Q(name_key__in=keys) | Q(username_key__in=keys))
    held = HeldName.objects.filter(key__in=keys, until__gt=timezone.now())
    if user is not None and user.pk:
        people, held = people.exclude(pk=user.pk), held.exclude(user=user)
    if holder is not None:
        held = held.exclude(user=holder)
    return people.values_list("name_key").union(held.values_list("key")).exists()
