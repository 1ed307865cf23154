"""Messages: post, edit, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from chat import access, eventlog
from chat.actions.limits import TOO_MANY_ROOMS, Limit, take
from chat.actions.log import audit, claim, iso, log
from chat.actions.rooms import DEFAULT_ROOM
from chat.aliases import id_in_pair
from chat.models import ClaimedEvent, Event, Message, Room, User
from chat.names import clean_person_name, has_control_characters, is_room_name, person_key, person_keys, room_key
from chat.problems import Problem, room_invalid
from chat.requester import Person

IDEMPOTENCY_KEY_MAX = 128


@dataclass(frozen=True)
class Posted:
    """The answer to a post: the message as it is on the wire, and whether it is new."""

    message: dict[str, Any]
    created: bool


@dataclass(frozen=True)
class _Draft:
    """A post whose fields were checked."""

    person: Person
    name: str
    text: str
    type: int
    key: str | None
    address: str = ""
    limits: Sequence[Limit] = ()
    room_limits: Sequence[Limit] = ()

    @property
    def poster(self) -> str:
        """Whose idempotency keys these are."""
        return f"u:{self.person.pk}" if self.person.is_authenticated else f"n:{person_key(self.name)}"


def post_message(  # noqa: PLR0913 - all that a post can have
    person: Person,
    room_name: str,
    text: str,
    *,
    name: str = "",
    key: str = "",
    kind: int = Message.Type.MESSAGE,
    address: str = "",
    limits: Sequence[Limit] = (),
    room_limits: Sequence[Limit] = (),
) -> Posted:
    """Store a message and publish it. The first post of a room's name makes the room.

    `name` is the name to post under without an account; an account posts under its own. `key` is the client's
    idempotency key: the same post again answers the first message. `kind` is the message's type, 1 to 3 for
    moderators only. `address` is the network of who has no account. `limits` are what the post counts under, see
    chat.limits; what was posted before under the same key is answered in spite of them. `room_limits` are what the room
    counts under when the post makes it. Raises Problem.
    """
    check_type(kind)
    known = "" if person.is_authenticated and not person.is_guest else address
    checked = (_check_name(person, name), check_text(text), kind, check_key(key))
    draft = _Draft(person, *checked, known, limits, room_limits)
    try:
        with transaction.atomic():
            return _store_message(draft, room_name)
    except IntegrityError:
        # The unique constraint found the key: the cheap way to look, since a repeat is rare.
        if (posted := _repeated(draft, room_name)) is None:
            raise
        return posted
    except Problem as problem:
        if problem.code != "RATE_LIMITED" or (posted := _repeated(draft, room_name)) is None:
            raise
        access.find_room(person, room_name)  # this was not looked at yet
        return posted


def message_data(room: Room | ClaimedEvent, message: Message) -> dict[str, Any]:
    """A message of `room` as it is on the wire, in history and in events. Of a deleted one only the frame is left.

    The message knows its author, if it has one: else that is one more query.
    """
    data = {
        "id": message.eid,
        "room": room.name,
        "from": message.name,
        "author": author_id(room, message.author) if message.author else None,
        "date": iso(message.created),
        "text": message.text,
        "type": message.type,
        "verified": message.author_id is not None,
    }
    if message.is_bot:
        data["bot"] = True
    if message.edited_at:
        data["edited"] = iso(message.edited_at)
    if message.deleted_at:
        data["deleted"] = True
    return data


def author_id(room: Room | ClaimedEvent, user: User) -> str:
    """The id under which what `user` says in `room` is known. Among strangers nothing tells who somebody is."""
    return id_in_pair(room.name, user.public_id) if room.kind == Room.Kind.STRANGERS else user.public_id


def edit_message(person: Person, room: Room, eid: int, text: str) -> dict[str, Any]:
    """Change the text of a message of one's own, for as long as EDIT_MINUTES says. Raises Problem.

    The text that it has already makes no event.
    """
    text = check_text(text)
    now = timezone.now()
    with transaction.atomic():
        claimed = claim(person, room, now)
        access.check_post(person, claimed)
        message = _own_message(person, claimed, eid)
        _check_time(message, now)
        if message.text == text:
            transaction.set_rollback(True)  # gives the event's id back
            return message_data(claimed, message)
        message.text, message.edited_at = text, now
        message.save(update_fields=["text", "edited_at"])
        data = message_data(claimed, message)
        _rewrite(message, data)
        log(claimed, "message-edited", data, now)
    return data


def delete_message(person: Person, room: Room, eid: int) -> None:
    """Delete a message: its author for as long as EDIT_MINUTES says, moderators always. Raises Problem.

    The text goes from the history and from every event that carried it, so that no replay shows it again; where it was
    posted from goes, too. What was deleted before is not there any more: MESSAGE_INVALID.
    """
    actor = access.check_signed_in(person)
    now = timezone.now()
    with transaction.atomic():
        claimed = claim(person, room, now)
        if room.is_operated or access.can_moderate(person, claimed):
            message = _message(claimed, eid)
        else:
            message = _own_message(person, claimed, eid)
            _check_time(message, now)
        message.text, message.address, message.deleted_at = "", "", now
        message.save(update_fields=["text", "address", "deleted_at"])
        _rewrite(message, message_data(claimed, message))
        log(claimed, "message-deleted", {"id": eid, "room": claimed.name}, now)
        if message.author_id != actor.pk:
            audit(actor, "delete message", room, message.author, f"message {eid}")


def _message(claimed: ClaimedEvent, eid: int) -> Message:
    messages = Message.objects.filter(room_id=claimed.room_id, eid=eid, deleted_at=None)
    message = messages.select_related("author").first() if eid <= eventlog.MAX_ID else None
    if message is None:
        raise Problem("MESSAGE_INVALID", "There is no such message.")
    return message


def _own_message(person: Person, claimed: ClaimedEvent, eid: int) -> Message:
    actor = access.check_signed_in(person)
    message = _message(claimed, eid)
    if message.author_id != actor.pk:
        raise Problem("ROOM_ACCESS_DENIED", "This message is somebody else's.")
    return message


def _check_time(message: Message, now: datetime) -> None:
    # Also a message of the future, by a clock that was set back, can't be changed without end.
    if abs(now - message.created) > timedelta(minutes=settings.EDIT_MINUTES):
        raise Problem("TOO_LATE", f"A message can be changed and deleted for {settings.EDIT_MINUTES} minutes.")


def _rewrite(message: Message, data: dict[str, Any]) -> None:
    """Give the events that carried the message its text of now: what a replay shows is what the history shows."""
    edits = Q(type="message-edited", eid__gt=message.eid, data__startswith=f'{{"id":{message.eid},')
    events = Event.objects.filter(Q(eid=message.eid, type="message") | edits, room_id=message.room_id)
    events.update(data=eventlog.encode(data))


def check_text(text: str) -> str:
    """The text as it is stored: line ends as \\n. Raises Problem TEXT_INVALID."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Problem("TEXT_INVALID", "A message needs some text.")
    if len(text) > settings.MESSAGE_MAX_CHARS:
        raise Problem("TEXT_INVALID", f"A message can have at most {settings.MESSAGE_MAX_CHARS} characters.")
    if has_control_characters(text, allow="\n\t"):
        raise Problem("TEXT_INVALID", "A message can't hold control characters.")
    return text


def _check_name(person: Person, name: str) -> str:
    if person.is_authenticated:
        return person.shown_name
    try:
        return clean_person_name(name)
    except ValueError as error:
        raise Problem("NAME_INVALID", str(error)) from None


def check_type(kind: int) -> None:
    """Raise Problem for a type that nobody posts."""
    if kind not in (Message.Type.MESSAGE, Message.Type.WARNING, Message.Type.ALERT, Message.Type.MUTED):
        raise Problem("PARAMETER_INVALID", "The type is 0, 1, 2 or 3: other messages come from the service.")


def check_key(key: str) -> str | None:
    """The idempotency key as it is stored, None for none. Raises Problem."""
    if len(key) > IDEMPOTENCY_KEY_MAX or not (key.isascii() and (key == "" or key.isprintable())):
        raise Problem(
            "IDEMPOTENCY_KEY_INVALID", f"An idempotency key has at most {IDEMPOTENCY_KEY_MAX} printable characters."
        )
    return key or None


def _store_message(draft: _Draft, room_name: str) -> Posted:
    take(draft.limits)
    now = timezone.now()
    claim = _claim(draft, room_name, now)
    access.check_post(draft.person, claim)
    access.check_type(draft.person, claim, draft.type)
    if claim.name_taken and not draft.person.is_authenticated:
        raise Problem(
            "NAME_TAKEN", "This name is, or was not long ago, somebody's here, or looks like it: choose another one."
        )
    if claim.is_new_room:
        take(draft.room_limits, words=TOO_MANY_ROOMS)  # the last row to lock: no two posts wait for each other
    message = Message.objects.create(
        room_id=claim.room_id,
        eid=claim.eid,
        author=draft.person if isinstance(draft.person, User) else None,
        name=claim.alias or draft.name,
        is_bot=isinstance(draft.person, User) and draft.person.is_bot,
        type=draft.type,
        text=draft.text,
        poster=draft.poster,
        address=draft.address,
        idempotency_key=draft.key,
        created=now,
    )
    data = message_data(claim, message)
    log(claim, "message", data, now)
    return Posted(data, created=True)


def _claim(draft: _Draft, room_name: str, now: datetime) -> ClaimedEvent:
    if not is_room_name(room_name):
        raise room_invalid()
    person = draft.person
    claim = Room.objects.claim_or_make(
        room_name,
        now,
        user_id=person.pk,
        name_keys=person_keys(draft.name),
        address=draft.address,
        is_listed=access.is_listing(person) or room_key(room_name) == DEFAULT_ROOM,
    )
    if claim is None:  # a deleted room
        raise access.no_such_room(person, room_name)
    if claim.is_new_room:  # refused, it is rolled back with the rest
        access.check_create_room(person, room_name)
    return claim


def _repeated(draft: _Draft, room_name: str) -> Posted | None:
    """The answer to a repeated post; None when the key was not used before."""
    if draft.key is None:
        return None
    message = (
        Message.objects.select_related("room", "author")
        .filter(room__name_key=room_key(room_name), poster=draft.poster, idempotency_key=draft.key)
        .first()
    )
    if message is None:
        return None
    # One that was changed since can't be compared any more; the key was used, and this is the message.
    was_changed = message.edited_at or message.deleted_at
    # Whoever is signed in posts under a name that is not theirs to send.
    name = message.name if draft.person.is_authenticated else draft.name
    if not was_changed and (message.text, message.name, message.type) != (draft.text, name, draft.type):
        raise Problem("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used for another message.")
    return Posted(message_data(message.room, message), created=False)
