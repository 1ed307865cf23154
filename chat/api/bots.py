"""/accounts/bots/: bots of one's own. They are added to a room at /rooms/<room>/members/."""

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema
from ninja.params.functions import Query  # ninja's own `Query` is typed for annotations only

from chat import actions, directory
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, check_confirmed, done, reader, writer
from chat.api.schemas import ProblemOut
from chat.models import Scope
from chat.problems import Problem

router = Router(tags=["bots"])


class BotIn(Schema):
    """A bot to make."""

    username: str
    name: str = Field("", description="The name that others see; the user name if empty.")


class BotOut(Schema):
    """A bot of one's own."""

    username: str
    name: str


class BotsOut(Schema):
    """The bots of a person."""

    bots: list[BotOut] = Field(..., description="By user name.")


@router.get("/bots/", response={200: BotsOut, READ_REFUSALS: ProblemOut}, summary="List your bots")
def list_bots(request: HttpRequest) -> HttpResponse:
    """Your bots that are not closed."""
    return answer({"bots": [directory.bot_data(bot) for bot in directory.bots(reader(request, Scope.MANAGE))]})


@router.post(
    "/bots/",
    response={201: BotOut, WRITE_REFUSALS: ProblemOut},
    summary="Make a bot",
    openapi_extra=body_of("BotIn"),
)
def make_bot(request: HttpRequest, body: BotIn) -> HttpResponse:
    """An account for a program. It has no password: make a token for it."""
    try:
        bot = actions.make_bot(writer(request), body.username, body.name)
    except ValidationError as error:
        words = " ".join(error.messages)
        code = "NAME_TAKEN" if actions.NAME_TAKEN in words or "exists" in words else "NAME_INVALID"
        raise Problem(code, words) from None
    return answer(directory.bot_data(bot), 201)


@router.delete("/bots/{username}/", response={204: None, WRITE_REFUSALS: ProblemOut}, summary="Close a bot")
def close_bot(
    request: HttpRequest, username: str, confirm: str = Query("", description="The bot's user name once more, needed.")
) -> HttpResponse:
    """Its tokens and streams end, and nobody gets its name. What it wrote stays."""
    person = writer(request)
    bot = directory.bot(person, username)
    check_confirmed(confirm, bot.username, "a bot")
    actions.close_bot(person, bot)
    return done()
