"""/rooms/ and /rooms/<room>/: list, make, read, change, delete."""

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from ninja import Field, Router, Schema
from ninja.params.functions import Query  # ninja's own `Query` is typed for annotations only

from chat import access, actions, directory, limits, requester, roomlists
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, check_confirmed, done, writer
from chat.api.schemas import ProblemOut, RoomOut, one_of
from chat.models import Room
from chat.names import ROOM_NAME_RULE, room_key
from chat.problems import Problem

router = Router(tags=["rooms"])
MINE = Query(None, description="Rooms that you belong to: first, only those, or none of them.")


class RoomIn(Schema):
    """A room to make."""

    name: str = Field("", description=f"{ROOM_NAME_RULE}. A private room gets a name that tells nothing.")
    title: str = Field("", description="The name if empty.", json_schema_extra={"maxLength": actions.TITLE_MAX})
    topic: str = Field("", json_schema_extra={"maxLength": actions.TOPIC_MAX})
    visibility: str = Field("open", json_schema_extra=one_of(Room.Visibility.values))


class RoomChangeIn(Schema):
    """What of a room to change."""

    title: str | None = Field(None, json_schema_extra={"maxLength": actions.TITLE_MAX})
    topic: str | None = Field(None, json_schema_extra={"maxLength": actions.TOPIC_MAX})
    visibility: str | None = Field(None, description="open, private or staff.")
    archived: bool | None = Field(None, description="Whether it can only be read.")
    notices: bool | None = Field(None, description="Whether it is said who comes and goes.")


class RoomsOut(Schema):
    """A page of the rooms that one may know of."""

    rooms: list[RoomOut] = Field(..., description="One's own first, then the others; each by name.")


@router.get(
    "/",
    response={200: RoomsOut, READ_REFUSALS: ProblemOut},
    summary="List rooms",
)
def list_rooms(
    request: HttpRequest,
    after: str = Query("", max_length=64, description="Rooms that come behind this one."),
    limit: int = Query(roomlists.ROOMS_MAX, ge=1, le=roomlists.ROOMS_MAX),
    mine: roomlists.Own | None = MINE,
) -> HttpResponse:
    """The rooms that you may know of: yours first, then the others, each by name; with a `Link` header to the next
    page. Rooms in which only visitors have posted are on no list."""
    rooms, following = roomlists.page(requester.reader_of(request), after, limit, mine)
    response = answer({"rooms": [directory.room_data(room) for room in rooms]})
    if following:
        response["Link"] = f'<{request.path}?{urlencode([*following.items(), ("limit", limit)])}>; rel="next"'
    return response


@router.post(
    "/",
    response={201: RoomOut, WRITE_REFUSALS: ProblemOut},
    summary="Make a room",
    openapi_extra=body_of("RoomIn"),
)
def create_room(request: HttpRequest, body: RoomIn) -> HttpResponse:
    """Make a room; you are its owner."""
    person = writer(request)
    fields = {"title": body.title, "topic": body.topic, "visibility": body.visibility}
    room = actions.create_room(person, body.name, **fields, limits=limits.of_room(request))
    response = answer(directory.room_data(room), 201)
    response["Location"] = f"{request.path}{room.name}/"
    return response


@router.get("/{name}/", response={200: RoomOut, READ_REFUSALS: ProblemOut}, summary="Read a room")
def read_room(request: HttpRequest, name: str) -> HttpResponse:
    """A room, and what you are in it."""
    return answer(directory.room_data(access.known_room(requester.reader_of(request), name)))


@router.patch(
    "/{name}/",
    response={200: RoomOut, WRITE_REFUSALS: ProblemOut},
    summary="Change a room",
    openapi_extra=body_of("RoomChangeIn", patch=True),
)
def change_room(request: HttpRequest, name: str, body: RoomChangeIn) -> HttpResponse:
    """Change what is given; readers get `room-changed`. For owners. Made private, a room gets another name."""
    person = writer(request)
    # Else a change of a part (`…/members/../`) that a client sends here would look as if it had been made.
    if not body.model_fields_set:
        raise Problem("PARAMETER_INVALID", f"Nothing to change: send one of {', '.join(RoomChangeIn.model_fields)}.")
    room = access.known_room(person, name)
    return answer(directory.room_data(actions.change_room(person, room, **body.dict(exclude_none=True))))


@router.delete("/{name}/", response={204: None, WRITE_REFUSALS: ProblemOut}, summary="Delete a room")
def delete_room(
    request: HttpRequest, name: str, confirm: str = Query("", description="The room's name once more, needed.")
) -> HttpResponse:
    """Delete a room with all that was said in it. Its name is never given again. For owners."""
    person = writer(request)
    room = access.known_room(person, name)
    access.check_own(person, room)
    check_confirmed(room_key(confirm), room.name_key, "a room")
    actions.delete_room(person, room)
    return done()
