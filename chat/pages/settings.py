"""/rooms/<room>/settings/: the room, who belongs to it, links into it, mutes and bans.

One page; each of its forms posts to an address of its own, works without JavaScript, and comes back with 303.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from chat import access, actions, directory, requester
from chat.models import Membership, Room
from chat.pages.answers import notices, page_response
from chat.pages.context import own_address
from chat.problems import Problem, error_page
from chat.requester import Person

# For how long the form mutes or bans, in minutes; 0: for good.
MINUTES = [(10, "10 minutes"), (60, "1 hour"), (1440, "1 day"), (10_080, "1 week"), (0, "for good")]
Work = Callable[[HttpRequest, Person, Room], Room | None]


@require_safe
def settings(request: HttpRequest, name: str) -> HttpResponse:
    """GET: for moderators; what only owners may change is shown to owners."""
    return _page(request, name)


@require_POST
def change(request: HttpRequest, name: str) -> HttpResponse:
    """POST: title, topic, visibility, archived, notices."""
    return _do(request, name, "room", _change)


@require_POST
def member(request: HttpRequest, name: str) -> HttpResponse:
    """POST: another role for a member, or `remove`."""
    return _do(request, name, "members", _member)


@require_POST
def invite(request: HttpRequest, name: str) -> HttpResponse:
    """POST: a link into the room, shown once on the page that comes back; or `withdraw` one."""
    return _do(request, name, "invites", _invite)


@require_POST
def restriction(request: HttpRequest, name: str) -> HttpResponse:
    """POST: mute or ban somebody by name; or `lift` a mute or a ban."""
    return _do(request, name, "restrictions", _lift if "lift" in request.POST else _restrict)


@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """POST: delete the room, whose title must be in `confirm`; then to the list of rooms."""
    try:
        person = requester.person_of(request)
        room = access.known_room(person, name)
        access.check_own(person, room)
        if " ".join(request.POST.get("confirm", "").split()) != room.title:
            words = f"Nothing was deleted: to delete the room, write its title, {room.title}."
            raise Problem("CONFIRM_REQUIRED", words)
        actions.delete_room(person, room)
    except Problem as problem:
        return _page(request, name, "delete", problem)
    messages.success(request, f"{room.title} was deleted.", extra_tags="rooms")
    return HttpResponseRedirect(reverse("rooms"), status=303)


def _change(request: HttpRequest, person: Person, room: Room) -> Room:
    changes: dict[str, Any] = {"title": request.POST.get("title", ""), "topic": request.POST.get("topic", "")}
    if (visibility := request.POST.get("visibility", room.visibility)) != room.visibility:
        changes["visibility"] = visibility
    if (archived := "archived" in request.POST) != (room.archived_at is not None):
        changes["archived"] = archived
    # The box of notices comes with a field that says so: what a form without it leaves out was not unticked.
    if "has_notices" in request.POST:
        changes["notices"] = "notices" in request.POST
    changed = actions.change_room(person, room, **changes)
    messages.success(request, "Saved.", extra_tags="room")
    return changed


def _member(request: HttpRequest, person: Person, room: Room) -> None:
    user = directory.member(room, request.POST.get("username", ""))
    if "remove" in request.POST:
        actions.remove_member(person, room, user)
        messages.success(request, f"{user.shown_name} is not a member any more.", extra_tags="members")
    else:
        actions.set_role(person, room, user, request.POST.get("role", ""))
        messages.success(request, f"{user.shown_name}: saved.", extra_tags="members")


def _invite(request: HttpRequest, person: Person, room: Room) -> None:
    if "withdraw" in request.POST:
        actions.withdraw_invite(person, room, directory.invite_row(room, request.POST["withdraw"]))
        messages.success(request, "The link is void now.", extra_tags="invites")
        return
    days = request.POST.get("days", "")
    number = int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0
    _, secret = actions.invite(person, room, number)
    messages.success(request, own_address(request, f"/accounts/invites/{secret}/"), extra_tags="link")


def _restrict(request: HttpRequest, person: Person, room: Room) -> None:
    minutes = request.POST.get("minutes", "0")
    if minutes not in {str(number) for number, _ in MINUTES}:
        raise Problem("PARAMETER_INVALID", "Choose for how long.")
    until = timezone.now() + timedelta(minutes=int(minutes)) if minutes != "0" else None
    user = directory.named(request.POST.get("name", ""))
    made = actions.restrict(person, room, request.POST.get("kind", ""), user, until=until)
    messages.success(request, f"{user.shown_name}: {made.get_kind_display().lower()}.", extra_tags="restrictions")


def _lift(request: HttpRequest, person: Person, room: Room) -> None:
    actions.lift(person, room, directory.restriction_row(room, request.POST.get("lift", "")))
    messages.success(request, "Lifted.", extra_tags="restrictions")


def _do(request: HttpRequest, name: str, section: str, work: Work) -> HttpResponse:
    """Do the work of a form of `section`; a refusal is said there, with what was written."""
    try:
        person = requester.person_of(request)
        room = access.known_room(person, name)
        access.check_moderate(person, room)
        changed = work(request, person, room)
    except Problem as problem:
        return _page(request, name, section, problem)
    url = reverse("room-settings", args=[(changed or room).name])
    return HttpResponseRedirect(f"{url}#{section}", status=303)


def _page(request: HttpRequest, name: str, section: str = "", problem: Problem | None = None) -> HttpResponse:
    try:
        person = requester.viewer_of(request)
        room = access.known_room(person, name)
        access.check_signed_in(person)
        access.check_moderate(person, room)
    except Problem as refusal:
        return error_page(request, refusal)
    try:
        members, has_more_members = directory.members(room, request.GET.get("members", ""))
    except Problem as gone:  # they left while the page was read
        return error_page(request, gone)
    context = {
        "room": room,
        "can_own": access.can_own(person, room),
        "has_hooks": access.can_hook(person, room),
        "is_direct": room.kind != Room.Kind.ROOM,
        "members": members,
        "members_after": members[-1].user.username if has_more_members else "",
        "roles": Membership.Role.choices,
        "invites": [(directory.invite_data(one)["id"], one) for one in directory.invites(room)],
        "restrictions": [(directory.restriction_data(one)["id"], one) for one in directory.restrictions(room)],
        "form": _form(request, room, section),
        "restricting": _restricting(request, section),
        "minutes": MINUTES,
        "can_delete": access.can_own(person, room) and room.name_key != actions.DEFAULT_ROOM,
        "error": problem.detail if problem else "",
        "error_section": section if problem else "",
        "error_field": _field(problem) if problem and section == "room" else "",
        "notices": notices(request),
        "title_max": actions.TITLE_MAX,
        "topic_max": actions.TOPIC_MAX,
    }
    return page_response(request, "room_settings.html", context, problem)


def _form(request: HttpRequest, room: Room, section: str) -> dict[str, Any]:
    """What the form of the room shows: what was written when it was refused, else what is."""
    if section == "room":
        written = {name: request.POST.get(name, "") for name in ("title", "topic", "visibility")}
        return {**written, "archived": "archived" in request.POST, "notices": "notices" in request.POST}
    return {
        "title": room.title,
        "topic": room.topic,
        "visibility": room.visibility,
        "archived": room.archived_at is not None,
        "notices": room.notices,
    }


def _restricting(request: HttpRequest, section: str) -> dict[str, str]:
    """What the form of mutes and bans shows: what was written when it was refused."""
    written = request.POST if section == "restrictions" else {}
    return {name: written.get(name, "") for name in ("name", "kind", "minutes")}


def _field(problem: Problem) -> str:
    """Which field of the room's form a refusal is about."""
    if problem.code in ("TEXT_INVALID", "ROOM_INVALID"):
        return "topic" if "topic" in problem.detail else "title"
    return "visibility"
