"""/accounts/bots/ for browsers: bots of one's own; make and close them, and add them to rooms."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.csrf import csrf_protect

from chat import access, actions, directory, requester, roomlists
from chat.models import Scope, User
from chat.names import PERSON_NAME_MAX
from chat.pages.answers import notices, page_response, person_at, sign_in_first
from chat.problems import Problem, error_page

ROOMS_MAX = 200  # that the forms offer


@csrf_protect
def bots(request: HttpRequest) -> HttpResponse:
    """GET lists one's bots; POST makes one, or takes the one to `close`, or to `add` to a room."""
    try:
        person = person_at(request)
        if not isinstance(person, User):
            return sign_in_first(request)
        requester.check_scope(person, Scope.MANAGE)
    except Problem as problem:
        return error_page(request, problem)
    if request.method != "POST":
        return _page(request, person)
    try:
        messages.success(request, _change(request, person), extra_tags="bots")
    except Problem as problem:
        return _page(request, person, {"bot" if set(request.POST) & {"close", "add"} else "form": problem.detail})
    except ValidationError as error:
        return _page(request, person, {field: words[0] for field, words in error.message_dict.items()})
    return HttpResponseRedirect(request.path, status=303)


def _change(request: HttpRequest, person: User) -> str:
    """Do what the form asks for, and say it in words. Raises Problem and ValidationError."""
    if "close" in request.POST:
        bot = directory.bot(person, request.POST["close"])
        actions.close_bot(person, bot)
        return f"{bot.shown_name} is closed."
    if "add" in request.POST:
        bot = directory.bot(person, request.POST["add"])
        room = access.known_room(person, request.POST.get("room", ""))
        actions.add_bot(person, room, bot)
        return f"{bot.shown_name} is a member of {room.title} now."
    bot = actions.make_bot(person, request.POST.get("username", "").strip(), request.POST.get("display_name", ""))
    return f"{bot.shown_name} is made. Now make a token for it."


def _page(request: HttpRequest, person: User, errors: dict[str, str] | None = None) -> HttpResponse:
    context: dict[str, Any] = {
        "bots": directory.bots(person),
        "rooms": roomlists.to_invite_into(person, ROOMS_MAX),
        "can_make": _why_not(person) == "",
        "why_not": _why_not(person),
        "form": {name: request.POST.get(name, "") for name in ("username", "display_name")} if errors else {},
        "errors": errors or {},
        "name_max": PERSON_NAME_MAX,
        "notices": notices(request),
    }
    return page_response(request, "accounts/bots.html", context, status=422 if errors else 200)


def _why_not(person: User) -> str:
    """Why this person makes no bots, "" when they may."""
    try:
        access.check_make_bot(person)
    except Problem as problem:
        return problem.detail
    return ""
