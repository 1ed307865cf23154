"""/health/: whether the process lives, and whether it is ready."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chat import publish
from chat.wire import json_response


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """GET /health/live: the process answers."""
    return json_response({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """GET /health/ready: 503 only when the database doesn't answer; the proxies' state is in the body."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    body = {"status": "ok" if database else "unavailable", "database": database, "proxies": publish.states()}
    return json_response(body, 200 if database else 503, {"Cache-Control": "no-store"})
