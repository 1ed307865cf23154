"""People: accounts, guests, bots, the first administrator."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chat import access
from chat.actions.held_names import end_guest, give_up, take_back
from chat.actions.limits import Limit, take
from chat.actions.log import audit, revoke
from chat.actions.members import hand_over
from chat.actions.presence import end_holds
from chat.actions.rooms import DEFAULT_ROOM
from chat.actions.strangers import leave_strangers
from chat.models import Invite, Room, Session, User
from chat.names import clean_person_name, is_key_of, person_key, reads_in_two_ways

NAME_TAKEN = "This name reads like the one of somebody who is here, or was not long ago."
READS_IN_TWO_WAYS = "This name has a character that reads in two ways."
PASSWORD_MAX = 1000  # characters: hashing is dear on purpose, and a longer one is no better
_SETUP_SALT = "corkboard.setup"


def setup_token() -> str | None:
    """The token of the link that makes the first administrator; None once there is one."""
    return None if _has_administrator() else signing.dumps("administrator", salt=_SETUP_SALT)


def is_setup_token(token: str) -> bool:
    """Whether `token` is the one of the link and still good for it: using it makes it void."""
    try:
        signing.loads(token, salt=_SETUP_SALT)
    except signing.BadSignature:
        return False
    return not _has_administrator()


def make_first_administrator(username: str, password: str) -> User:
    """Make the first administrator. Raises ValidationError for a bad name or password, or when somebody was faster."""
    user = User(username=username, is_staff=True, is_superuser=True)
    user.full_clean(exclude=["password"])
    _check_username(username)
    _set_password(user, password)
    with transaction.atomic():
        Room.objects.select_for_update().filter(name_key=DEFAULT_ROOM).first()  # one at a time
        if _has_administrator():
            raise ValidationError("There is an administrator already.")
        _check_free(user, "username")
        user.save()
    return user


def sign_up(username: str, password: str, display_name: str = "") -> User:
    """Make an account. Raises ValidationError with words for each field: username, display_name, password."""
    user = User(username=username)
    wrong: dict[str, list[str]] = {}
    with _gathered(wrong):
        user.display_name = _shown(display_name) if display_name.strip() else ""
    _save_new(user, "display_name" if user.display_name else "username", password, wrong)
    return user


def make_guest(name: str) -> User:
    """Make a guest of this nickname: no password; the session is all they have. Raises ValidationError."""
    user = User(username=f"guest-{secrets.token_hex(8)}", is_guest=True)
    user.display_name = _shown(name)
    user.set_unusable_password()
    _save_new(user, "display_name", None, {})
    return user


def make_bot_account(owner: User, username: str, display_name: str = "") -> User:
    """Make the account of a bot, which has no password. Raises ValidationError with words for each field."""
    bot = User(username=username, is_bot=True, owner=owner)
    bot.set_unusable_password()
    wrong: dict[str, list[str]] = {}
    with _gathered(wrong):
        bot.display_name = _shown(display_name) if display_name.strip() else ""
    _save_new(bot, "display_name" if bot.display_name else "username", None, wrong)
    return bot


def become_account(user: User, username: str, password: str) -> User:
    """Make an account of a guest, who keeps the name and what they wrote. Raises ValidationError."""
    if not user.is_guest:
        raise ValidationError("You have an account already.")
    user.username, user.is_guest = username, False
    _save_new(user, "username", password, {})
    # As if they joined now. Each by itself: who locks several rooms does it in one order.
    for room_id in Room.objects.filter(memberships__user=user, listed=False).values_list("pk", flat=True):
        Room.objects.filter(pk=room_id).update(listed=True)
    return user


def change_name(user: User, display_name: str, *, limits: Sequence[Limit] = ()) -> User:
    """Change the name that others see. What was written keeps the name it was written under. Raises ValidationError,
    and Problem when `limits` are used up: each change keeps a name from others for a while."""
    user.display_name = _shown(display_name)
    _check_free(user, "display_name")
    with transaction.atomic():
        take(limits, "TOO_MANY_ATTEMPTS")
        _save(user, "display_name")
    return user


def change_password(user: User, password: str) -> None:
    """Give an account another password, which ends its sessions, and with them what they stream. Raises
    ValidationError."""
    _set_password(user, password)
    with transaction.atomic():
        revoke(_rooms_by_right(user))
        end_holds(user)
        user.save(update_fields=["password"])


def sign_out(*users: User) -> None:
    """End what people's streams receive by their rights."""
    for user in users:
        leave_strangers(user)
    with transaction.atomic():
        # The rooms of all at once: `revoke` locks them in one order.
        revoke({room for user in users for room in _rooms_by_right(user)})
        for user in users:
            end_holds(user)


def end_session(user: User, session_key: str | None) -> None:
    """End a session of `user`, and what their streams receive by their rights.

    A session that is gone already ends nothing: many requests with one session make all readers of the person's rooms
    come again only once.
    """
    with transaction.atomic():
        if Session.objects.filter(pk=session_key).delete()[0]:
            sign_out(user)
            end_guest(user)


def close_account(actor: User, user: User) -> None:
    """Close an account, and its bots: no sign-in, no token, nothing more received. What they wrote stays under their
    name, which nobody else gets; what only they owned goes to another member. Raises ValidationError for the last
    administrator."""
    leave_strangers(user)  # before the transaction, which would hold what others in that line may wait for
    with transaction.atomic():
        accounts = [user, *user.bots.filter(is_active=True).order_by("pk")]
        sign_out(*accounts)
        for account in accounts:
            hand_over(actor, account)
        if is_last_administrator(user):
            raise ValidationError("The only administrator can't go: make another one first.")
        end_guest(user)
        for account in accounts:
            User.objects.filter(pk=account.pk).update(is_active=False)
            account.tokens.all().delete()
            # As when they are removed from a room: nobody comes back, under another account, by a link of their own.
            Invite.objects.filter(created_by=account, withdrawn_at=None).update(withdrawn_at=timezone.now())
            audit(actor, "close account", None, account)
        # The account is locked now; one that was made a moment ago has no token yet.
        user.bots.filter(is_active=True).update(is_active=False)


def is_last_administrator(user: User) -> bool:
    """Whether there is nobody else to administer. Must run in the transaction in which `user` stops to, after it has
    locked rooms: everybody locks rooms before accounts, and both by their ids.

    Two could do it to each other at once, so all administrators are locked: then the second one waits, and sees.
    """
    if not user.is_superuser:
        return False
    administrators = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True)
    return list(administrators.order_by("pk").values_list("pk", flat=True)) == [user.pk]


def set_staff(actor: User, user: User, is_staff: bool) -> None:
    """Make somebody staff, or take it away, and with it the rooms of staff."""
    with transaction.atomic():
        if not is_staff:
            revoke(_rooms_by_right(User.objects.get(pk=user.pk)))  # a form may have changed `user` already
        User.objects.filter(pk=user.pk).update(is_staff=is_staff)
        audit(actor, "make staff" if is_staff else "demote", None, user)


def prune_guests(before: datetime) -> int:
    """Remove guests who left before `before`, or came before it and have no session any more. How many.

    What they wrote stays under the name, now as of somebody without an account, and the name is held for a while; what
    only they owned goes to another member. Each has a transaction of their own.
    """
    removed = 0
    live = Session.objects.filter(user=OuterRef("pk"), expire_date__gt=timezone.now())
    idle = User.objects.filter(~Exists(live), is_guest=True)
    idle = idle.filter(Q(left_at__lt=before) | Q(left_at=None, date_joined__lt=before))
    for pk in list(idle.values_list("pk", flat=True)):
        leave_strangers(User(pk=pk))
        with transaction.atomic():
            guest = idle.select_for_update(no_key=True).filter(pk=pk).first()
            if guest is None:  # back, or an account, meanwhile
                continue
            revoke(_rooms_by_right(guest))
            end_holds(guest)
            hand_over(None, guest)
            give_up(guest)
            guest.delete()
            removed += 1
    return removed


def _rooms_by_right(user: User) -> list[int]:
    """The rooms that this person reads by a right of their own; open ones are everybody's."""
    rooms = Room.objects.live().exclude(visibility=Room.Visibility.OPEN)
    mine = Q(visibility=Room.Visibility.PRIVATE, memberships__user=user)
    if user.is_staff:
        mine |= Q(visibility=Room.Visibility.STAFF)
    return list(rooms.filter(mine).values_list("pk", flat=True).distinct())


def _shown(name: str) -> str:
    try:
        return clean_person_name(name)
    except ValueError as error:
        raise ValidationError({"display_name": str(error)}) from None


def _set_password(user: User, password: str) -> None:
    if len(password) > PASSWORD_MAX:
        raise ValidationError({"password": f"A password can have at most {PASSWORD_MAX} characters."})
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    user.set_password(password)


def _save_new(user: User, field: str, password: str | None, wrong: dict[str, list[str]]) -> None:
    """Save somebody new. `field` is the one whose name others see. All that is wrong is said at once: the first thing
    of each field. `wrong` is what was found already."""
    with _gathered(wrong):
        user.full_clean(exclude=["password"])
    with _gathered(wrong):
        _check_username(user.username)
    if "username" not in wrong:  # the database can't be asked for all that is no name
        with _gathered(wrong):
            _check_free(user, field)
    if password is not None:
        with _gathered(wrong):
            _set_password(user, password)
    if wrong:
        raise ValidationError(wrong)
    _save(user, field)


@contextmanager
def _gathered(wrong: dict[str, list[str]]) -> Iterator[None]:
    """Put what is refused into `wrong`, by field."""
    try:
        yield
    except ValidationError as error:
        for field, messages in error.message_dict.items():
            wrong.setdefault(field, messages)


def _check_username(username: str) -> None:
    """Django takes longer ones, and letters that don't show."""
    try:
        clean_person_name(username)
    except ValueError as error:
        raise ValidationError({"username": str(error)}) from None


def _save(user: User, field: str) -> None:
    try:
        with transaction.atomic():
            Room.objects.select_for_update(no_key=True).filter(name_key=DEFAULT_ROOM).first()  # one at a time
            _check_free(user, field)  # the database sees only that no two shown names agree
            before = User.objects.filter(pk=user.pk).first()
            if before is not None and person_key(before.shown_name) != person_key(user.shown_name):
                give_up(before)
            user.save(force_update=user.pk is not None)  # a guest who was removed meanwhile doesn't come back
            take_back(user)
    except IntegrityError:  # somebody was faster
        raise ValidationError({field: NAME_TAKEN}) from None


def _check_free(user: User, field: str) -> None:
    """Neither the shown name nor the user name may read like one of somebody else."""
    names = [(field, user.shown_name)]
    if not user.is_guest:
        names.append(("username", user.username))
    for place, name in names:
        if access.is_name_taken(name, user=user):
            raise ValidationError({place: NAME_TAKEN})
        if reads_in_two_ways(name) and not is_key_of(user.name_key, name):
            raise ValidationError({place: READS_IN_TWO_WAYS})


def _has_administrator() -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exists()
