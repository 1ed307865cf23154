"""Settings of a service whose answers take their time, as on a slow network: what they say is old when they arrive.

Files in the folder of the service decide. While `hold` is there, the answers of streams wait, and `made` tells that one
was made. `slow` holds the seconds that each answer to a recovery takes; `recovering` tells of one.
"""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from server.settings import *  # noqa: F403

MIDDLEWARE = ["tests.slowed.slowly", *MIDDLEWARE]  # noqa: F405
LONGEST = 20  # seconds
PAUSE = 0.02


def slowly(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Wait after the answer was made."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        begin = time.monotonic()
        while _is_held(request.path, time.monotonic() - begin):
            time.sleep(PAUSE)
        return response

    return middleware


def _is_held(path: str, seconds: float) -> bool:
    """Whether an answer that was made so many seconds ago has to wait."""
    if path.startswith("/recover/"):
        slow = VAR / "slow"  # noqa: F405
        (VAR / "recovering").touch()  # noqa: F405
        return seconds < float((slow.read_text() if slow.exists() else "") or 0)
    if path.endswith("/events/") and (VAR / "hold").exists():  # noqa: F405
        (VAR / "made").touch()  # noqa: F405
        return seconds < LONGEST
    return False
