"""/health/: whether the process lives, and whether it is ready."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chat import publish
from chat.stream.grip import grip_of
from chat.wire import json_response

DATABASE_AWAY = "The database does not answer."
KEYS_DIFFER = (
    "This request came through a proxy that did not sign it with our key: GRIP_KEY is another one there, or a proxy"
    " leads here past Pushpin. Streams and pages are refused."
)


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """GET /health/live: the process answers."""
    return json_response({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """GET /health/ready: 200 when people can be served by the way that this request came, else 503 and the `cause`.

    Asked past the proxy it is a test of the database; the proxies' state is in the body. Asked through the proxy it is
    a test of the key, too: with another one all streams would be refused.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    cause = DATABASE_AWAY if not database else KEYS_DIFFER if _is_badly_signed(request) else ""
    body = {"status": "unavailable" if cause else "ok", "database": database, "proxies": publish.states()}
    if cause:
        body["cause"] = cause
    return json_response(body, 503 if cause else 200, {"Cache-Control": "no-store"})


def _is_badly_signed(request: HttpRequest) -> bool:
    """Whether a proxy handed the request on without a signature that holds. Pushpin writes both headers. Another proxy
    writes the second one only, which is fine where unsigned requests are accepted."""
    came_through = "X-Forwarded-For" in request.headers and settings.PROXY_REQUIRED
    return ("Grip-Sig" in request.headers or came_through) and not grip_of(request).signed
