"""Webhooks: made, withdrawn, tested, switched on and off by owners of the room."""

import base64
import secrets

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import access, outbound
from chat.actions.held_names import take_back
from chat.actions.log import audit, lock
from chat.actions.members import add_member, end_membership
from chat.actions.people import NAME_TAKEN, READS_IN_TWO_WAYS
from chat.models import IncomingHook, OutgoingHook, Room, User, digest_of
from chat.names import clean_person_name, reads_in_two_ways
from chat.problems import Problem
from chat.requester import Person

HOOKS_MAX = 20  # of each kind in a room
SECRET_PREFIX = "whsec_"  # noqa: S105 - how the Standard Webhooks specification marks a secret


def make_incoming_hook(person: Person, room: Room, name: str) -> tuple[IncomingHook, str]:
    """A webhook by which a program posts as `name`, and its secret, which is shown once. Raises Problem.

    It gets a user of its own, a bot and member of the room: so its name is nobody else's, people see that it is there,
    and it can be muted, banned and removed like a person.
    """
    maker = access.check_hooks(person, room)
    try:
        shown = clean_person_name(name)
    except ValueError as error:
        raise Problem("NAME_INVALID", str(error)) from None
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        room = lock(room)
        _check_number(room.incoming_hooks.count())
        bot = _make_bot(shown, maker)
        add_member(room, bot)
        hook = IncomingHook.objects.create(room=room, user=bot, digest=digest_of(secret), created_by=maker)
        audit(maker, "make incoming webhook", room, bot, shown)
    return hook, secret


def make_outgoing_hook(person: Person, room: Room, url: str) -> OutgoingHook:
    """A webhook that tells `url` what is said in the room from now on, with a secret that signs it. Raises Problem."""
    maker = access.check_hooks(person, room)
    try:
        outbound.check_url(url)
    except ValueError as error:
        raise Problem("URL_INVALID", str(error)) from None
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    with transaction.atomic():
        room = lock(room)  # so that the counter is the newest event's id
        _check_number(room.outgoing_hooks.count())
        fields = {"url": url, "secret": secret, "position": room.counter, "created_by": maker}
        hook = OutgoingHook.objects.create(room=room, **fields)
        audit(maker, "make outgoing webhook", room, detail=outbound.parse_url(url).host)
    return hook


def withdraw_hook(person: Person, room: Room, hook: IncomingHook | OutgoingHook) -> None:
    """End a webhook of the room for good. What it posted stays, under its name. Raises Problem."""
    actor = access.check_hooks(person, room)
    with transaction.atomic():
        if isinstance(hook, IncomingHook):
            room = lock(room, takes=True)
            audit(actor, "withdraw incoming webhook", room, hook.user, hook.user.shown_name)
            end_membership(room, hook.user)  # and with it the hook
        else:
            audit(actor, "withdraw outgoing webhook", room, detail=outbound.parse_url(hook.url).host)
            mine = OutgoingHook.objects.filter(pk=hook.pk)
            mine.select_for_update().first()  # an attempt is not written down while its webhook goes
            mine.delete()


def test_hook(person: Person, room: Room, hook: OutgoingHook) -> None:
    """Let the companion deliver a test, now. Raises Problem."""
    access.check_hooks(person, room)
    if hook.disabled_at:
        raise Problem("ROOM_ACCESS_DENIED", "This webhook is switched off: switch it on first.")
    OutgoingHook.objects.filter(pk=hook.pk).update(test_asked_at=timezone.now())


def enable_hook(person: Person, room: Room, hook: OutgoingHook, is_on: bool) -> None:
    """Switch an outgoing webhook on or off. It goes on where it was. Who switches it on answers for it from then on.
    Raises Problem."""
    actor = access.check_hooks(person, room)
    on = {"disabled_at": None, "disabled_why": "", "failures": 0, "failing_since": None, "retry_at": None}
    with transaction.atomic():
        if is_on:
            OutgoingHook.objects.filter(pk=hook.pk).update(created_by=actor, **on)
        else:
            why = f"{actor.shown_name} switched it off."
            OutgoingHook.objects.filter(pk=hook.pk).update(disabled_at=timezone.now(), disabled_why=why)
        audit(actor, f"switch {'on' if is_on else 'off'} webhook", room, detail=outbound.parse_url(hook.url).host)


def _check_number(count: int) -> None:
    if count >= HOOKS_MAX:
        raise Problem("ROOM_ACCESS_DENIED", f"A room has at most {HOOKS_MAX} webhooks of a kind: withdraw some.")


def _make_bot(name: str, maker: User) -> User:
    """The user of an incoming webhook: nobody signs in as it. Raises Problem when the name reads like another's."""
    if access.is_name_taken(name, holder=maker):
        raise Problem("NAME_TAKEN", NAME_TAKEN)
    if reads_in_two_ways(name):
        raise Problem("NAME_INVALID", READS_IN_TWO_WAYS)
    bot = User(username=f"hook-{secrets.token_hex(8)}", display_name=name, is_bot=True)
    bot.set_unusable_password()
    try:
        bot.full_clean(exclude=["password"])
        with transaction.atomic():
            bot.save()
            take_back(bot)
    except (ValidationError, IntegrityError):  # somebody was faster
        raise Problem("NAME_TAKEN", NAME_TAKEN) from None
    return bot
