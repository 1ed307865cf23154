"""/rooms/<room>/people/: who is in a room right now."""

from typing import Any

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
    """The people in the room, who came first at first, at most 200 of them. Visitors without an account count for
    nobody, and a program is present only while it holds `/rooms/<room>/presence/`."""
    room = access.known_room(requester.reader_of(request), name)
    access.check_named(room)
    present = Presence.objects.filter(room=room, until__gt=timezone.now(), user__is_active=True)
    found = list(present.select_related("user").order_by("since", "pk")[: LISTED_MAX + 1])
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
