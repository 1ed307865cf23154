"""The REST API: routers by noun with their schemas, one parser for JSON and forms, refusals as problem documents."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from chat.api.bots import router as bots
from chat.api.broadcast import router as broadcast
from chat.api.hooks import router as hooks
from chat.api.incoming import router as incoming
from chat.api.invites import router as invites
from chat.api.members import router as members
from chat.api.messages import router as messages
from chat.api.parser import BodyParser
from chat.api.people import router as people
from chat.api.presence import router as presence
from chat.api.restrictions import router as restrictions
from chat.api.rooms import router as rooms
from chat.api.strangers import router as strangers
from chat.api.tokens import router as tokens
from chat.door import too_large
from chat.problems import Problem, error_page, problem_response


class CorkboardAPI(NinjaAPI):
    """The API, with its refusals in the schema as what they are: ninja knows one content type for all answers."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        """The schema with application/problem+json wherever a ProblemOut is answered."""
        document = super().get_openapi_schema(*args, **kwargs)
        for operation in (operation for path in document["paths"].values() for operation in path.values()):
            for answer in operation["responses"].values():
                content = answer.get("content", {})
                if content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/ProblemOut"):
                    content["application/problem+json"] = content.pop("application/json")
        return document


api = CorkboardAPI(
    title="Corkboard",
    version="1",
    description=(
        "Rooms, their members and moderation; post and read messages. Events arrive as a stream: see"
        " docs/protocol.md. Refusals are `application/problem+json` with a stable `code`."
    ),
    docs_url="/api/docs",
    openapi_url="/api/openapi.json",
    docs_decorator=require_safe,
    parser=BodyParser(),
)
for router in (rooms, members, invites, restrictions, messages, presence):
    api.add_router("/rooms", router)
api.add_router("/rooms", hooks)
api.add_router("/hooks", incoming)
for router in (people, tokens, bots):
    api.add_router("/accounts", router)
api.add_router("/api", broadcast)
api.add_router("/strangers", strangers)

# The code of a refusal by the field that was wrong.
FIELD_CODES = {
    "text": "TEXT_INVALID",
    "title": "TEXT_INVALID",
    "topic": "TEXT_INVALID",
    "reason": "TEXT_INVALID",
    "from": "NAME_INVALID",
    "name": "NAME_INVALID",
    "url": "URL_INVALID",
    "client_id": "IDEMPOTENCY_KEY_INVALID",
}


@api.exception_handler(Problem)
def refuse(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A refusal of ours."""
    return problem_response(problem)


@api.exception_handler(RequestDataTooBig)
def refuse_large_body(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    """A body over BODY_MAX_BYTES: also what a person sees who pastes a book into the form."""
    return error_page(request, too_large())


@api.exception_handler(HttpError)
def refuse_body(request: HttpRequest, error: HttpError) -> HttpResponse:
    """A body that the parser refused (ninja wraps its exception)."""
    if isinstance(error.__cause__, Problem):
        return problem_response(error.__cause__)
    return problem_response(Problem("BODY_INVALID", "The body can't be read."))


@api.exception_handler(ValidationError)
def refuse_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Fields or parameters of the wrong form: the first one is named."""
    first: dict[str, Any] = error.errors[0]
    place, field = str(first["loc"][0]), str(first["loc"][-1])
    if place != "body":
        return problem_response(Problem("PARAMETER_INVALID", f"{field}: {first['msg']}."))
    return problem_response(Problem(FIELD_CODES.get(field, "BODY_INVALID"), f"{field}: {first['msg']}."))
