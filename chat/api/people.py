"""/accounts/: oneself, and rooms of two."""

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from chat import actions, directory
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, reader, writer
from chat.api.schemas import ProblemOut, RoomOut

router = Router(tags=["people"])


class PersonOut(Schema):
    """Oneself."""

    id: str = Field(..., description="The `author` of your messages, but among strangers.")
    username: str
    name: str = Field(..., description="The name that others see.")
    guest: bool
    bot: bool
    staff: bool


class UsernameIn(Schema):
    """Whom it is about."""

    username: str


@router.get("/me/", response={200: PersonOut, READ_REFUSALS: ProblemOut}, summary="Who am I?")
def read_me(request: HttpRequest) -> HttpResponse:
    """The person of the token or of the session."""
    return answer(directory.person_data(reader(request)))


@router.post(
    "/direct/",
    response={frozenset({200, 201}): RoomOut, WRITE_REFUSALS: ProblemOut},
    summary="Talk to somebody directly",
    openapi_extra=body_of("UsernameIn"),
)
def open_direct_room(request: HttpRequest, body: UsernameIn) -> HttpResponse:
    """The room of you and another person: 201 when it is new, else 200."""
    person = writer(request)
    room, is_new = actions.open_direct_room(person, directory.person(body.username))
    return answer(directory.room_data(room), 201 if is_new else 200)
