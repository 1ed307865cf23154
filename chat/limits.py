"""What requests count under: per person, per API token and per address, by the settings *_LIMIT.

A message counts in the transaction that stores it, see actions.post_message. Every other request that changes something
counts before its view is asked, whatever it is about: a new address is limited without knowing it.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from chat import requester
from chat.actions.limits import Limit, attempt
from chat.middleware import GetResponse, database_is_away
from chat.models import Scope
from chat.problems import Problem, error_page
from chat.requester import Person
from server.env import Rate

# Where messages are posted, as the resolver knows it.
POSTS = ("rooms/<name>/messages/", "hooks/<hook_id>/", "hooks/<hook_id>/<secret>/")
# Where the frames of sockets come in, each as a POST.
SOCKETS = ("events", "room-events")


def of_post(request: HttpRequest, person: Person) -> list[Limit]:
    """What a message of `person` counts under. Who has no account is known by the address only."""
    address = requester.network_of(request)
    who = f"user {person.pk}" if person.is_authenticated else address
    return _on(
        ("post", who, settings.POST_LIMIT),
        ("post with", requester.token_digest_of(request) or None, settings.TOKEN_POST_LIMIT),
        ("post from", address, settings.ADDRESS_POST_LIMIT),
    )


def of_room(request: HttpRequest) -> list[Limit]:
    """The limit under which a new room counts, made by a post or by a form."""
    return _on(("make a room from", requester.network_of(request), settings.ADDRESS_ROOM_LIMIT))


def of_write(request: HttpRequest) -> list[Limit]:
    """What another request that changes something counts under. Whoever the view is going to refuse is nobody here."""
    try:
        person = requester.person_of(request, Scope.READ)
    except Problem:
        person = AnonymousUser()
    who = f"user {person.pk}" if person.is_authenticated else None
    return _on(
        ("write", who, settings.WRITE_LIMIT),
        ("write from", requester.network_of(request), settings.ADDRESS_WRITE_LIMIT),
    )


def _on(*wanted: tuple[str, str | None, Rate]) -> list[Limit]:
    return [Limit(what, who, rate.most, rate.seconds) for what, who, rate in wanted if who is not None and rate.most]


class Limits:
    """Middleware: counts what changes something, but messages. The frames of a socket are no such requests."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go on."""
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer 429 RATE_LIMITED when it was too much; else let the view answer."""
        match = request.resolver_match
        is_post = request.method == "POST" and match is not None and match.route in POSTS
        is_frame = match is not None and match.view_name in SOCKETS
        if request.method in ("GET", "HEAD", "OPTIONS") or is_post or is_frame:
            return None
        try:
            attempt(of_write(request), "RATE_LIMITED")
        except Problem as problem:
            return error_page(request, problem)
        except (DatabaseError, InterfaceError) as error:
            return database_is_away(request, error)
        return None
