"""What django_grip found out about a request: whether a proxy signed it, and whether it brings frames of a socket.

django_grip's middleware does two things. It reads a request, which must come first: nothing is looked at that no proxy
has signed. And it turns the answer of a view into instructions for Pushpin, which must come last, within the sessions:
the answer to a socket's frames is made anew, and would lose a cookie that was set before.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_grip import GripMiddleware

from chat.middleware import WEBSOCKET_EVENTS, GetResponse
from chat.problems import Problem, problem_response

View = TypeVar("View", bound=Callable[..., Any])
# Answered to everybody: whoever watches over the service asks gunicorn itself.
HEALTH = "/health/"
_STREAMS = re.compile(r"/(?:rooms/[^/]+/)?(?:events|presence)/?\Z")
_WORDS = "This service answers what comes through its proxy only: use the public address."


def signed_only(get_response: GetResponse) -> GetResponse:
    """Middleware: read who signed the request, and refuse it when none of our proxies did.

    Without the proxy nobody is told where a request came from, and nothing keeps a client from sending what only
    Pushpin may say (SECURITY.md). PROXY_REQUIRED=false accepts unsigned requests, but no streams.
    """
    reader = GripMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponse:
        is_unreadable = reader.process_request(request) is not None
        if settings.PROXY_REQUIRED and not grip_of(request).signed and not request.path_info.startswith(HEALTH):
            code = "PROXY_REQUIRED" if _STREAMS.match(request.path_info) else "REQUEST_UNSIGNED"
            return problem_response(Problem(code, _WORDS))
        if is_unreadable:
            return problem_response(Problem("BODY_INVALID", "The WebSocket events can't be read."))
        return get_response(request)

    return middleware


class Instructions(GripMiddleware):  # type: ignore[misc]
    """Middleware: the answer of a view, with what Pushpin shall do with it."""

    def process_request(self, request: HttpRequest) -> None:
        """signed_only has read the request already."""


def grip_of(request: HttpRequest) -> Any:
    """What signed_only found out: `proxied`, `signed`, `last`, `start_instruct`."""
    return request.grip  # type: ignore[attr-defined]


def is_socket(request: HttpRequest) -> bool:
    """Whether these are frames of a WebSocket: by the exact content type, which Pushpin lets no client send."""
    return request.method == "POST" and request.META.get("CONTENT_TYPE") == WEBSOCKET_EVENTS


def takes_sockets(view: View) -> View:
    """Mark a view that answers frames of a socket; to all others they are refused (chat.middleware)."""
    view.takes_sockets = True  # type: ignore[attr-defined]
    return view
