"""A worker that gets a signal at the worst moment, and what it serves, for tests/integration/test_signals.py."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings

from server.worker import Worker

FOLDER, SIGNAL = "INTERRUPTED_FOLDER", "INTERRUPTED_BY"  # variables of the environment
SLOW_SECONDS = 20

if not settings.configured:
    settings.configure()


def note(name: str) -> bool:
    """Leave a file for the test. Returns False when it is there already."""
    try:
        (Path(os.environ[FOLDER]) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Pool(ThreadPoolExecutor):
    """Sends its process the signal once, while the main thread hands over a request and holds the locks for it."""

    def _adjust_thread_count(self) -> None:
        if (number := os.environ.get(SIGNAL)) and note("interrupted"):
            signal.raise_signal(int(number))
        super()._adjust_thread_count()  # type: ignore[misc]


class Interrupted(Worker):
    """The worker of the service but for that pool."""

    def get_thread_pool(self) -> Pool:
        """Give the pool to gunicorn."""
        return Pool(max_workers=self.cfg.threads)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the number of the process; on /slow, after a while."""
    if environ["PATH_INFO"] == "/slow":
        note("slow")
        time.sleep(SLOW_SECONDS)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
