"""/rooms/<room>/invites/: links into a room. They are accepted on the page that they lead to."""

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from chat import access, actions, directory
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, done, reader, writer
from chat.api.schemas import ProblemOut
from chat.pages.context import own_address

router = Router(tags=["invites"])


class InviteIn(Schema):
    """An invite to make."""

    days: int = Field(actions.INVITE_DAYS, description="How long it is good: 1 to 90.")


class InviteOut(Schema):
    """An invite."""

    id: str
    by: str = Field(..., description="Who made it: a user name.")
    expires: str = Field(..., description="ISO 8601, UTC.")


class NewInviteOut(InviteOut):
    """An invite that was just made."""

    url: str = Field(..., description="The link. It is shown this once.")


class InvitesOut(Schema):
    """The invites of a room that are good."""

    invites: list[InviteOut] = Field(..., description="Newest first.")


@router.get("/{name}/invites/", response={200: InvitesOut, READ_REFUSALS: ProblemOut}, summary="List invites")
def list_invites(request: HttpRequest, name: str) -> HttpResponse:
    """The invites that are good, without their links. For moderators."""
    person = reader(request)
    room = access.known_room(person, name)
    access.check_invite(person, room)
    return answer({"invites": [directory.invite_data(invite) for invite in directory.invites(room)]})


@router.post(
    "/{name}/invites/",
    response={201: NewInviteOut, WRITE_REFUSALS: ProblemOut},
    summary="Make an invite",
    openapi_extra=body_of("InviteIn", required=False),
)
def make_invite(request: HttpRequest, name: str, body: InviteIn | None = None) -> HttpResponse:
    """A link that makes whoever accepts it a member. It is shown this once. For moderators."""
    person = writer(request)
    days = body.days if body else actions.INVITE_DAYS
    invite, secret = actions.invite(person, access.known_room(person, name), days)
    url = own_address(request, f"/accounts/invites/{secret}/")
    return answer({**directory.invite_data(invite), "url": url}, 201)


@router.delete(
    "/{name}/invites/{invite_id}/", response={204: None, WRITE_REFUSALS: ProblemOut}, summary="Withdraw an invite"
)
def withdraw_invite(request: HttpRequest, name: str, invite_id: str) -> HttpResponse:
    """The link is void from now on; who came by it stays. For moderators."""
    person = writer(request)
    room = access.known_room(person, name)
    access.check_invite(person, room)
    actions.withdraw_invite(person, room, directory.invite_row(room, invite_id))
    return done()
