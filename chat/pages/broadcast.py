"""/-/broadcast/: staff write into many rooms at once, after a look at how many they are."""

import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from chat import access, actions, roomlists
from chat.models import Message, Room, User
from chat.pages.answers import page_response, person_at, sign_in_first
from chat.problems import Problem, error_page

KINDS = (
    (Message.Type.MESSAGE.value, "Message"),
    (Message.Type.WARNING.value, "Warning"),
    (Message.Type.ALERT.value, "Alert"),
    (Message.Type.MUTED.value, "Note"),
)
ROOMS_MAX = 200  # that the page offers to choose from


@csrf_protect
@require_http_methods(["GET", "POST"])
def broadcast(request: HttpRequest) -> HttpResponse:
    """GET shows the form; POST asks how many rooms it shall be, and POST with `sure` sends."""
    try:
        person = person_at(request)
        if not isinstance(person, User):
            if text := request.POST.get("text"):  # signed out meanwhile: what was written is given back
                return error_page(request, Problem("USER_HAS_TO_LOGIN", "You are not signed in any more."), text)
            return sign_in_first(request)
        access.check_broadcast(person)
    except Problem as problem:
        return error_page(request, problem)
    form = _form(request)
    names = form["rooms"] if form["which"] == "some" else None
    try:
        if request.method != "POST" or "back" in request.POST:
            return _page(request, person, form)
        if "sure" not in request.POST:
            actions.check_text(form["text"])
            return _page(request, person, form, asked=len(actions.rooms_of_broadcast(person, names)))
        sent = actions.broadcast(person, form["text"], kind=form["kind"], names=names, key=form["key"])
    except Problem as problem:
        return _page(request, person, form, problem=problem)
    return _page(request, person, form, sent=sent)


def _form(request: HttpRequest) -> dict[str, Any]:
    kind = request.POST.get("type", "0")
    return {
        "text": request.POST.get("text", ""),
        "kind": int(kind) if kind in ("0", "1", "2", "3") else -1,
        "which": request.POST.get("which", "all"),
        "rooms": request.POST.getlist("room"),
        "key": request.POST.get("key") or secrets.token_urlsafe(12),
    }


def _page(request: HttpRequest, person: User, form: dict[str, Any], **result: Any) -> HttpResponse:
    problem: Problem | None = result.get("problem")
    context: dict[str, Any] = {
        **result,
        "form": form,
        "kinds": KINDS,
        "rooms": roomlists.offered(person, ROOMS_MAX, kind=Room.Kind.ROOM, archived_at=None),
        "text_max": settings.MESSAGE_MAX_CHARS,
        "error": problem.detail if problem else "",
    }
    return page_response(request, "broadcast.html", context, problem)
