"""The events endpoint: which rooms, from where, by which transport; and refusals in the form the client can read."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from django_eventstream.utils import sse_encode_error

from chat import access, requester
from chat.channels import ROOM_PREFIX
from chat.models import Room
from chat.problems import Problem, problem_response, room_invalid
from chat.stream import feeds, longpoll, sse, websocket
from chat.stream import presence as holds
from chat.stream.grip import grip_of, is_socket, takes_sockets

SSE = "text/event-stream"
JSON = "application/json"


# A socket's frames come as POSTs of Pushpin's; the Origin of its handshake is checked instead of a form's token.
@csrf_exempt
@takes_sockets
def room_events(request: HttpRequest, name: str) -> HttpResponse:
    """/rooms/<room>/events/: one room."""
    return _answer(request, [name])


@csrf_exempt
@takes_sockets
def events(request: HttpRequest) -> HttpResponse:
    """/events/?channel=room-<a>&channel=room-<b>: several rooms on one connection."""
    return _answer(request, request.GET.getlist("channel"), prefix=ROOM_PREFIX)


@require_http_methods(["GET"])
def room_presence(request: HttpRequest, name: str) -> HttpResponse:
    """/rooms/<room>/presence/: present in one room as long as the connection lasts."""
    return _answer_presence(request, [name])


@require_http_methods(["GET"])
def presence(request: HttpRequest) -> HttpResponse:
    """/presence/?channel=room-<a>&channel=room-<b>: in several rooms on one connection."""
    return _answer_presence(request, request.GET.getlist("channel"), prefix=ROOM_PREFIX)


def _answer_presence(request: HttpRequest, names: list[str], prefix: str = "") -> HttpResponse:
    try:
        kind = _kind_of(request)
        user = access.check_signed_in(requester.reader_of(request))
        found = access.find_rooms_to_follow(request, _room_names(names, prefix))
        rooms = [room or Room() for room in found.values()]
        if not all(room.pk for room in rooms):
            raise room_invalid()
    except Problem as problem:
        return _refuse(request, problem)
    return holds.long_poll(request, user, rooms) if kind == JSON else holds.stream(request, user, rooms)


def _answer(request: HttpRequest, names: list[str], prefix: str = "") -> HttpResponse:
    if is_socket(request):
        return websocket.answer(request, lambda: _room_names(names, prefix, at_least=0))
    return _answer_get(request, names, prefix)


@require_http_methods(["GET"])
def _answer_get(request: HttpRequest, names: list[str], prefix: str) -> HttpResponse:
    try:
        kind = _kind_of(request)
        rooms = feeds.of_request(request, _room_names(names, prefix), feeds.token_text(request))
    except Problem as problem:
        return _refuse(request, problem)
    return longpoll.answer(request, rooms) if kind == JSON else sse.answer(request, rooms)


def _kind_of(request: HttpRequest) -> str:
    """The transport that the request asks for. Raises Problem, also for what did not come through the proxy."""
    if not grip_of(request).proxied:
        raise Problem("PROXY_REQUIRED", "Streams are served through the proxy only: use the public address.")
    accept = request.headers.get("Accept", "")
    if not accept or SSE in accept:
        return SSE
    if JSON in accept:
        return JSON
    if "*/*" in accept or "text/*" in accept:
        return SSE
    raise Problem("NOT_ACCEPTABLE", f"Events come as {SSE}, or as {JSON} by long-polling.")


def _room_names(names: list[str], prefix: str, at_least: int = 1) -> list[str]:
    if len(names) < at_least:
        raise Problem("CHANNEL_INVALID", "Name a room: ?channel=room-<name>.")
    if len(names) > feeds.ROOMS_MAX:
        raise Problem("CHANNEL_INVALID", f"A stream can carry at most {feeds.ROOMS_MAX} rooms.")
    if not all(name.startswith(prefix) for name in names):
        raise Problem("CHANNEL_INVALID", "A channel is called room-<name>.")
    return [name.removeprefix(prefix) for name in names]


def _refuse(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A refusal: as `stream-error` for an EventSource, which can't read the body of an error status."""
    resumed_after_error = feeds.token_text(request) == "error"
    if SSE not in request.headers.get("Accept", "") or resumed_after_error or problem.status == 501:
        return problem_response(problem)
    extra = {"code": problem.code, "status": problem.status} | problem.extra()
    body = sse_encode_error(_condition(problem), problem.detail, extra=extra)
    return sse.finish(HttpResponse(body, content_type=SSE))


def _condition(problem: Problem) -> str:
    """django-eventstream's names of conditions."""
    return {401: "forbidden", 403: "forbidden", 404: "item-not-found"}.get(problem.status, "bad-request")
