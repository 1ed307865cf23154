"""Settings of a service whose streams are slow: `slow` in its folder holds the seconds that each recovery takes."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from server.settings import *  # noqa: F403

MIDDLEWARE = ["tests.scale.slow.slowly", *MIDDLEWARE]  # noqa: F405


def slowly(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Wait after the answer was made, as a network would: what it says is old by then."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith("/recover/"):
            begin = time.monotonic()
            while time.monotonic() - begin < float((VAR / "slow").read_text() or 0):  # noqa: F405
                time.sleep(0.02)
        return response

    return middleware
