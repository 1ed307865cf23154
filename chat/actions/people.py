"""People: accounts, guests, tokens, the first administrator."""

import secrets
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from chat.actions.log import audit, revoke
from chat.actions.presence import end_holds
from chat.actions.rooms import DEFAULT_ROOM
from chat.models import ApiToken, Membership, Room, User, digest_of
from chat.names import clean_person_name, person_key

NAME_TAKEN = "This name reads like the one of somebody who is here already."
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
    """Make the first administrator. Raises ValidationError for a bad name, or when somebody was faster."""
    user = User(username=username, is_staff=True, is_superuser=True)
    user.set_password(password)
    user.full_clean()
    with transaction.atomic():
        Room.objects.select_for_update().filter(name_key=DEFAULT_ROOM).first()  # one at a time
        if _has_administrator():
            raise ValidationError("There is an administrator already.")
        if User.objects.filter(name_key=person_key(user.shown_name)).exists():
            raise ValidationError("This name reads like the one of somebody who is here already.")
        user.save()
    return user


def make_token(user: User) -> str:
    """A new API token of `user`. It is shown once: only its digest is stored."""
    token = f"ckb_{secrets.token_urlsafe(32)}"
    ApiToken.objects.create(user=user, digest=digest_of(token))
    return token


def sign_up(username: str, password: str, display_name: str = "") -> User:
    """Make an account. Raises ValidationError with words for the form."""
    user = User(username=username, display_name=_shown(display_name or username))
    validate_password(password, user)
    user.set_password(password)
    _save_new(user)
    return user


def make_guest(name: str) -> User:
    """Make a guest of this nickname: no password; the session is all they have. Raises ValidationError."""
    user = User(username=f"guest-{secrets.token_hex(8)}", display_name=_shown(name), is_guest=True)
    user.set_unusable_password()
    _save_new(user)
    return user


def become_account(user: User, username: str, password: str) -> User:
    """Make an account of a guest, who keeps the name and what they wrote. Raises ValidationError."""
    if not user.is_guest:
        raise ValidationError("You have an account already.")
    user.username, user.is_guest = username, False
    validate_password(password, user)
    user.set_password(password)
    user.full_clean(exclude=["password"])
    user.save()
    return user


def change_name(user: User, display_name: str) -> User:
    """Change the name that others see. What was written keeps the name it was written under. Raises ValidationError."""
    user.display_name = _shown(display_name)
    _check_free(user)
    user.save(update_fields=["display_name", "name_key"])
    return user


def sign_out(user: User) -> None:
    """End what a person's streams receive by their rights; the session itself is ended by the view."""
    with transaction.atomic():
        revoke(_rooms_by_right(user))
        end_holds(user)


def close_account(actor: User, user: User) -> None:
    """Close an account: no sign-in, no token, nothing more received. What they wrote stays under their name."""
    with transaction.atomic():
        revoke(_rooms_by_right(user))
        end_holds(user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.tokens.all().delete()
        audit(actor, "close account", None, user)


def set_staff(actor: User, user: User, is_staff: bool) -> None:
    """Make somebody staff, or take it away, and with it the rooms of staff."""
    with transaction.atomic():
        if not is_staff:
            revoke(_rooms_by_right(User.objects.get(pk=user.pk)))  # a form may have changed `user` already
        User.objects.filter(pk=user.pk).update(is_staff=is_staff)
        audit(actor, "make staff" if is_staff else "demote", None, user)


def prune_guests(before: datetime) -> int:
    """Remove guests who were not seen since `before`. What they wrote stays under their name. How many."""
    idle = User.objects.filter(is_guest=True, date_joined__lt=before)
    idle = idle.filter(Q(last_seen_at__lt=before) | Q(last_seen_at=None))
    theirs = Membership.objects.filter(user__in=idle, room__visibility=Room.Visibility.PRIVATE)
    with transaction.atomic():
        revoke(set(theirs.values_list("room", flat=True)))
        return idle.delete()[1].get("chat.User", 0)


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
        raise ValidationError(str(error)) from None


def _save_new(user: User) -> None:
    user.full_clean(exclude=["password"])
    _check_free(user)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:  # somebody was faster
        raise ValidationError(NAME_TAKEN) from None


def _check_free(user: User) -> None:
    if User.objects.filter(name_key=person_key(user.shown_name)).exclude(pk=user.pk).exists():
        raise ValidationError(NAME_TAKEN)


def _has_administrator() -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exists()
