"""/strangers/: meet somebody, go on to the next, leave, report and block."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from ninja import Field, Router, Schema
from ninja.params.functions import Query  # ninja's own `Query` is typed for annotations only

from chat import actions, aliases, directory, requester, signin
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, check_confirmed, done, reader, writer
from chat.api.schemas import ProblemOut
from chat.models import Scope, Stranger, User
from chat.problems import Problem, prefers_html

router = Router(tags=["strangers"])
REFUSALS = WRITE_REFUSALS | {429}
NAME_TRIES = 5


class PairOut(Schema):
    """The pair that one is in."""

    room: str = Field(..., description="The room of the two: read, post and follow as in any room.")
    name: str = Field(..., description="What the partner calls you.")
    id: str = Field(..., description="You in this pair: the `author` of your messages there.")
    partner: str = Field(..., description="What you call the partner.")


class StrangerOut(Schema):
    """What one does among strangers."""

    state: str = Field(..., description="idle, waiting or paired.")
    reason: str = Field(..., description="Why idle: partner-left, partner-gone, away, barred, or empty.")
    room: str | None = Field(..., description="A room of your own, to follow: what becomes of you is said there.")
    last_event_id: str | None = Field(..., alias="last-event-id", description="Where to start in that room.")
    since: str | None = Field(..., description="ISO 8601, UTC.")
    pair: PairOut | None
    look_again: int | None = Field(
        ..., alias="look-again", description="After how many seconds to POST /strangers/here/, while not idle."
    )


class BlockOut(Schema):
    """Somebody whom one blocked. It does not say who that is."""

    id: str
    name: str | None = Field(..., description="What you called them, if that is known.")
    date: str = Field(..., description="Since when. ISO 8601, UTC.")


class BlocksOut(Schema):
    """Whom one blocked."""

    blocks: list[BlockOut]


class ReportIn(Schema):
    """A report."""

    reason: str = Field("", description="What happened.", json_schema_extra={"maxLength": actions.REASON_MAX})


@router.get(
    "/", response={200: StrangerOut, 303: None, READ_REFUSALS: ProblemOut}, by_alias=True, summary="Where am I?"
)
def read_state(request: HttpRequest) -> HttpResponse:
    """Whether you wait or are paired. A browser that navigates here is sent to the page."""
    if prefers_html(request):
        return HttpResponseRedirect(reverse("strangers"), status=303)
    user = reader(request)
    actions.check_stranger(user)
    return _state(actions.find_stranger(user))


@router.post("/", response={200: StrangerOut, REFUSALS: ProblemOut}, by_alias=True, summary="Meet a stranger")
def meet(request: HttpRequest) -> HttpResponse:
    """Into the queue: paired at once with somebody who waits, or waiting. Again changes nothing.

    A visitor of the page who is nobody yet becomes a guest.
    """
    return _state(actions.meet(_visitor(request)))


@router.delete("/", response={204: None, REFUSALS: ProblemOut}, summary="Leave")
def leave(
    request: HttpRequest,
    confirm: str = Query("", description="Leave only the partner in the room of this name."),
) -> HttpResponse:
    """Out of the queue, or away from the partner. The room of the two is gone at once."""
    user = actions.check_stranger(writer(request, Scope.POST))
    actions.leave_strangers(user, confirm or None)
    return done()


@router.post("/next/", response={200: StrangerOut, REFUSALS: ProblemOut}, by_alias=True, summary="Meet the next one")
def meet_next(request: HttpRequest) -> HttpResponse:
    """Away from the partner, if there is one, and into the queue."""
    return _state(actions.meet_next(writer(request, Scope.POST)))


@router.post("/here/", response={200: StrangerOut, REFUSALS: ProblemOut}, by_alias=True, summary="Still here")
def stay(request: HttpRequest) -> HttpResponse:
    """A sign of life, every `look-again` seconds. Who is idle stays idle."""
    return _state(actions.stay(writer(request, Scope.POST)))


@router.post(
    "/report/",
    response={200: StrangerOut, REFUSALS: ProblemOut},
    by_alias=True,
    summary="Report",
    openapi_extra=body_of("ReportIn", required=False),
)
def report(request: HttpRequest, body: ReportIn | None = None) -> HttpResponse:
    """Tell the operator of your partner, or of the last one, with the last messages while you are paired; block them,
    and leave them."""
    return _state(actions.report_stranger(writer(request, Scope.POST), body.reason if body else ""))


@router.get("/block/", response={200: BlocksOut, READ_REFUSALS: ProblemOut}, summary="Whom did I block?")
def list_blocks(request: HttpRequest) -> HttpResponse:
    """Whom you blocked, newest first."""
    user = actions.check_stranger(reader(request))
    return answer({"blocks": [directory.block_data(block) for block in directory.blocks(user)]})


@router.post("/block/", response={200: StrangerOut, REFUSALS: ProblemOut}, by_alias=True, summary="Block")
def block(request: HttpRequest) -> HttpResponse:
    """Leave your partner, and never be paired with them again; or with the last one."""
    return _state(actions.block_stranger(writer(request, Scope.POST)))


@router.delete("/block/", response={204: None, REFUSALS: ProblemOut}, summary="Forget blocks")
def forget_blocks(request: HttpRequest, confirm: str = Query("", description="`all`, needed.")) -> HttpResponse:
    """Be ready to meet everybody again whom you blocked."""
    user = actions.check_stranger(writer(request, Scope.POST))
    check_confirmed(confirm, "all", "the whole list of blocks")
    actions.forget_blocks(user)
    return done()


@router.delete("/block/{block_id}/", response={204: None, REFUSALS: ProblemOut}, summary="Unblock")
def unblock(request: HttpRequest, block_id: str) -> HttpResponse:
    """Be ready to meet one of them again."""
    user = actions.check_stranger(writer(request, Scope.POST))
    actions.forget_blocks(user, directory.block(user, block_id))
    return done()


def _visitor(request: HttpRequest) -> User:
    """Who makes this request; on the page, who is nobody yet becomes a guest. Raises Problem."""
    person = requester.person_of(request, Scope.POST)
    if isinstance(person, User):
        return person
    if not (settings.STRANGERS and settings.GUESTS and requester.is_from_own_page(request)):
        return actions.check_stranger(person)
    signin.limit_new(request, "guest")
    for _ in range(NAME_TRIES):
        try:
            guest = actions.make_guest(aliases.nickname())
        except ValidationError:  # somebody has that name
            continue
        signin.begin_guest(request, guest)
        return guest
    raise Problem("NAME_TAKEN", "No nickname was free. Try again.")


def _state(one: Stranger | None) -> HttpResponse:
    return answer(directory.stranger_state(one))
