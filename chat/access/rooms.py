"""Which rooms one may know of, read, post into and make: by name, by a list, by an invite."""

from collections.abc import Collection, Iterable

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from chat.access.accounts import check_signed_in
from chat.models import ClaimedEvent, Invite, Membership, Restriction, Room, RoomQuerySet, User, digest_of
from chat.names import HIDDEN_ROOM_PREFIX, ROOM_NAME_RULE, is_room_name, room_key
from chat.problems import Problem, partner_missing, room_invalid
from chat.requester import Person, check_unchanged, reader_of


def find_rooms(person: Person, names: Iterable[str]) -> dict[str, Room | None]:
    """The rooms called `names` that `person` may read, by room key; None for one that does not exist yet.

    One query for any number of rooms. Raises Problem for the first name that is refused, with the `rooms` that are
    (their keys).
    """
    names = list(names)
    if not all(map(is_room_name, names)):  # not the keys: the Kelvin sign is no letter of a name, but its small one is
        raise Problem("ROOM_INVALID", f"There is no such room: a room's name has {ROOM_NAME_RULE}.")
    keys = list(dict.fromkeys(map(room_key, names)))
    rooms = {room.name_key: room for room in Room.objects.standing(person.pk, keys)}
    problems = {key: problem for key in keys if (problem := _refusal(person, key, rooms.get(key)))}
    if problems:
        for key, problem in problems.items():
            # Whatever there is under the name: what is said of it must be the same.
            problem.may_sign_in = key.startswith(HIDDEN_ROOM_PREFIX) and not person.is_authenticated
        first = next(iter(problems.values()))
        first.rooms = list(problems)
        raise first
    return {key: rooms.get(key) for key in keys}


def find_rooms_to_follow(request: HttpRequest, names: Iterable[str]) -> dict[str, Room | None]:
    """As find_rooms, for who makes the request and is going to be held. Two queries when a room is not open to all.

    A hold lasts, and it ends when the rights version that its rooms had when they were read is raised. So that version
    must not be newer than what was known of the person: had a right been taken between the two looks, by signing out
    or demoting, it would be the new one already, and nothing would end the hold.
    """
    person = reader_of(request)
    rooms = find_rooms(person, names)
    if any(room and room.visibility != Room.Visibility.OPEN for room in rooms.values()):
        check_unchanged(request, check_signed_in(person))
    return rooms


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
    """The rooms for lists that `person` reads: those of their own, and others that are listed; each with `role`, by
    name. One query.
    """
    if not isinstance(person, User):
        return other_rooms(person)
    mine = Membership.objects.filter(room=OuterRef("pk"), user=person)
    role = {"role": Subquery(mine.values("role")[:1])}  # as a mapping: mypy knows the attribute already
    visible = Q(visibility=Room.Visibility.OPEN) | Q(visibility=Room.Visibility.PRIVATE, role__isnull=False)
    if person.is_staff:
        visible |= Q(visibility=Room.Visibility.STAFF)
    return _not_banned(_rooms_for_lists().annotate(**role).filter(visible, Q(listed=True) | ~Q(role=None)), person)


def own_rooms(person: Person, roles: Collection[str] = tuple(Membership.Role)) -> RoomQuerySet:
    """The rooms that `person` belongs to and may read, rooms of two among them, each with `role`, by name. One query,
    which finds them whatever others have made."""
    if not isinstance(person, User):
        return Room.objects.none()
    rooms = _rooms_for_lists().filter(memberships__user=person, memberships__role__in=roles)
    role = {"role": F("memberships__role")}  # as a mapping: mypy knows the attribute already
    rooms = rooms.annotate(**role)
    if not person.is_staff:
        rooms = rooms.exclude(visibility=Room.Visibility.STAFF)
    return _not_banned(rooms, person)


def other_rooms(person: Person) -> RoomQuerySet:
    """The rest of known_rooms. One query."""
    visible = [Room.Visibility.OPEN, *([Room.Visibility.STAFF] if person.is_staff else [])]
    rooms = _rooms_for_lists().filter(visibility__in=visible, listed=True)
    if not isinstance(person, User):
        return rooms
    mine = Membership.objects.filter(room=OuterRef("pk"), user=person)
    return _not_banned(rooms.filter(~Exists(mine)), person)


def check_post(person: Person, claim: ClaimedEvent) -> None:
    """Raise Problem when `person` may not post into the claimed room."""
    if person.is_authenticated and not claim.is_open_account:
        raise Problem("USER_HAS_TO_LOGIN", "Your account was closed just now.")
    check_visible(person, claim.visibility, claim.role)
    if claim.kind == Room.Kind.STRANGERS and claim.alias is None:
        raise partner_missing()
    if claim.restriction == Restriction.Kind.BAN:
        raise _banned_problem()
    if claim.restriction == Restriction.Kind.MUTE:
        raise Problem("ROOM_ACCESS_DENIED", "You can't post in this room for now: a moderator muted you.")
    if claim.archived:
        raise Problem("ROOM_ACCESS_DENIED", "This room is archived: it can be read, but nobody posts in it.")


def check_create_room(person: Person, name: str) -> None:
    """Raise Problem when `person` may not make a room called `name`, by ROOM_CREATION.

    A name that no room can be given comes first: an unknown hidden name must answer like a private room.
    """
    who = settings.ROOM_CREATION
    if not is_open_name(name):
        raise room_invalid()
    if who != "anyone" and not person.is_authenticated:
        raise Problem("USER_HAS_TO_LOGIN", "Sign in to make a room.")
    if who == "accounts" and person.is_authenticated and person.is_guest:
        raise Problem("ROOM_ACCESS_DENIED", "Only people with an account make rooms here.")
    if who == "staff" and not person.is_staff:
        raise Problem("ROOM_ACCESS_DENIED", "Only staff make rooms here.")


def is_listing(person: Person) -> bool:
    """Whether a room is on lists once `person` posts in it or joins it: with an account. Others make a room by a
    typing error."""
    return isinstance(person, User) and not person.is_guest


def no_such_room(person: Person, name: str) -> Problem:
    """Why nothing can be posted in a room that is not there: to one of a pair whose room died, that nobody is left."""
    if isinstance(person, User):
        mine = Membership.objects.filter(user=person, room__name_key=room_key(name), room__kind=Room.Kind.STRANGERS)
        if mine.exists():
            return partner_missing()
    return room_invalid()


def check_named(room: Room) -> None:
    """Raise Problem for a room in which people are told nobody's name."""
    if room.kind == Room.Kind.STRANGERS:
        raise Problem("ROOM_ACCESS_DENIED", "Nobody is told who strangers are.")


def is_open_name(name: str) -> bool:
    """Whether somebody may choose `name` for a room: a room's name, and none that is kept for private rooms."""
    return is_room_name(name) and not room_key(name).startswith(HIDDEN_ROOM_PREFIX)


def can_read(person: Person, room: Room) -> bool:
    """Whether `person` may read `room`, which knows their role and whether they are banned."""
    return _refusal(person, room.name_key, room) is None


def is_banned(person: Person, room_id: int) -> bool:
    """Whether `person` is banned from a room. One query."""
    if not isinstance(person, User):
        return False
    return _bans_of(person).filter(room=room_id).exists()


def readers_among(room: Room, user_ids: Collection[int]) -> set[int]:
    """Those of `user_ids` who may read `room`, by the rules of find_rooms. One query."""
    if room.deleted_at:
        return set()
    bans = Restriction.objects.bans().filter(room=room).exclude(user=None)
    readers = User.objects.filter(pk__in=user_ids, is_active=True).exclude(pk__in=bans.values("user"))
    readers = readers.exclude(owner__in=bans.values("user"))
    if room.visibility == Room.Visibility.STAFF:
        readers = readers.filter(is_staff=True)
    elif room.visibility == Room.Visibility.PRIVATE:
        readers = readers.filter(memberships__room=room)
    return set(readers.values_list("pk", flat=True))


def find_invite(person: Person, secret: str) -> Invite:
    """The invite whose link has `secret`, with its room. Raises Problem INVITE_INVALID.

    One that is over, withdrawn, to a room that bans `person`, or to a room of staff for somebody else answers like one
    that never was.
    """
    found = Invite.objects.good().filter(room__deleted_at=None, room__archived_at=None, digest=digest_of(secret))
    invite = found.select_related("room", "created_by").first()
    refused = invite is not None and invite.room.visibility == Room.Visibility.STAFF and not person.is_staff
    if invite is None or refused or is_banned(person, invite.room_id):
        raise Problem("INVITE_INVALID", "This invitation is not good any more: ask for another one.")
    return invite


def _refusal(person: Person, key: str, room: Room | None) -> Problem | None:
    """Why `person` may not read the room with this key; None when they may, or when there is none yet."""
    if (room is None and key.startswith(HIDDEN_ROOM_PREFIX)) or (room and room.deleted_at):
        return room_invalid()
    if room is None:
        return None
    try:
        check_visible(person, room.visibility, room.role)
    except Problem as problem:
        return problem
    return _banned_problem() if room.banned else None


def check_visible(person: Person, visibility: str, role: str | None) -> None:
    """Raise Problem when `person`, who has this role in a room of this visibility, may not know of it or enter it."""
    if visibility == Room.Visibility.STAFF:
        if not person.is_authenticated:
            raise Problem("USER_HAS_TO_LOGIN", "Sign in to enter this room.")
        if not person.is_staff:
            raise Problem("ROOM_ACCESS_DENIED", "This room is for staff.")
    elif visibility == Room.Visibility.PRIVATE and role is None:
        raise room_invalid()


def _rooms_for_lists() -> RoomQuerySet:
    """Those of strangers are on no list: they last as long as a pair, and belong to the page of strangers."""
    return Room.objects.live().exclude(kind=Room.Kind.STRANGERS).order_by("name_key")


def _not_banned(rooms: RoomQuerySet, user: User) -> RoomQuerySet:
    return rooms.filter(~Exists(_bans_of(user).filter(room=OuterRef("pk"))))


def _bans_of(user: User) -> QuerySet[Restriction]:
    """The bans that hold for somebody: a bot's owner's, too."""
    return Restriction.objects.bans().filter(user__in=[pk for pk in (user.pk, user.owner_id) if pk])


def _banned_problem() -> Problem:
    return Problem("ROOM_ACCESS_DENIED", "A moderator removed you from this room.")
