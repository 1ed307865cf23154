"""What every response gets: security headers, and refusals in the form of the API."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse

from chat.problems import Problem, error_page, problem_response

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]

# The content type of a socket's frames, as Pushpin sends it: it lets no client send exactly this.
WEBSOCKET_EVENTS = "application/websocket-events"
# Everything comes from here: no inline scripts, no other sites. `data:` is for the icons of the API's page.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)


def security_headers(get_response: GetResponse) -> GetResponse:
    """Set the headers that protect pages."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            policy = CONTENT_SECURITY_POLICY
            if request.path.startswith(("/api/docs", "/admin/")):  # their pages carry styles of their own
                policy += "; style-src 'self' 'unsafe-inline'"
            response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware


def bare_heads(get_response: GetResponse) -> GetResponse:
    """Answer a HEAD without a body: gunicorn drops it and warns in the log, for each probe that asks if we live."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD" and not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    return middleware


class Refusals:
    """Turns what Django answers in its own words into problem documents."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Give a 405 its code."""
        response = self.get_response(request)
        if response.status_code == 405:
            allow = {"Allow": response.headers.get("Allow", "GET")}
            return problem_response(
                Problem("METHOD_NOT_ALLOWED", "This address doesn't take that method.", headers=allow)
            )
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Frames of a socket are for the views that take them, and only in the spelling that Pushpin itself sends.

        Pushpin refuses a client's `application/websocket-events`, but lets other spellings of it through, which Django
        and django-grip read as the same.
        """
        if request.content_type != WEBSOCKET_EVENTS:
            return None
        if request.META["CONTENT_TYPE"] == request.content_type and getattr(view, "takes_sockets", False):
            return None
        return problem_response(Problem("CONTENT_TYPE_UNSUPPORTED", "There is no socket here."))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A refusal from deep inside, as by the limits of signing in; and a database that is away, which is a 503 with
        Retry-After and not an error of ours."""
        if isinstance(exception, Problem):
            return error_page(request, exception)
        if isinstance(exception, DataError):  # it is there, and was given what it can't hold, as NUL in a cookie
            logger.warning("data error on %s", request.path)
            return problem_response(Problem("BODY_INVALID", "The request holds what can't be read."))
        if isinstance(exception, DatabaseError | InterfaceError):
            return database_is_away(request, exception)
        return None


def database_is_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """503, and a line in the log."""
    logger.warning("database error on %s: %s", request.path, type(error).__name__)
    again = {"Retry-After": "1"}
    return problem_response(
        Problem("SERVICE_UNAVAILABLE", "The database doesn't answer right now. Try again.", headers=again)
    )
