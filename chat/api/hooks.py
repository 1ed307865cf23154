"""/rooms/<room>/hooks/: webhooks of a room, for its owners: make, switch, test, withdraw, and what was delivered."""

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from chat import access, actions, directory
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, done, reader, writer
from chat.api.schemas import ProblemOut, one_of
from chat.models import OutgoingHook, Room, User
from chat.names import PERSON_NAME_MAX
from chat.outbound import URL_MAX
from chat.pages.context import own_address
from chat.problems import Problem

router = Router(tags=["webhooks"])


class HookIn(Schema):
    """A webhook to make: an incoming one posts as `name`, an outgoing one tells `url`."""

    kind: str = Field(..., json_schema_extra=one_of(["incoming", "outgoing"]))
    name: str = Field("", json_schema_extra={"maxLength": PERSON_NAME_MAX})
    url: str = Field("", json_schema_extra={"maxLength": URL_MAX})


class HookChangeIn(Schema):
    """Whether an outgoing webhook is on."""

    enabled: bool


class HookOut(Schema):
    """A webhook."""

    id: str
    kind: str = Field(..., description="incoming or outgoing.")
    by: str | None = Field(..., description="Who made it: a user name.")
    created: str = Field(..., description="ISO 8601, UTC.")
    name: str | None = Field(None, description="Of an incoming one: the name that it posts under.")
    url: str | None = Field(None, description="Of an outgoing one: where its messages go.")
    enabled: bool | None = Field(None, description="Of an outgoing one: whether it is on.")
    why: str | None = Field(None, description="Why it was switched off.")
    failures: int | None = Field(None, description="Attempts since the last one that was taken.")
    next_attempt: str | None = Field(None, description="When a failed one is tried again.")


class NewHookOut(HookOut):
    """A webhook that was just made."""

    secret: str = Field(..., description="It is shown this once.")
    address: str | None = Field(None, description="Of an incoming one: where to post.")


class HooksOut(Schema):
    """The webhooks of a room."""

    hooks: list[HookOut] = Field(..., description="Incoming ones first, each kind newest first.")


class DeliveryOut(Schema):
    """One attempt of an outgoing webhook."""

    type: str
    event: str = Field(..., description="The id of the event: room-<room>:<number>.")
    attempt: int
    status: int | None = Field(..., description="What the receiver answered; null for no answer.")
    error: str | None = Field(..., description="What went wrong, in words.")
    ms: int
    date: str = Field(..., description="ISO 8601, UTC.")


class DeliveriesOut(Schema):
    """The last attempts of an outgoing webhook."""

    deliveries: list[DeliveryOut] = Field(..., description="Newest first.")


@router.get("/{name}/hooks/", response={200: HooksOut, READ_REFUSALS: ProblemOut}, summary="List webhooks")
def list_hooks(request: HttpRequest, name: str) -> HttpResponse:
    """The webhooks of the room, without their secrets. For owners."""
    person = reader(request)
    room = access.known_room(person, name)
    access.check_hooks(person, room)
    incoming, outgoing = directory.hooks(room)
    return answer({"hooks": [*map(directory.incoming_data, incoming), *map(directory.outgoing_data, outgoing)]})


@router.post(
    "/{name}/hooks/",
    response={201: NewHookOut, WRITE_REFUSALS: ProblemOut},
    summary="Make a webhook",
    openapi_extra=body_of("HookIn"),
)
def make_hook(request: HttpRequest, name: str, body: HookIn) -> HttpResponse:
    """An incoming one posts into the room, an outgoing one is told its messages from now on. The secret is shown this
    once. For owners."""
    person = writer(request)
    room = access.known_room(person, name)
    if body.kind == "incoming":
        incoming, secret = actions.make_incoming_hook(person, room, body.name)
        address = own_address(request, f"/hooks/{incoming.public_id}/")
        return answer({**directory.incoming_data(incoming), "secret": secret, "address": address}, 201)
    if body.kind == "outgoing":
        outgoing = actions.make_outgoing_hook(person, room, body.url)
        return answer({**directory.outgoing_data(outgoing), "secret": outgoing.secret}, 201)
    access.check_hooks(person, room)
    raise Problem("PARAMETER_INVALID", "A webhook is incoming or outgoing.")


@router.patch(
    "/{name}/hooks/{hook_id}/",
    response={200: HookOut, WRITE_REFUSALS: ProblemOut},
    summary="Switch an outgoing webhook",
    openapi_extra=body_of("HookChangeIn", patch=True),
)
def change_hook(request: HttpRequest, name: str, hook_id: str, body: HookChangeIn) -> HttpResponse:
    """Off, or on again: it goes on where it was. For owners."""
    person, room, hook = _outgoing(request, name, hook_id)
    actions.enable_hook(person, room, hook, body.enabled)
    return answer(directory.outgoing_data(directory.outgoing_hook(room, hook_id)))


@router.delete(
    "/{name}/hooks/{hook_id}/", response={204: None, WRITE_REFUSALS: ProblemOut}, summary="Withdraw a webhook"
)
def withdraw_hook(request: HttpRequest, name: str, hook_id: str) -> HttpResponse:
    """It is gone for good, and its log. What it posted stays. For owners."""
    person = writer(request)
    room = access.known_room(person, name)
    access.check_hooks(person, room)
    actions.withdraw_hook(person, room, directory.hook(room, hook_id))
    return done()


@router.post(
    "/{name}/hooks/{hook_id}/test/",
    response={204: None, WRITE_REFUSALS: ProblemOut},
    summary="Test an outgoing webhook",
)
def test_hook(request: HttpRequest, name: str, hook_id: str) -> HttpResponse:
    """A delivery of the type `test` follows within a second; the log says what came of it. For owners."""
    actions.test_hook(*_outgoing(request, name, hook_id))
    return done()


@router.get(
    "/{name}/hooks/{hook_id}/deliveries/",
    response={200: DeliveriesOut, READ_REFUSALS: ProblemOut},
    summary="Read the log of an outgoing webhook",
)
def list_deliveries(request: HttpRequest, name: str, hook_id: str) -> HttpResponse:
    """The last attempts, newest first. For owners."""
    person = reader(request)
    room = access.known_room(person, name)
    access.check_hooks(person, room)
    found = directory.deliveries(directory.outgoing_hook(room, hook_id))
    return answer({"deliveries": [directory.delivery_data(room, one) for one in found]})


def _outgoing(request: HttpRequest, name: str, hook_id: str) -> tuple[User, Room, OutgoingHook]:
    person = writer(request)
    room = access.known_room(person, name)
    access.check_hooks(person, room)
    return person, room, directory.outgoing_hook(room, hook_id)
