"""What only operators do, in the admin: each checked by Django's permissions, revoked and audited.

`actor` is who does it, `room` is of access.room_for_operator, and `user` is an account as it is stored: what it may
read now is what it loses. All raise Problem, and ValidationError where a name or password is given.
"""

import secrets
from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction

from chat import access
from chat.actions import members, messages, people, rooms, tokens
from chat.actions.held_names import end_guest, give_up
from chat.actions.log import audit
from chat.models import Membership, Room, User
from chat.problems import Problem

PASSWORD_MAX = 1000  # characters


def create_room(actor: User, name: str, *, title: str, topic: str = "", visibility: str = "open") -> Room:
    """Make a room, owned by who makes it; see rooms.create_room."""
    access.check_operator(actor, "chat.add_room")
    with transaction.atomic():
        room = rooms.create_room(actor, name, title=title, topic=topic, visibility=visibility)
        audit(actor, "create room", room)
    return room


def add_member(actor: User, room: Room, user: User, role: str) -> None:
    """Make somebody a member without an invite."""
    access.check_own(actor, room)
    if role not in Membership.Role.values:
        raise Problem("PARAMETER_INVALID", "A role is owner, moderator or member.")
    if room.kind != Room.Kind.ROOM:
        raise Problem("ROOM_ACCESS_DENIED", "This conversation stays between the two of them.")
    if not user.is_active or access.is_banned(user, room.pk):
        raise Problem("ROOM_ACCESS_DENIED", f"{user.username} is banned from this room, or the account is closed.")
    with transaction.atomic():
        _, is_new = members.add_member(room, user, role)
        if not is_new:
            raise Problem("PARAMETER_INVALID", f"{user.username} is a member already.")
        audit(actor, f"add {role}", room, user)


def withdraw_invite(actor: User, room: Room, invite_id: int) -> None:
    """Make a link void; see members.withdraw_invite."""
    with transaction.atomic():
        members.withdraw_invite(actor, room, invite_id)
        audit(actor, "withdraw invite", room)


def delete_text(actor: User, room: Room, eid: int, author: User | None) -> None:
    """Delete a message's text; see messages.delete_message. One's own too is audited when it is done in the admin."""
    with transaction.atomic():
        messages.delete_message(actor, room, eid)
        if author == actor:
            audit(actor, "delete message", room, author, f"message {eid}")


def add_account(actor: User, username: str, password: str | None, display_name: str = "") -> User:
    """Make an account for somebody; without a password it signs in by token only."""
    access.check_operator(actor, "chat.add_user")
    with transaction.atomic():
        user = people.sign_up(username, _checked(password) or secrets.token_urlsafe(32), display_name)
        if password is None:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        audit(actor, "add account", None, user)
    return user


def rename(actor: User, user: User, display_name: str) -> None:
    """Change the name that others see."""
    access.check_operator(actor, "chat.change_user", user)
    before = user.shown_name
    with transaction.atomic():
        people.change_name(user, display_name)
        audit(actor, "change name", None, user, f"{before} → {user.shown_name}")


def close(actor: User, user: User) -> None:
    """Close an account: sessions, tokens and streams end, nobody signs in with it any more."""
    access.check_operator(actor, "chat.change_user", user)
    _check_other(actor, user)
    with transaction.atomic():
        people.close_account(actor, user)
        user.sessions.all().delete()  # else they would be good again when the account is


def reopen(actor: User, user: User) -> None:
    """Let somebody sign in again; tokens stay withdrawn, sessions of before are no good, and bots are
    closed until each is reopened."""
    access.check_operator(actor, "chat.change_user", user)
    with transaction.atomic():
        if user.owner_id and User.objects.filter(pk=user.owner_id, is_active=False).exists():
            raise Problem("ROOM_ACCESS_DENIED", f"{user.username} is a bot, and the account of its owner is closed.")
        user.sessions.all().delete()  # who closed the account themselves left those of other browsers
        User.objects.filter(pk=user.pk).update(is_active=True)
        audit(actor, "reopen account", None, user)


def appoint(actor: User, user: User, is_staff: bool) -> None:
    """Make somebody staff, or take it away. Staff moderate every room they can read, so superusers decide."""
    _check_superuser(actor)
    _check_other(actor, user)
    if is_staff and user.is_guest:
        raise Problem("ROOM_ACCESS_DENIED", f"{user.shown_name} is a guest: only accounts can be staff.")
    if is_staff and user.is_bot:
        raise Problem("ROOM_ACCESS_DENIED", f"{user.shown_name} is a bot: only people can be staff.")
    people.set_staff(actor, user, is_staff)


def set_permissions(
    actor: User,
    user: User,
    *,
    is_superuser: bool,
    groups: Iterable[Group],
    permissions: Iterable[Permission],
) -> None:
    """Say what somebody of staff may do in the admin."""
    _check_superuser(actor)
    if is_superuser != user.is_superuser:
        _check_other(actor, user)
    if is_superuser and user.is_bot:
        raise Problem("ROOM_ACCESS_DENIED", f"{user.shown_name} is a bot: only people can be operators.")
    with transaction.atomic():
        if not is_superuser:
            _check_administrator_left(user)
        User.objects.filter(pk=user.pk).update(is_superuser=is_superuser)
        user.groups.set(groups)
        user.user_permissions.set(permissions)
        audit(actor, "change permissions", None, user, "superuser" if is_superuser else "")


def save_group(actor: User, group: Group, permissions: Iterable[Permission]) -> None:
    """Make or change a group, and say what its staff may do."""
    _check_superuser(actor)
    with transaction.atomic():
        group.save()
        group.permissions.set(permissions)
        audit(actor, "change group", None, detail=group.name)


def delete_group(actor: User, group: Group) -> None:
    """Delete a group: its staff lose what they might do by it."""
    _check_superuser(actor)
    with transaction.atomic():
        audit(actor, "delete group", None, detail=group.name)
        group.delete()


def set_password(actor: User, user: User, password: str | None) -> None:
    """Give an account a new password, or none. Its sessions end (Django ties them to the password) and its streams."""
    if actor.pk != user.pk:
        access.check_operator(actor, "chat.change_user", user)
    if password is not None and user.is_guest:
        raise Problem("ROOM_ACCESS_DENIED", f"{user.shown_name} is a guest: guests have no password.")
    if password is not None and user.is_bot:
        raise Problem("ROOM_ACCESS_DENIED", f"{user.shown_name} is a bot: bots sign in by tokens only.")
    user.set_password(_checked(password))
    with transaction.atomic():
        people.sign_out(user)
        user.save(update_fields=["password"])
        audit(actor, "change password", None, user)


def end_sessions(actor: User, user: User) -> None:
    """Sign somebody out everywhere. API tokens stay good. A guest can't come back: the session is all they have."""
    access.check_operator(actor, "chat.change_user", user)
    with transaction.atomic():
        people.sign_out(user)
        user.sessions.all().delete()
        end_guest(user)
        audit(actor, "end sessions", None, user)


def withdraw_tokens(actor: User | None, user: User, ids: Iterable[int] | None = None) -> int:
    """Withdraw API tokens of an account, all or those with these row ids; streams opened by them end. How many.

    Without an `actor` it is done on the server, by manage.py.
    """
    if actor is not None:
        access.check_operator(actor, "chat.delete_apitoken", user)
    with transaction.atomic():
        found = user.tokens.all() if ids is None else user.tokens.filter(pk__in=ids)
        count = tokens.drop_tokens(found.order_by("pk"))
        audit(actor, "withdraw tokens", None, user, str(count))
    return count


def remove(actor: User, user: User) -> None:
    """Delete an account, and what it had. What it wrote stays under its name, unverified from now on."""
    access.check_operator(actor, "chat.delete_user", user)
    _check_other(actor, user)
    with transaction.atomic():
        people.sign_out(user, *user.bots.order_by("pk"))  # a bot goes with its owner
        user.sessions.all().delete()
        members.hand_over(actor, user)
        _check_administrator_left(user)
        for account in (user, *user.bots.all()):
            give_up(account, with_username=True)
        audit(actor, "delete account", None, detail=user.username)
        User.objects.get(pk=user.pk).delete()


def _checked(password: str | None) -> str | None:
    if len(password or "") > PASSWORD_MAX:
        raise ValidationError(f"A password can have at most {PASSWORD_MAX} characters.")
    return password


def _check_superuser(actor: User) -> None:
    if not actor.is_superuser:
        raise Problem("ROOM_ACCESS_DENIED", "Only superusers say who is staff, and what staff may do.")


def _check_other(actor: User, user: User) -> None:
    """So that one operator is always left: without any, the link of the first administrator is good again."""
    if actor.pk == user.pk:
        raise Problem("ROOM_ACCESS_DENIED", "This can't be done to your own account: ask another operator.")


def _check_administrator_left(user: User) -> None:
    if people.is_last_administrator(user):
        raise Problem("ROOM_ACCESS_DENIED", "The only administrator can't go: make another one first.")
