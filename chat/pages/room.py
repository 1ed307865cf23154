"""/ and /<room>: the chat of one room, and the page on which one joins it."""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from chat import actions, history, requester
from chat.models import Room, User
from chat.names import PERSON_NAME_MAX
from chat.pages.answers import page_response
from chat.pages.context import of_no_room, page_context, room_context, transport_of, visitor_name
from chat.problems import Problem, error_page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """GET /: the join page of the first room, or on to it."""
    if "user" in request.GET:
        return HttpResponseRedirect(f"{reverse('room', args=[actions.DEFAULT_ROOM])}?{request.GET.urlencode()}")
    return room(request, actions.DEFAULT_ROOM)


@require_safe
def room(request: HttpRequest, name: str) -> HttpResponse:
    """GET /<room>: who is signed in goes into the chat; others with `?user=`, and without it to the join page."""
    try:
        person = requester.viewer_of(request)
    except Problem as problem:
        return error_page(request, problem)
    if isinstance(person, User):
        return chat_page(request, name, person.shown_name)
    if user := request.GET.get("user", ""):
        try:
            user = visitor_name(user)
        except ValueError as error:
            return _join_page(request, name, error=str(error))
        return chat_page(request, name, user)
    return _join_page(request, name)


@dataclass(frozen=True)
class Unsent:
    """A text whose post was refused, and why. It stays the text of `posting_as` (requester.id_of), whoever is signed in
    now; "" if nobody said whose it is."""

    text: str
    error: Problem
    posting_as: str = ""


def chat_page(request: HttpRequest, name: str, user_name: str, unsent: Unsent | None = None) -> HttpResponse:
    """The chat of one room with its last messages, and with what was written and not sent."""
    try:
        before = _number(request.GET.get("before", ""))
        transport = transport_of(request)
        person = requester.viewer_of(request)
        page = history.read(person, name, before=before, limit_bytes=history.HTML_BYTES)
    except Problem as problem:
        return error_page(request, problem, unsent.text if unsent else "")
    if page.room.kind == Room.Kind.STRANGERS:
        return HttpResponseRedirect(reverse("strangers"))
    if isinstance(person, User):
        user_name = person.shown_name
        offer = of_no_room(person, page.room)
        if offer and request.method != "POST" and "user" not in request.GET:
            return page_response(request, "no_room.html", {"room": page.room, "title_max": actions.TITLE_MAX, **offer})
    context = {
        **page_context(person, user_name, transport),
        **room_context(person, page),
        "client_id": secrets.token_urlsafe(12),
        "error": unsent.error.detail if unsent else "",
        "draft": unsent.text if unsent else "",
        "posting_as": unsent.posting_as if unsent else "",
        "older_url": _older_url(request, page, user_name),
        "reload_url": f"{reverse('room', args=[page.room.name])}?{urlencode({'user': user_name})}",
        "change_url": _change_url(page.room.name, transport),
    }
    return page_response(request, "chat.html", context, unsent.error if unsent else None)


def _join_page(request: HttpRequest, name: str, error: str = "") -> HttpResponse:
    try:
        transport = transport_of(request)
        person = requester.viewer_of(request)
        page = history.read(person, name, limit=1)
    except Problem as problem:
        return error_page(request, problem)
    context = {
        "room": page.room,
        **of_no_room(person, page.room),
        "name_max": PERSON_NAME_MAX,
        "error": error,
        "transport": transport,
        "sign_up_on": settings.SIGN_UP,
        "guests_on": settings.GUESTS,
        "strangers_on": settings.STRANGERS,
    }
    return render(request, "join.html", context, status=422 if error else 200)


def _older_url(request: HttpRequest, page: history.Page, user_name: str) -> str:
    if not page.messages or not page.has_older:
        return ""
    query = urlencode({"user": user_name, "before": page.messages[-1]["id"]})
    return f"{reverse('room', args=[page.room.name])}?{query}"


def _change_url(name: str, transport: str) -> str:
    query = f"?{urlencode({'transport': transport})}" if transport else ""
    return f"{reverse('room', args=[name])}{query}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
