"""Middleware that harms the writes which ask for it in a header, around the real view and its real transaction."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from chat.stream.grip import is_socket
from tests.chaos.orders import DIE_AFTER_COMMIT, DIE_BEFORE_COMMIT, FOLDER, HEADER, ROLL_BACK

SEND = b'"command":"send"'  # what is harmed of a socket
OPEN_SECONDS = 0.3  # how long a transaction stays open: time for a publish that doesn't wait for the commit to show


class _RolledBackError(Exception):
    """Leaves the transaction."""


class Sabotage:
    """Puts the view into a transaction of its own, so that the view's is a part of it, and decides how that ends.

    A socket carries the header on all its frames; only those that post are harmed, and a worker dies over them once.
    What the view registered with transaction.on_commit runs after this outer commit, or never.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the harm that the header asks for; 503 for what was rolled back."""
        how = request.headers.get(HEADER)
        socket = request.headers.get("Connection-Id") if is_socket(request) else None
        if how is None or (socket and (SEND not in request.body or _note(socket).exists())):
            return self.get_response(request)
        try:
            with transaction.atomic():
                if how == DIE_AFTER_COMMIT:  # registered first, so it runs before the publish
                    transaction.on_commit(lambda: _die(socket))
                response = self.get_response(request)
                if how != DIE_AFTER_COMMIT:
                    time.sleep(OPEN_SECONDS)
                if how == DIE_BEFORE_COMMIT:
                    _die(socket)
                if how == ROLL_BACK:
                    raise _RolledBackError
        except _RolledBackError:
            return HttpResponse("rolled back\n", status=503, content_type="text/plain")
        return response


def _note(socket: str) -> Path:
    return Path(os.environ[FOLDER], f"died-{socket.replace('/', '-')}")


def _die(socket: str | None) -> None:
    if socket:  # Pushpin gives the frame to the next worker, which may live
        _note(socket).touch()
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal may come a moment later, and nothing may happen in between
