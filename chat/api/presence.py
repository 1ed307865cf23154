"""/rooms/<room>/people/: who is in a room right now."""

from typing import Any

from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, Router, Schema

from chat import access, requester
from chat.actions import iso
from chat.api.answers import READ_REFUSALS, answer
from chat.api.schemas import ProblemOut
from chat.models import Presence

router = Router(tags=["presence"])
LISTED_MAX = 200


class PresentOut(Schema):
    """Somebody who is present."""

    id: str = Field(..., description="The `author` of their messages.")
    username: str
    name: str
    guest: bool
    since: str


class PeopleOut(Schema):
    """Who is present: `count` counts those beyond the limit too."""

    count: int
    people: list[PresentOut]


@router.get(
    "/{name}/people/",
    response={200: PeopleOut, READ_REFUSALS: ProblemOut},
    summary="See who is present",
)
def people(request: HttpRequest, name: str) -> HttpResponse:
    """The people in the room, at most 200 of them: you, then people with an account, then guests, each who came first
    at first. Visitors without an account count for nobody, and a program is present only while it holds
    `/rooms/<room>/presence/`."""
    person = requester.reader_of(request)
    room = access.known_room(person, name)
    access.check_named(room)
    present = Presence.objects.filter(room=room, until__gt=timezone.now(), user__is_active=True)
    # One person can send a crowd of guests: it pushes nobody off the list.
    order = (Case(When(user=person.pk, then=0), default=1), "user__is_guest", "since", "pk")
    found = list(present.select_related("user").order_by(*order)[: LISTED_MAX + 1])
    count = present.count() if len(found) > LISTED_MAX else len(found)
    listed = [_person(row) for row in found[:LISTED_MAX]]
    return answer({"count": count, "people": listed})


def _person(row: Presence) -> dict[str, Any]:
    user = row.user
    return {
        "id": user.public_id,
        "username": user.username,
        "name": user.shown_name,
        "guest": user.is_guest,
        "since": iso(row.since),
    }
