"""Django's settings of a run: the real ones, the sabotage of single writes, and a moment made longer."""

import time

from gunicorn.http import wsgi

from server.settings import *  # noqa: F403

MIDDLEWARE = [*MIDDLEWARE, "tests.chaos.sabotage.Sabotage"]  # noqa: F405

# Between the header and the body of an answer a kill costs events, unless both go in one write; the moment is some
# microseconds long, which a run of 90 s seldom hits.
MOMENT_SECONDS = 0.005
_send_headers = wsgi.Response.send_headers


def _send_headers_slowly(response: wsgi.Response) -> None:
    if not response.headers_sent:
        _send_headers(response)
        time.sleep(MOMENT_SECONDS)


wsgi.Response.send_headers = _send_headers_slowly
