"""Who may read, post and create: the only place that decides it.

One order of checks everywhere: signed in (USER_HAS_TO_LOGIN), room exists (ROOM_INVALID), allowed
(ROOM_ACCESS_DENIED). A private room that one may not know of answers exactly like a room that does not exist.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, Subquery
from django.http import HttpRequest
from django.utils import timezone

from chat.models import ClaimedEvent, Invite, Membership, Restriction, Room, RoomQuerySet, User, digest_of
from chat.names import HIDDEN_ROOM_PREFIX, ROOM_NAME_RULE, is_room_name, room_key
from chat.problems import Problem, room_invalid

Person = User | AnonymousUser


def find_rooms(person: Person, names: Iterable[str]) -> dict[str, Room | None]:
    """The rooms called `names` that `person` may read, by room key; None for one that does not exist yet.

    One query for any number of rooms. Raises Problem for the first name that is refused.
    """
    keys = list(dict.fromkeys(room_key(name) for name in names))
    for key in keys:
        if not is_room_name(key):
            raise Problem("ROOM_INVALID", f"There is no such room: a room's name has {ROOM_NAME_RULE}.")
    rooms = {room.name_key: room for room in Room.objects.standing(person.pk, keys)}
    found: dict[str, Room | None] = {}
    for key in keys:
        room = rooms.get(key)
        if (room is None and key.startswith(HIDDEN_ROOM_PREFIX)) or (room and room.deleted_at):
            raise room_invalid()
        if room is not None:
            _check_visible(person, room.visibility, room.role)
            if room.banned:
                raise _banned_problem()
        found[key] = room
    return found


def find_room(person: Person, name: str) -> Room | None:
    """The one room called `name`, as find_rooms."""
    return find_rooms(person, [name])[room_key(name)]


def known_room(person: Person, name: str) -> Room:
    """As find_room, for what needs a room that is there. Raises Problem."""
    room = find_room(person, name)
    if room is None:
        raise room_invalid()
    return room


def known_rooms(person: Person) -> RoomQuerySet:
    """The rooms that `person` may know of and read, each with `role`, by name. One query."""
    rooms = Room.objects.live().order_by("name_key")
    if not isinstance(person, User):
        return rooms.filter(visibility=Room.Visibility.OPEN)
    mine = Membership.objects.filter(room=OuterRef("pk"), user=person)
    bans = Restriction.objects.filter(room=OuterRef("pk"), user=person, kind=Restriction.Kind.BAN)
    bans = bans.filter(Q(until=None) | Q(until__gt=timezone.now()))
    visible = Q(visibility=Room.Visibility.OPEN) | Q(visibility=Room.Visibility.PRIVATE, role__isnull=False)
    if person.is_staff:
        visible |= Q(visibility=Room.Visibility.STAFF)
    role = {"role": Subquery(mine.values("role")[:1])}  # as a mapping: mypy knows the attribute already
    return rooms.annotate(**role).filter(visible, ~Exists(bans))


def check_post(person: Person, claim: ClaimedEvent) -> None:
    """Raise Problem when `person` may not post into the claimed room."""
    _check_visible(person, claim.visibility, claim.role)
    if claim.restriction == Restriction.Kind.BAN:
        raise _banned_problem()
    if claim.restriction == Restriction.Kind.MUTE:
        raise Problem("ROOM_ACCESS_DENIED", "You can't post in this room for now: a moderator muted you.")
    if claim.archived:
        raise Problem("ROOM_ACCESS_DENIED", "This room is archived: it can be read, but nobody posts in it.")


def check_create_room(person: Person, name: str) -> None:
    """Raise Problem when `person` may not make a room called `name`, by ROOM_CREATION."""
    who = settings.ROOM_CREATION
    if who != "anyone" and not person.is_authenticated:
        raise Problem("USER_HAS_TO_LOGIN", "Sign in to make a room.")
    if not is_room_name(name) or name.lower().startswith(HIDDEN_ROOM_PREFIX):
        raise room_invalid()
    if who == "staff" and not person.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "Only staff make rooms here.")


def can_own(person: Person, role: str | None) -> bool:
    """Whether `person`, with `role` in a room, may change the room itself and who belongs to it."""
    return role == Membership.Role.OWNER or person.is_staff


def can_moderate(person: Person, role: str | None) -> bool:
    """Whether `person`, with `role` in a room, may delete, mute and ban there."""
    return role == Membership.Role.MODERATOR or can_own(person, role)


def check_own(person: Person, room: Room) -> None:
    """Raise Problem when `person` may not change the room. `room` is of find_room, which knows the role."""
    if not can_own(person, room.role):
        raise Problem("ROOM_ACCESS_DENIED", "Only the owner of the room may do this.")


def check_moderate(person: Person, room: Room) -> None:
    """Raise Problem when `person` may not moderate the room. `room` is of find_room."""
    if not can_moderate(person, room.role):
        raise Problem("ROOM_ACCESS_DENIED", "Only moderators of the room may do this.")


def check_signed_in(person: Person) -> User:
    """`person` as a user. Raises Problem USER_HAS_TO_LOGIN."""
    if not isinstance(person, User):
        raise Problem("USER_HAS_TO_LOGIN", "Sign in first.")
    return person


def role_of(person: Person, room_id: int) -> str | None:
    """What `person` is in a room, None for nothing. One query."""
    if not isinstance(person, User):
        return None
    return Membership.objects.filter(room=room_id, user=person).values_list("role", flat=True).first()


def is_banned(person: Person, room_id: int) -> bool:
    """Whether `person` is banned from a room. One query."""
    if not isinstance(person, User):
        return False
    bans = Restriction.objects.filter(room=room_id, user=person, kind=Restriction.Kind.BAN)
    return bans.filter(Q(until=None) | Q(until__gt=timezone.now())).exists()


def find_invite(person: Person, secret: str) -> Invite:
    """The invite whose link has `secret`. One that is over, withdrawn, or to a room that bans `person` answers like
    one that never was. Raises Problem INVITE_INVALID."""
    found = Invite.objects.select_related("room").filter(digest=digest_of(secret), withdrawn_at=None)
    invite = found.filter(expires__gt=timezone.now(), room__deleted_at=None, room__archived_at=None).first()
    if invite is None or is_banned(person, invite.room_id):
        raise Problem("INVITE_INVALID", "This invitation is not good any more: ask for another one.")
    return invite


def address_of(request: HttpRequest) -> str:
    """Where the request comes from: Pushpin writes the header anew, so its last part is not the client's to choose.

    Past the proxy it is the peer's own address.
    """
    if request.grip.signed:  # type: ignore[attr-defined]
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()[:45]
    return str(request.META.get("REMOTE_ADDR", ""))


def person_of(request: HttpRequest) -> Person:
    """Who makes this request that changes something.

    With `Authorization: Bearer` the token says it. A session counts only when the browser says that the request
    comes from a page of ours (Origin or Sec-Fetch-Site); from a page of another site on the list it is ignored, from
    any other refused even without a cookie; with neither header (curl) the session is ignored. Raises Problem.
    """
    check_origin(request)
    if (bearer := _bearer(request)) is not None:
        return bearer
    return _session(request) if _is_from_own_page(request) else AnonymousUser()


def reader_of(request: HttpRequest) -> Person:
    """Who makes this request that only reads: by token, or by the session. Raises Problem for a bad token."""
    if (bearer := _bearer(request)) is not None:
        return bearer
    return AnonymousUser() if _is_foreign(request) else _session(request)


def check_origin(request: HttpRequest) -> None:
    """Raise Problem ORIGIN_DENIED for a page of another site that is not on the list CORS_ORIGINS."""
    if _is_foreign(request) and request.headers.get("Origin") not in settings.CORS_ALLOWED_ORIGINS:
        raise Problem("ORIGIN_DENIED", "Requests from pages of other sites are not accepted.")


def _is_foreign(request: HttpRequest) -> bool:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    return (origin is not None and not _is_own_origin(request, origin)) or site in ("cross-site", "same-site")


def _is_from_own_page(request: HttpRequest) -> bool:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    return not _is_foreign(request) and (origin is not None or site is not None)


def _session(request: HttpRequest) -> Person:
    return request.user if isinstance(request.user, User) else AnonymousUser()


def _bearer(request: HttpRequest) -> User | None:
    """The person of `Authorization: Bearer <token>`; None without that header. Raises Problem for a bad token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    if not hasattr(request, "bearer"):  # asked once a request, however many commands it carries
        found = User.objects.filter(tokens__digest=digest_of(token.strip()), is_active=True)
        request.bearer = found.first()  # type: ignore[attr-defined]
    user: User | None = request.bearer  # type: ignore[attr-defined]
    if user is None:
        raise Problem("USER_HAS_TO_LOGIN", "This token is not good: it was withdrawn, or it is not complete.")
    return user


def _is_own_origin(request: HttpRequest, origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    own = {request.get_host(), urlsplit(settings.PUBLIC_URL).netloc} - {""}
    return parts.scheme in ("http", "https") and parts.netloc in own


def _check_visible(person: Person, visibility: str, role: str | None) -> None:
    if visibility == Room.Visibility.STAFF:
        if not person.is_authenticated:
            raise Problem("USER_HAS_TO_LOGIN", "Sign in to enter this room.")
        if not person.is_staff:
            raise Problem("ROOM_ACCESS_DENIED", "This room is for staff.")
    elif visibility == Room.Visibility.PRIVATE and role is None:
        raise room_invalid()


def _banned_problem() -> Problem:
    return Problem("ROOM_ACCESS_DENIED", "A moderator removed you from this room.")
