"""/rooms/<room>/members/: who belongs to a room, join, leave, remove, roles."""

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from ninja import Field, Router, Schema
from ninja.params.functions import Query  # ninja's own `Query` is typed for annotations only

from chat import access, actions, directory, requester
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, done, writer
from chat.api.schemas import ProblemOut, one_of
from chat.models import Membership, Scope

router = Router(tags=["members"])


class MemberIn(Schema):
    """Who shall be a member: oneself, or a bot of one's own."""

    username: str = Field("", description="Of a bot of yours; yourself if left out.")


class MemberOut(Schema):
    """A member of a room."""

    id: str = Field(..., description="The `author` of their messages.")
    username: str
    name: str
    role: str = Field(..., description="owner, moderator or member.")
    guest: bool
    bot: bool


class MembersOut(Schema):
    """A page of the members of a room."""

    members: list[MemberOut] = Field(
        ..., description="Owners first, then moderators, people with an account, guests; each by when they joined."
    )


class RoleIn(Schema):
    """What to make of a member."""

    role: str = Field(..., json_schema_extra=one_of(Membership.Role.values))


@router.get("/{name}/members/", response={200: MembersOut, READ_REFUSALS: ProblemOut}, summary="List members")
def list_members(
    request: HttpRequest,
    name: str,
    after: str = Query("", max_length=150, description="Members that come behind the one of this user name."),
    limit: int = Query(directory.MEMBERS_MAX, ge=1, le=directory.MEMBERS_MAX),
) -> HttpResponse:
    """The members, to everybody who may read the room, with a `Link` header to the next page."""
    room = access.known_room(requester.reader_of(request), name)
    access.check_named(room)
    members, has_more = directory.members(room, after, limit)
    response = answer({"members": [directory.member_data(membership) for membership in members]})
    if has_more:
        query = urlencode([("after", members[-1].user.username), ("limit", limit)])
        response["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


@router.post(
    "/{name}/members/",
    response={frozenset({200, 201}): MemberOut, WRITE_REFUSALS: ProblemOut},
    summary="Join a room, or add a bot",
    openapi_extra=body_of("MemberIn", required=False),
)
def join_room(request: HttpRequest, name: str, body: MemberIn | None = None) -> HttpResponse:
    """Become a member of a room that you may read: 201, or 200 for who was one. Others need an invite.

    With the `username` of a bot of yours the bot becomes a member, of a room into which you may invite.
    """
    person = writer(request, Scope.POST)
    room = access.known_room(person, name)
    if body is None or not body.username:
        membership, is_new = actions.join_room(person, room)
    else:
        access.check_invite(person, room)
        membership, is_new = actions.add_bot(person, room, directory.bot(person, body.username))
    return answer(directory.member_data(membership), 201 if is_new else 200)


@router.patch(
    "/{name}/members/{username}/",
    response={200: MemberOut, WRITE_REFUSALS: ProblemOut},
    summary="Give a member a role",
    openapi_extra=body_of("RoleIn", patch=True),
)
def set_role(request: HttpRequest, name: str, username: str, body: RoleIn) -> HttpResponse:
    """Make a member owner, moderator or plain member. For owners."""
    person = writer(request)
    room = access.known_room(person, name)
    access.check_own(person, room)
    return answer(directory.member_data(actions.set_role(person, room, directory.member(room, username), body.role)))


@router.delete(
    "/{name}/members/{username}/",
    response={204: None, WRITE_REFUSALS: ProblemOut},
    summary="Leave, or remove a member",
)
def end_membership(request: HttpRequest, name: str, username: str) -> HttpResponse:
    """Leave the room, by your own user name; or remove somebody, for moderators."""
    person = writer(request, Scope.POST)  # to leave; whom to remove, moderators say
    room = access.known_room(person, name)
    if username == person.username:
        actions.leave_room(person, room)
    else:
        access.check_moderate(person, room)
        actions.remove_member(person, room, directory.member(room, username))
    return done()
