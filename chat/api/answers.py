"""What the routers share: who is asking, answers that nobody stores, bodies in the schema."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from chat import access, requester
from chat.models import Scope, User
from chat.problems import Problem
from chat.wire import json_response

READ_REFUSALS = frozenset({400, 401, 403, 404, 503})
WRITE_REFUSALS = frozenset({400, 401, 403, 404, 409, 413, 415, 422, 429, 503})


def writer(request: HttpRequest, scope: Scope = Scope.MANAGE) -> User:
    """Who makes this request that changes something, by a token with the `scope`. Raises Problem for nobody, before
    anything is looked up."""
    return access.check_signed_in(requester.person_of(request, scope))


def reader(request: HttpRequest, scope: Scope = Scope.READ) -> User:
    """Who makes this request that reads what is for people who are signed in. Raises Problem for nobody."""
    return access.check_signed_in(requester.reader_of(request, scope))


def answer(data: dict[str, Any], status: int = 200) -> HttpResponse:
    """`data` as JSON; it depends on who asks, so nothing on the way may keep it."""
    response = json_response(data, status)
    response["Cache-Control"] = "no-store"
    return response


def words(given: list[str] | str) -> list[str]:
    """A list as JSON has it, or as a form does: words with spaces or commas between."""
    return given.replace(",", " ").split() if isinstance(given, str) else given


def done() -> HttpResponse:
    """204: it is done, and there is nothing to say."""
    return HttpResponse(status=204)


def check_confirmed(confirm: str, name: str, what: str) -> None:
    """Raise Problem unless `confirm` names what a DELETE destroys as a whole.

    Clients collapse addresses: a request that means a part of it (`…/members/../`) can arrive at the whole."""
    if confirm != name:
        raise Problem("CONFIRM_REQUIRED", f"Nothing was deleted. To delete {what}, name it: ?confirm={name}.")


def body_of(schema: str, *, required: bool = True, patch: bool = False) -> dict[str, Any]:
    """The request body in the OpenAPI document: `schema` as JSON and as forms."""
    kinds = ["application/json", "application/x-www-form-urlencoded"] + ([] if patch else ["multipart/form-data"])
    content = {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for kind in kinds}
    return {"requestBody": {"content": content, "required": required}}
