"""/accounts/tokens/ and /accounts/bots/<username>/tokens/: API tokens of one's own, and of one's bots."""

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from chat import access, actions, directory
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, done, reader, words, writer
from chat.api.schemas import ProblemOut, at_most
from chat.models import TOKEN_NAME_MAX, Scope, User

router = Router(tags=["tokens"])


class TokenIn(Schema):
    """A token to make."""

    name: str = Field(..., description="What it is for.", json_schema_extra=at_most(TOKEN_NAME_MAX))
    scopes: list[str] | str = Field(
        [Scope.READ.value, Scope.POST.value], description="read, post and manage: a list, or words with spaces."
    )
    days: int | None = Field(
        actions.TOKEN_DAYS, description="How long it is good; null for one without an end, if allowed."
    )


class TokenOut(Schema):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    hint: str = Field(..., description="The last four characters of the secret.")
    created: str = Field(..., description="ISO 8601, UTC.")
    expires: str | None = Field(..., description="ISO 8601, UTC; null: it has no end.")
    last_used: str | None = Field(..., alias="last-used", description="To the hour; null: never.")


class NewTokenOut(TokenOut):
    """A token that was just made."""

    token: str = Field(..., description="The secret. It is shown this once.")


class TokensOut(Schema):
    """The tokens of an account."""

    tokens: list[TokenOut] = Field(..., description="Newest first, expired ones for 30 days or so.")


@router.get("/tokens/", response={200: TokensOut, READ_REFUSALS: ProblemOut}, by_alias=True, summary="List your tokens")
def list_tokens(request: HttpRequest) -> HttpResponse:
    """Your tokens without their secrets."""
    person = reader(request, Scope.MANAGE)
    return _list(person, person)


@router.post(
    "/tokens/",
    response={201: NewTokenOut, WRITE_REFUSALS: ProblemOut},
    by_alias=True,
    summary="Make a token",
    openapi_extra=body_of("TokenIn"),
)
def make_token(request: HttpRequest, body: TokenIn) -> HttpResponse:
    """A token for you. Its secret is shown this once.

    One that is made by a token can do no more than it, ends no later, and goes with it."""
    person = writer(request)
    return _make(person, person, body)


@router.delete("/tokens/{token_id}/", response={204: None, WRITE_REFUSALS: ProblemOut}, summary="Withdraw a token")
def withdraw_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """The token is void from now on, and what was opened by it ends, with the tokens that were made by it."""
    person = writer(request)
    return _withdraw(person, person, token_id)


@router.get(
    "/bots/{username}/tokens/",
    response={200: TokensOut, READ_REFUSALS: ProblemOut},
    by_alias=True,
    summary="List the tokens of a bot",
)
def list_bot_tokens(request: HttpRequest, username: str) -> HttpResponse:
    """The tokens of a bot of yours, without their secrets."""
    person = reader(request, Scope.MANAGE)
    return _list(person, directory.bot(person, username))


@router.post(
    "/bots/{username}/tokens/",
    response={201: NewTokenOut, WRITE_REFUSALS: ProblemOut},
    by_alias=True,
    summary="Make a token for a bot",
    openapi_extra=body_of("TokenIn"),
)
def make_bot_token(request: HttpRequest, username: str, body: TokenIn) -> HttpResponse:
    """A token for a bot of yours. Its secret is shown this once."""
    person = writer(request)
    return _make(person, directory.bot(person, username), body)


@router.delete(
    "/bots/{username}/tokens/{token_id}/",
    response={204: None, WRITE_REFUSALS: ProblemOut},
    summary="Withdraw a token of a bot",
)
def withdraw_bot_token(request: HttpRequest, username: str, token_id: str) -> HttpResponse:
    """The token of a bot of yours is void from now on."""
    person = writer(request)
    return _withdraw(person, directory.bot(person, username), token_id)


def _list(person: User, user: User) -> HttpResponse:
    access.check_token_owner(person, user)
    return answer({"tokens": [directory.token_data(token) for token in directory.tokens(user)]})


def _make(person: User, user: User, body: TokenIn) -> HttpResponse:
    token, secret = actions.issue_token(person, user, body.name, words(body.scopes), body.days)
    return answer({**directory.token_data(token), "token": secret}, 201)


def _withdraw(person: User, user: User, token_id: str) -> HttpResponse:
    access.check_token_owner(person, user)
    actions.withdraw_token(person, user, directory.token(user, token_id))
    return done()
