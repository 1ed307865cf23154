"""Lists of rooms: one's own first, so that what others make hides nobody's."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from django.db.models import Count

from chat import access
from chat.models import Membership, Room, RoomQuerySet, User
from chat.names import room_key
from chat.requester import Person

ROOMS_MAX = 200  # of a page


class Own(StrEnum):
    """What of one's own rooms a list has."""

    FIRST = "first"
    ONLY = "only"
    NONE = "none"


def page(person: Person, after: str, limit: int, own: Own | None = None) -> tuple[list[Room], dict[str, str]]:
    """At most `limit` rooms for a list, and the query of the next page, empty when there is none.

    One's own come first and then the others, each by name: what others make pushes nobody's own rooms off a page.
    Behind a name come all rooms that are behind it by name, for clients that make the address of the next page by
    themselves; that of the query says in which of the two groups it goes on. At most two queries.
    """
    key, mine, others = room_key(after), access.own_rooms(person), access.other_rooms(person)
    if own is None and key:
        return _slice(access.known_rooms(person), key, limit)
    if own == Own.NONE:
        return _slice(others, key, limit, mine=own)
    own = own or Own.FIRST
    found, following = _slice(mine, key, limit, mine=own)
    if following or own == Own.ONLY:
        return found, following
    rest, following = _slice(others, "", limit - len(found), mine=Own.NONE)
    if following and not rest:  # the page is full of one's own
        following = {"after": found[-1].name, "mine": own}
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
