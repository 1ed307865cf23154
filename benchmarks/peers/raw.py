"""Pushpin alone: our configuration of it before an origin that answers every request with a hold."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.load import mark
from benchmarks.peers.peer import Peer

CHANNEL = "bench"
BODY = b"retry: 2000\nevent: stream-open\nid: room-bench:0\ndata: \n\n"
HEADERS = [
    ("Content-Type", "text/event-stream"),
    ("Grip-Hold", "stream"),
    ("Grip-Channel", CHANNEL),
    ("Grip-Keep-Alive", "event: keep-alive\\ndata:\\n\\n; format=cstring; timeout=20"),
]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The origin."""
    if environ["PATH_INFO"] == "/ready":
        start_response("200 OK", [("Content-Length", "0")])
        return []
    start_response("200 OK", [*HEADERS, ("Content-Length", str(len(BODY)))])
    return [BODY]


class Raw(Peer):
    """The limit of the design."""

    name = "raw"
    published = 0

    def prepare(self) -> None:
        """Nothing: it stores nothing."""

    def wait_ready(self) -> None:
        """Wait until the origin answers through Pushpin."""
        self._wait_for("/ready")

    def _command(self, name: str) -> list[str]:
        if name == "pushpin":
            return super()._command(name)
        # As many workers and threads as Corkboard has, so that storms meet the same door.
        return [sys.executable, "-m", "gunicorn", "-c", "server/gunicorn.conf.py", "benchmarks.peers.raw:application"]

    def stream_path(self, room: str) -> str:
        """Any address will do."""
        return "/stream"

    def items(self, number: int) -> list[list[str]]:
        """Items for the publisher, each of the size that Corkboard's have. No id comes twice: Pushpin drops repeats."""
        first = self.published + 1
        self.published += number
        return [[_item(eid)] for eid in range(first, first + number)]


def _item(eid: int) -> str:
    text = f"p1-{eid} says something of an ordinary length {mark(0)}"
    data = (
        f'{{\\"id\\":{eid},\\"room\\":\\"bench\\",\\"from\\":\\"ann\\",\\"date\\":\\"2026-11-21T05:20:52.974Z\\",'
        f'\\"text\\":\\"{text}\\",\\"type\\":0,\\"verified\\":false}}'
    )
    content = f"event: message\\nid: room-bench:{eid}\\ndata: {data}\\n\\n"
    return (
        f'{{"channel":"{CHANNEL}","id":"{eid}","prev-id":"{eid - 1}",'
        f'"formats":{{"http-stream":{{"content":"{content}"}}}}}}'
    )
