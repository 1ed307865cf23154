"""/rooms/<room>/messages/: post, read the history, edit, delete."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from ninja import Field, Router, Schema
from ninja.params.functions import Query  # ninja's own `Query` is typed for annotations only

from chat import access, actions, history, limits, requester
from chat.api.answers import READ_REFUSALS, WRITE_REFUSALS, answer, body_of, done, writer
from chat.api.schemas import MessageOut, MessageText, ProblemOut
from chat.eventlog import MAX_ID
from chat.models import Scope
from chat.names import PERSON_NAME_MAX
from chat.pages.room import Unsent, chat_page
from chat.problems import Problem, prefers_html
from chat.wire import json_response

router = Router(tags=["messages"])


class MessageIn(Schema):
    """A message to post."""

    from_: str = Field(
        "",
        alias="from",
        description="The name to post under; an account posts under its own.",
        json_schema_extra={"maxLength": PERSON_NAME_MAX},
    )
    text: MessageText
    type: int = Field(0, description="0 message; 1 warning, 2 alert and 3 muted are for moderators.")
    client_id: str = Field(
        "",
        description="The same as an Idempotency-Key header, which wins.",
        json_schema_extra={"maxLength": actions.IDEMPOTENCY_KEY_MAX},
    )
    acting_as: str = Field("", description="The same as an Acting-As header, which wins: for whom the page was loaded.")


class HistoryOut(Schema):
    """A page of a room's history."""

    messages: list[MessageOut] = Field(..., description="Newest first.")
    last_event_id: str = Field(
        ..., alias="last-event-id", description="The resume token, taken before the messages were read."
    )


class EditIn(Schema):
    """The new text of a message."""

    text: MessageText


@router.post(
    "/{name}/messages/",
    response={frozenset({200, 201}): MessageOut, 303: None, WRITE_REFUSALS: ProblemOut},
    by_alias=True,
    summary="Post a message",
    openapi_extra=body_of("MessageIn"),
)
def post_message(request: HttpRequest, name: str, body: MessageIn) -> HttpResponse:
    """Store a message; the first one of a room's name makes the room.

    201 for a new message. With the same `Idempotency-Key` again 200 and the first message, or 422 when the rest
    differs. A form that accepts HTML (the page without JavaScript) is sent back to the page.
    """
    html = prefers_html(request)
    try:
        person = requester.person_of(request, Scope.POST, acting_as=body.acting_as)
        posted = actions.post_message(
            person,
            name,
            body.text,
            name=body.from_,
            key=request.headers.get("Idempotency-Key", body.client_id),
            kind=body.type,
            address=requester.network_of(request),
            limits=limits.of_post(request, person),
            room_limits=limits.of_room(request),
        )
    except Problem as problem:
        if not html:
            raise
        return chat_page(request, name, body.from_, Unsent(body.text, problem, body.acting_as))
    if html:
        query = urlencode({"user": posted.message["from"]})
        return HttpResponseRedirect(f"{reverse('room', args=[posted.message['room']])}?{query}", status=303)
    return json_response(posted.message, 201 if posted.created else 200)


@router.get(
    "/{name}/messages/",
    response={200: HistoryOut, READ_REFUSALS: ProblemOut},
    by_alias=True,
    summary="Read the history",
)
def read_messages(
    request: HttpRequest,
    name: str,
    before: int | None = Query(None, ge=0, le=MAX_ID, description="Messages with smaller ids."),
    after: int | None = Query(None, ge=0, le=MAX_ID, description="The messages right after this id."),
    limit: int = Query(history.PAGE, ge=1, le=history.PAGE_MAX),
) -> HttpResponse:
    """A page of messages, newest first, with `Link` headers to the pages around it (`next` is older).

    A page of long messages has fewer than `limit`: only the absence of a link says that there are no more.
    `last-event-id` is where a stream must start to miss nothing that is not on the page.
    """
    page = history.read(requester.reader_of(request), name, before=before, after=after, limit=limit)
    response = json_response({"messages": page.messages, "last-event-id": page.token})
    if links := _links(request, page, limit):
        response["Link"] = links
    response["Cache-Control"] = "no-store"
    return response


@router.patch(
    "/{name}/messages/{message_id}/",
    response={200: MessageOut, WRITE_REFUSALS: ProblemOut},
    by_alias=True,
    summary="Change a message",
    openapi_extra=body_of("EditIn", patch=True),
)
def edit_message(request: HttpRequest, name: str, message_id: int, body: EditIn) -> HttpResponse:
    """Change the text of a message of your own, within EDIT_MINUTES. Readers get `message-edited`."""
    person = writer(request, Scope.POST)
    room = access.known_room(person, name)
    return answer(actions.edit_message(person, room, message_id, body.text))


@router.delete(
    "/{name}/messages/{message_id}/",
    response={204: None, WRITE_REFUSALS: ProblemOut},
    summary="Delete a message",
)
def delete_message(request: HttpRequest, name: str, message_id: int) -> HttpResponse:
    """Delete the text of a message: your own within EDIT_MINUTES, moderators anybody's, always.

    Readers get `message-deleted`. A second time it is not there any more: 404 MESSAGE_INVALID.
    """
    person = writer(request, Scope.POST)
    actions.delete_message(person, access.known_room(person, name), message_id)
    return done()


def _links(request: HttpRequest, page: history.Page, limit: int) -> str:
    def link(rel: str, **query: Any) -> str:
        return f'<{request.path}?{urlencode({**query, "limit": limit})}>; rel="{rel}"'

    links = []
    if page.messages and page.has_older:
        links.append(link("next", before=page.messages[-1]["id"]))
    if page.messages and page.has_newer:
        links.append(link("prev", after=page.messages[0]["id"]))
    return ", ".join(links)
