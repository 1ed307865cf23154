"""Every write: one transaction with its event, published after the commit."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import access, eventlog, publish
from chat.access import Person
from chat.models import ApiToken, ClaimedEvent, Event, Message, Restore, Room, User
from chat.names import clean_person_name, has_control_characters, is_room_name, person_key, room_key
from chat.problems import Problem, room_invalid

IDEMPOTENCY_KEY_MAX = 128
DEFAULT_ROOM = "default"
_SETUP_SALT = "corkboard.setup"


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

    @property
    def poster(self) -> str:
        """Whose idempotency keys these are."""
        return f"u:{self.person.pk}" if self.person.is_authenticated else f"n:{person_key(self.name)}"


def post_message(person: Person, room_name: str, text: str, *, name: str = "", key: str = "") -> Posted:
    """Store a message and publish it. The first post of a room's name makes the room.

    `name` is the name to post under without an account; an account posts under its own. `key` is the client's
    idempotency key: the same post again answers the first message. Raises Problem.
    """
    draft = _Draft(person, _check_name(person, name), check_text(text), Message.Type.MESSAGE, _check_key(key))
    try:
        with transaction.atomic():
            return _store_message(draft, room_name)
    except IntegrityError:
        # The unique constraint found the key: the cheap way to look, since a repeat is rare.
        if (posted := _repeated(draft, room_name)) is None:
            raise
        return posted


def message_data(room_name: str, message: Message) -> dict[str, Any]:
    """A message as it is on the wire, in history and in events."""
    return {
        "id": message.eid,
        "room": room_name,
        "from": message.name,
        "date": iso(message.created),
        "text": message.text,
        "type": message.type,
        "verified": message.author_id is not None,
    }


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as all dates on the wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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


def make_room(name: str, *, title: str = "", created_by: Person | None = None) -> None:
    """Make a room unless one of this name exists, deleted ones included; two at once are no problem."""
    owner = created_by if created_by is not None and created_by.is_authenticated else None
    room = Room(name=name, name_key=room_key(name), title=title or name, created_by=owner)
    room.counter = room.pruned_through = Restore.newest_base()
    Room.objects.bulk_create([room], ignore_conflicts=True)


def restored() -> tuple[int, int]:
    """After a restore of an older backup: make every reader start anew. The number of rooms, and of proxies told.

    What readers hold belongs to a time that is lost: their positions and channels no longer match anything, and their
    streams are closed. A proxy that was not told ends each stream when it follows its link, within seven minutes.
    """
    rooms = eventlog.jump()
    told = [proxy.deliver(publish.close_all_items()) for proxy in publish.proxies()]
    return rooms, sum(told)


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
    ApiToken.objects.create(user=user, digest=ApiToken.digest_of(token))
    return token


def _has_administrator() -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exists()


def _check_name(person: Person, name: str) -> str:
    if person.is_authenticated:
        return person.shown_name
    try:
        return clean_person_name(name)
    except ValueError as error:
        raise Problem("NAME_INVALID", str(error)) from None


def _check_key(key: str) -> str | None:
    if len(key) > IDEMPOTENCY_KEY_MAX or not (key.isascii() and (key == "" or key.isprintable())):
        raise Problem(
            "IDEMPOTENCY_KEY_INVALID", f"An idempotency key has at most {IDEMPOTENCY_KEY_MAX} printable characters."
        )
    return key or None


def _store_message(draft: _Draft, room_name: str) -> Posted:
    now = timezone.now()
    claim = _claim(draft, room_name, now)
    access.check_post(draft.person, claim)
    if claim.name_taken and not draft.person.is_authenticated:
        raise Problem("NAME_TAKEN", "This name belongs to somebody who has an account here.")
    message = Message.objects.create(
        room_id=claim.room_id,
        eid=claim.eid,
        author_id=draft.person.pk,
        name=draft.name,
        type=draft.type,
        text=draft.text,
        poster=draft.poster,
        idempotency_key=draft.key,
        created=now,
    )
    data = message_data(claim.name, message)
    _log(claim, "message", data, now)
    return Posted(data, created=True)


def _claim(draft: _Draft, room_name: str, now: datetime) -> ClaimedEvent:
    if not is_room_name(room_name):  # before the database sees it: PostgreSQL takes no NUL
        raise room_invalid()
    person = draft.person
    claim = Room.objects.claim_or_make(room_name, now, user_id=person.pk, name_key=person_key(draft.name))
    if claim is None:  # a deleted room
        raise room_invalid()
    if claim.is_new_room:  # refused, it is rolled back with the rest
        access.check_create_room(person, room_name)
    return claim


def _log(claim: ClaimedEvent, event_type: str, data: dict[str, Any], now: datetime) -> Event:
    """Append the event to the log and publish it once the transaction has committed, never before.

    Robust: what is stored is answered as stored, whatever happens to the publish; the relay repeats it.
    """
    event = eventlog.append(claim, event_type, data, now)
    key = room_key(claim.name)
    transaction.on_commit(
        lambda: publish.event(event, claim.name, claim.rights, key, is_first=claim.is_first), robust=True
    )
    return event


def _repeated(draft: _Draft, room_name: str) -> Posted | None:
    """The answer to a repeated post; None when the key was not used before."""
    if draft.key is None:
        return None
    message = (
        Message.objects.select_related("room")
        .filter(room__name_key=room_key(room_name), poster=draft.poster, idempotency_key=draft.key)
        .first()
    )
    if message is None:
        return None
    if (message.text, message.name) != (draft.text, draft.name):
        raise Problem("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used for another message.")
    return Posted(message_data(message.room.name, message), created=False)
