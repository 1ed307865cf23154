"""/rooms/: the rooms that one may know of, and a form to make another."""

import re
import unicodedata
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from chat import access, actions, limits, requester, roomlists
from chat.models import Room
from chat.pages.answers import blame, notices, page_response
from chat.problems import Problem, error_page
from chat.requester import Person

# Which field of the form a refusal is about.
FIELDS = {
    "NAME_INVALID": "name",
    "ROOM_INVALID": "name",
    "ROOM_TAKEN": "name",
    "TEXT_INVALID": "title",
    "PARAMETER_INVALID": "visibility",
    "ROOM_ACCESS_DENIED": "visibility",
}


@csrf_protect
def rooms(request: HttpRequest) -> HttpResponse:
    """GET /rooms/ shows the page; POST makes a room and goes there."""
    if request.method != "POST":
        return _page(request, {}, None)
    form = {name: request.POST.get(name, "") for name in ("title", "name", "topic", "visibility")}
    try:
        room = actions.create_room(
            requester.person_of(request),
            form["name"].strip() or suggested_name(form["title"]),
            title=form["title"],
            topic=form["topic"],
            visibility=form["visibility"] or Room.Visibility.OPEN,
            limits=limits.of_room(request),
        )
    except Problem as problem:
        return _page(request, form, problem)
    return HttpResponseRedirect(reverse("room", args=[room.name]), status=303)


@require_POST
def membership(request: HttpRequest, name: str) -> HttpResponse:
    """POST: `join` a room that one may read, or `leave` it; then back to the list."""
    try:
        person = requester.person_of(request)
        room = access.known_room(person, name)
        if "leave" in request.POST:
            actions.leave_room(person, room)
        else:
            actions.join_room(person, room)
    except Problem as problem:
        return error_page(request, problem)
    return HttpResponseRedirect(reverse("rooms"), status=303)


def suggested_name(title: str) -> str:
    """A name for a room of this title: its letters and digits, as far as ASCII has them. "" when it has none."""
    plain = unicodedata.normalize("NFKD", title[: actions.TITLE_MAX]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64]


def _page(request: HttpRequest, form: dict[str, str], problem: Problem | None) -> HttpResponse:
    """One's own rooms stand first, whatever others have made; further pages have the one or the other."""
    person = requester.viewer_of(request)
    after, own_after = request.GET.get("after", ""), request.GET.get("own_after", "")
    mine, more_mine = ([], {}) if after else _rooms(person, own_after, roomlists.Own.ONLY)
    others, more = ([], {}) if own_after else _rooms(person, after, roomlists.Own.NONE)
    sizes = roomlists.sizes(mine + others)
    for room in mine + others:
        room.size, room.may_moderate = sizes.get(room.pk, 0), access.can_moderate(person, room)
    context: dict[str, Any] = {
        "mine": mine,
        "others": others,
        "mine_after": more_mine.get("after", ""),
        "after": more.get("after", ""),
        "is_first": not (after or own_after),
        "form": form,
        **blame(problem, FIELDS),
        "notices": notices(request),
        "title_max": actions.TITLE_MAX,
        "topic_max": actions.TOPIC_MAX,
        "strangers_on": settings.STRANGERS,
    }
    return page_response(request, "rooms.html", context, problem)


def _rooms(person: Person, after: str, own: roomlists.Own) -> tuple[list[Any], dict[str, str]]:
    """A page of rooms, to which the template's fields can be added; nothing behind what is no name."""
    return roomlists.page(person, after, roomlists.ROOMS_MAX, own)
