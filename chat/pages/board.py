"""/-/?room=<a>&room=<b>: several rooms side by side, followed over one connection."""

import secrets
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from chat import history, requester, roomlists
from chat.models import User
from chat.names import PERSON_NAME_MAX, room_key
from chat.pages.answers import page_response
from chat.pages.context import page_context, room_context, transport_of, visitor_name
from chat.problems import Problem, error_page
from chat.requester import Person

ROOMS_MAX = 10
LISTED_MAX = 200  # names that the form to join offers


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """GET /-/: the rooms of the address; who has no name yet is asked for one."""
    names = list({room_key(name): name for name in request.GET.getlist("room") if name}.values())
    try:
        transport = transport_of(request)
        person = requester.viewer_of(request)
        if len(names) > ROOMS_MAX:
            raise Problem("PARAMETER_INVALID", f"A page has at most {ROOMS_MAX} rooms.")
    except Problem as problem:
        return error_page(request, problem)
    user_name, error = _name(person, request.GET.get("user", ""))
    if not user_name:
        context = {"names": names, "transport": transport, "error": error, "name_max": PERSON_NAME_MAX}
        return render(request, "board_join.html", context, status=422 if error else 200)
    return _page(request, person, names, user_name, transport)


def _page(request: HttpRequest, person: Person, names: list[str], user_name: str, transport: str) -> HttpResponse:
    """Each room costs two queries: its row and its messages."""
    query = [("user", user_name)] if not person.is_authenticated else []
    query += [("transport", transport)] if transport else []
    columns, refusals = [], []
    for name in names:
        try:
            columns.append(_column(person, name, user_name, history.HTML_BYTES // len(names)))
        except Problem as problem:
            refusals.append((name, problem))
    present = [column["room"].name for column in columns]
    for column in columns:
        others = [name for name in present if name != column["room"].name]
        column["leave_url"] = _url(others, query)
        column["reload_url"] = _url(present, query)
    context = {
        **page_context(person, user_name, transport),
        "columns": columns,
        "refusals": refusals,
        "next": _url(names, []),
        "names": present,
        "change_url": _url(present, [("transport", transport)] if transport else []),
        "known": roomlists.offered(person, LISTED_MAX),
        "rooms_max": ROOMS_MAX,
    }
    status = refusals[0][1].status if refusals and not columns else 200
    return page_response(request, "board.html", context, status=status)


def _column(person: Person, name: str, user_name: str, limit_bytes: int) -> dict[str, Any]:
    page = history.read(person, name, limit_bytes=limit_bytes)
    older = urlencode({"user": user_name, "before": page.messages[-1]["id"]}) if page.has_older else ""
    return {
        **room_context(person, page),
        "client_id": secrets.token_urlsafe(12),
        "older_url": f"{reverse('room', args=[page.room.name])}?{older}" if older else "",
    }


def _url(names: list[str], query: list[tuple[str, str]]) -> str:
    return f"{reverse('board')}?{urlencode([*(('room', name) for name in names), *query])}"


def _name(person: Person, posted: str) -> tuple[str, str]:
    """The name under which to write, and why there is none."""
    if isinstance(person, User):
        return person.shown_name, ""
    try:
        return (visitor_name(posted), "") if posted else ("", "")
    except ValueError as error:
        return "", str(error)
