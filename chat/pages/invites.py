"""/accounts/invites/<secret>/: an invitation, and its acceptance."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from chat import access, actions, directory, requester
from chat.models import Scope
from chat.pages.answers import page_response
from chat.problems import Problem, error_page, prefers_html
from chat.wire import json_response


@csrf_exempt  # requester.person_of looks at the origin, as for the API: programs accept invitations, too
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, secret: str) -> HttpResponse:
    """GET shows what one is invited to and changes nothing; POST makes a member and goes to the room.

    A program gets the room as JSON. Who is not signed in sees the ways in, and comes back here.
    """
    try:
        if request.method == "POST":
            return _accept(request, secret)
        found = access.find_invite(requester.viewer_of(request), secret)
    except Problem as problem:
        return error_page(request, problem)
    context = {"invite": found, "room": found.room, "sign_up_on": settings.SIGN_UP, "guests_on": settings.GUESTS}
    return page_response(request, "invite.html", context)


def _accept(request: HttpRequest, secret: str) -> HttpResponse:
    person = requester.person_of(request, Scope.POST)
    room = access.known_room(person, actions.accept_invite(person, secret).name)
    if prefers_html(request):
        return HttpResponseRedirect(reverse("room", args=[room.name]), status=303)
    return json_response(directory.room_data(room), headers={"Cache-Control": "no-store"})
