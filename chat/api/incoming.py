"""/hooks/<id>/: what incoming webhooks post to. The secret is in a header; in the address only where the operator
allows it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from chat import access, actions, limits, requester
from chat.api.answers import WRITE_REFUSALS, body_of
from chat.api.schemas import MessageOut, MessageText, ProblemOut
from chat.problems import Problem
from chat.wire import json_response

router = Router(tags=["webhooks"])
_ANSWERS = {frozenset({200, 201}): MessageOut, WRITE_REFUSALS: ProblemOut}


class HookPostIn(Schema):
    """What an incoming webhook posts."""

    text: MessageText


@router.post(
    "/{hook_id}/", response=_ANSWERS, by_alias=True, summary="Post by a webhook", openapi_extra=body_of("HookPostIn")
)
def post(request: HttpRequest, hook_id: str, body: HookPostIn) -> HttpResponse:
    """Post into the webhook's room, under its name, with `Authorization: Bearer <secret>`.

    201 for a new message; with the same `Idempotency-Key` again 200 and the first message.
    """
    return _post(request, hook_id, requester.hook_secret_of(request), body.text)


@router.post("/{hook_id}/{secret}/", response=_ANSWERS, by_alias=True, include_in_schema=False)
def post_by_address(request: HttpRequest, hook_id: str, secret: str, body: HookPostIn) -> HttpResponse:
    """The same for senders that can't send a header, if HOOK_SECRET_IN_URL is on."""
    if not settings.HOOK_SECRET_IN_URL:
        raise Problem("NOT_FOUND", "There is nothing at this address.")
    return _post(request, hook_id, secret, body.text)


def _post(request: HttpRequest, hook_id: str, secret: str, text: str) -> HttpResponse:
    hook = access.find_incoming_hook(hook_id, secret)
    key = request.headers.get("Idempotency-Key", "")
    limited = limits.of_post(request, hook.user)
    posted = actions.post_message(hook.user, hook.room.name, text, key=key, limits=limited)
    return json_response(posted.message, 201 if posted.created else 200)
