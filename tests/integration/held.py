"""Settings of a service whose answers can be held back: those of streams wait while `hold` is in its folder."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from server.settings import *  # noqa: F403

MIDDLEWARE = ["tests.integration.held.held_back", *MIDDLEWARE]  # noqa: F405
LONGEST = 20  # seconds


def held_back(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Wait after the answer was made, as a network would: what it says is old by then. `made` tells of it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        begin = time.monotonic()
        while request.path.endswith("/events/") and (VAR / "hold").exists():  # noqa: F405
            (VAR / "made").touch()  # noqa: F405
            if time.monotonic() - begin > LONGEST:
                break
            time.sleep(0.02)
        return response

    return middleware
