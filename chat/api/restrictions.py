"""/rooms/<room>/restrictions/: mutes and bans."""

from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, Router, Schema

from chat import access, actions, directory
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, done, reader, writer
from chat.api.schemas import ProblemOut, one_of
from chat.eventlog import MAX_ID
from chat.models import Restriction
from chat.problems import Problem

router = Router(tags=["moderation"])
MINUTES_MAX = 525_600


class RestrictionIn(Schema):
    """Whom to mute or ban: `username`, or who wrote the message `message_id`."""

    kind: str = Field(..., json_schema_extra=one_of(Restriction.Kind.values))
    username: str = ""
    message_id: int | None = None
    minutes: int | None = Field(None, description="For how long, at most a year; for good without it.")


class RestrictionOut(Schema):
    """A mute or a ban."""

    id: str
    kind: str = Field(..., description="mute or ban.")
    username: str | None
    address: str | None = Field(..., description="Of somebody without an account.")
    until: str | None = Field(..., description="ISO 8601, UTC; null: for good.")


class RestrictionsOut(Schema):
    """The mutes and bans of a room."""

    restrictions: list[RestrictionOut] = Field(..., description="Newest first.")


@router.get(
    "/{name}/restrictions/",
    response={200: RestrictionsOut, READ_REFUSALS: ProblemOut},
    summary="List mutes and bans",
)
def list_restrictions(request: HttpRequest, name: str) -> HttpResponse:
    """The mutes and bans that hold. For moderators."""
    person = reader(request)
    room = access.known_room(person, name)
    access.check_moderate(person, room)
    return answer({"restrictions": [directory.restriction_data(one) for one in directory.restrictions(room)]})


@router.post(
    "/{name}/restrictions/",
    response={201: RestrictionOut, WRITE_REFUSALS: ProblemOut},
    summary="Mute or ban somebody",
    openapi_extra=body_of("RestrictionIn"),
)
def restrict(request: HttpRequest, name: str, body: RestrictionIn) -> HttpResponse:
    """Mute or ban a person, or who wrote a message: who had no account, by the address. For moderators.

    A guest is taken by name and by address, and the answer has the first.
    """
    person = writer(request)
    room = access.known_room(person, name)
    access.check_moderate(person, room)
    until = _until(body.minutes)
    if (body.message_id is None) == (body.username == ""):
        raise Problem("PARAMETER_INVALID", "Say whom: username, or message_id.")
    if body.message_id is None:
        made = actions.restrict(person, room, body.kind, directory.person(body.username), until=until)
    else:
        eid = max(-1, min(body.message_id, MAX_ID))
        made = actions.restrict_author(person, room, body.kind, eid, until=until)[0]
    return answer(directory.restriction_data(made), 201)


@router.delete(
    "/{name}/restrictions/{restriction_id}/",
    response={204: None, WRITE_REFUSALS: ProblemOut},
    summary="Take a mute or ban back",
)
def lift(request: HttpRequest, name: str, restriction_id: str) -> HttpResponse:
    """Take a mute or ban back. Who was a member is none any more. For moderators."""
    person = writer(request)
    room = access.known_room(person, name)
    access.check_moderate(person, room)
    actions.lift(person, room, directory.restriction_row(room, restriction_id))
    return done()


def _until(minutes: int | None) -> datetime | None:
    if minutes is None:
        return None
    if not 1 <= minutes <= MINUTES_MAX:
        raise Problem("PARAMETER_INVALID", f"minutes is 1 to {MINUTES_MAX}.")
    return timezone.now() + timedelta(minutes=minutes)
