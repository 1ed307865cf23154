"""Lists of rooms: one's own first, so that what others make hides nobody's."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count

from chat import access
from chat.models import Membership, Room, RoomQuerySet, User
from chat.names import has_control_characters, room_key
from chat.problems import Problem
from chat.requester import Person

ROOMS_MAX = 200  # of a page


def page(person: Person, after: str, limit: int, mine: bool | None = None) -> tuple[list[Room], dict[str, str]]:
    """At most `limit` rooms for a list, and the query of the next page, empty when there is none. Raises Problem.

    One's own come first and then the others, each by name: what others make pushes nobody's own rooms off a page.
    `mine` asks for one of the two only. Behind a room that is not one's own come all that are behind it by name, as
    clients expect that know of no order but that. At most three queries.
    """
    if has_control_characters(after):  # PostgreSQL takes no NUL
        raise Problem("PARAMETER_INVALID", "after is a room's name.")
    key, own, others = room_key(after), access.own_rooms(person), access.other_rooms(person)
    if mine is not None:
        return _slice(own if mine else others, key, limit, mine="true" if mine else "false")
    if key and not own.filter(name_key=key).exists():
        return _slice(access.known_rooms(person), key, limit)
    found, following = _slice(own, key, limit)
    if following:
        return found, following
    rest, following = _slice(others, "", limit - len(found), mine="false")
    if following and not rest:  # the page is full of one's own
        following = {"after": found[-1].name}
    return found + rest, following


def sizes(rooms: Sequence[Room]) -> dict[int, int]:
    """How many members each of these rooms has, by row id; none is left out. One query, none for no rooms."""
    if not rooms:
        return {}
    members = Membership.objects.filter(room__in=[room.pk for room in rooms]).order_by()
    return dict(members.values_list("room").annotate(Count("pk")))


def offered(person: Person, most: int, **which: Any) -> list[Room]:
    """At most `most` rooms to choose from, one's own first: rooms of two, which others make too, behind the rest. Two
    queries."""
    own = list(access.own_rooms(person).filter(**which).order_by("-kind", "name_key")[:most])
    return own + list(access.other_rooms(person).filter(**which)[: most - len(own)])


def to_invite_into(person: User, most: int) -> list[Room]:
    """At most `most` rooms into which `person` may invite, one's own first. At most two queries."""
    if person.is_staff:
        found = offered(person, most, kind=Room.Kind.ROOM)
    else:
        powers = (Membership.Role.OWNER, Membership.Role.MODERATOR)
        found = list(access.own_rooms(person, powers).filter(kind=Room.Kind.ROOM)[:most])
    return [room for room in found if access.can_invite(person, room)]


def _slice(rooms: RoomQuerySet, after: str, limit: int, **query: str) -> tuple[list[Room], dict[str, str]]:
    """The rooms behind a name, and the query of the page behind them."""
    found = list(rooms.filter(name_key__gt=after)[: limit + 1])
    if len(found) <= limit:
        return found, {}
    return found[:limit], {"after": found[limit - 1].name if limit else "", **query}
