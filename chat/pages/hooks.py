"""/rooms/<room>/hooks/: the webhooks of a room, for its owners, and the log of each outgoing one.

All forms of the page post to its own address and work without JavaScript. A secret is shown once, on the page that
comes back.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_protect

from chat import access, actions, directory, requester
from chat.models import OutgoingHook, Room
from chat.names import PERSON_NAME_MAX
from chat.outbound import URL_MAX
from chat.pages.answers import blame, notices, page_response
from chat.pages.context import own_address
from chat.problems import Problem, error_page
from chat.requester import Person

# Which field of the two forms a refusal is about.
FIELDS = {"NAME_INVALID": "name", "NAME_TAKEN": "name", "URL_INVALID": "url"}


@csrf_protect
def hooks(request: HttpRequest, name: str) -> HttpResponse:
    """GET shows them; POST makes one (`kind`), or does what the button says: withdraw, test, on, off."""
    if request.method != "POST":
        return _page(request, name)
    try:
        person = requester.person_of(request)
        access.check_signed_in(person)
        room = access.known_room(person, name)
        access.check_hooks(person, room)
        _do(request, person, room)
    except Problem as problem:
        return _page(request, name, problem)
    return HttpResponseRedirect(reverse("room-hooks", args=[room.name]), status=303)


def deliveries(request: HttpRequest, name: str, hook_id: str) -> HttpResponse:
    """GET: the last attempts of an outgoing webhook."""
    try:
        room = _own_room(request, name)
        hook = directory.outgoing_hook(room, hook_id)
    except Problem as problem:
        return error_page(request, problem)
    found = [(directory.delivery_data(room, one), one) for one in directory.deliveries(hook)]
    return page_response(request, "room_deliveries.html", {"room": room, "hook": hook, "deliveries": found})


def _do(request: HttpRequest, person: Person, room: Room) -> None:
    form = request.POST
    if form.get("kind") == "incoming":
        incoming, secret = actions.make_incoming_hook(person, room, form.get("name", ""))
        messages.success(request, own_address(request, f"/hooks/{incoming.public_id}/"), extra_tags="address")
        messages.success(request, secret, extra_tags="secret")
    elif form.get("kind") == "outgoing":
        outgoing = actions.make_outgoing_hook(person, room, form.get("url", "").strip())
        messages.success(request, outgoing.secret, extra_tags="secret")
    elif "withdraw" in form:
        actions.withdraw_hook(person, room, directory.hook(room, form["withdraw"]))
        messages.success(request, "The webhook is withdrawn.", extra_tags="hooks")
    elif "test" in form:
        actions.test_hook(person, room, directory.outgoing_hook(room, form["test"]))
        messages.success(request, "A test is on its way: the log says what came of it.", extra_tags="hooks")
    elif "on" in form or "off" in form:
        hook = directory.outgoing_hook(room, form.get("on", form.get("off", "")))
        actions.enable_hook(person, room, hook, "on" in form)
        messages.success(request, f"Switched {'on' if 'on' in form else 'off'}.", extra_tags="hooks")
    else:
        raise Problem("PARAMETER_INVALID", "A webhook is incoming or outgoing.")


def _own_room(request: HttpRequest, name: str) -> Room:
    person = requester.viewer_of(request)
    room = access.known_room(person, name)
    access.check_signed_in(person)
    access.check_hooks(person, room)
    return room


def _page(request: HttpRequest, name: str, problem: Problem | None = None) -> HttpResponse:
    try:
        room = _own_room(request, name)
    except Problem as refusal:
        return error_page(request, problem or refusal)
    incoming, outgoing = directory.hooks(room)
    context = {
        "room": room,
        "incoming": incoming,
        "outgoing": [(_state(hook), hook) for hook in outgoing],
        "notices": notices(request),
        **blame(problem, FIELDS),
        "form": {field: request.POST.get(field, "") for field in ("name", "url")},
        "name_max": PERSON_NAME_MAX,
        "url_max": URL_MAX,
    }
    return page_response(request, "room_hooks.html", context, problem)


def _state(hook: OutgoingHook) -> str:
    if hook.disabled_at:
        return "off"
    return "failing" if hook.failures else "on"
