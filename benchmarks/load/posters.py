"""Posters in one process, each with a connection of its own and one message under way at a time.

`python -m benchmarks.load.posters JSON` posts and prints one line of JSON: what `run` returns. Where the server closes
the connection, a poster connects again, and the answer's time includes that. Over HTTP a refused post is repeated under
the same Idempotency-Key, as docs/api.md asks of clients; over a WebSocket the answer is the server's `{"stored": id}`.
"""

import itertools
import json
import os
import struct
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load import mark
from benchmarks.load.connection import Connection

MASK = b"\0\0\0\0"
NUMBERS = itertools.count()  # no name, and so no key of a message, comes twice


@dataclass
class Result:
    """The answers and failures of one poster. Times in seconds."""

    failed: int = 0
    answers: list[float] = field(default_factory=list)


class Poster(threading.Thread):
    """Posts until the end, or `number` messages, at most `rate` a second."""

    def __init__(self, order: dict[str, Any], name: str) -> None:
        super().__init__(name=name)
        self.order = order
        self.result = Result()
        self.connection = Connection(order["port"])

    def run(self) -> None:
        """Post."""
        end = time.monotonic() + self.order["seconds"]
        pause = 1 / self.order["rate"] if self.order.get("rate") else 0.0
        due = time.monotonic()
        count = 0
        while time.monotonic() < end and count < (self.order.get("number") or 1 << 62):
            if pause:
                time.sleep(max(0, due - time.monotonic()))
                due += pause
            count += 1
            self._post_until_stored(f"{self.name}-{count}", end + 10)
        self.connection.close()

    def _post_until_stored(self, key: str, end: float) -> None:
        text = f"{key} says something of an ordinary length {mark(time.monotonic_ns())}"
        while time.monotonic() < end:
            start = time.monotonic()
            try:
                taken = self._post_once(key, text)
            except (OSError, ValueError):
                taken = False
            if taken:
                self.result.answers.append(time.monotonic() - start)
                return
            self.result.failed += 1
            self.connection.close()
            time.sleep(0.1)

    def _post_once(self, key: str, text: str) -> bool:
        return self._post_frame(text) if self.order.get("websocket") else self._post_form(key, text)

    def _post_form(self, key: str, text: str) -> bool:
        body = urllib.parse.urlencode({"from": self.name, "text": text})
        status = self.connection.post(
            f"POST {self.order['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: {key}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        return status in (200, 201)

    def _post_frame(self, text: str) -> bool:
        if not self.connection.is_open:
            self.connection.send(self.order["websocket"].encode())
            self.connection.read_until(b"\r\n\r\n")
        self.connection.send(frame({"from": self.name, "text": text}))
        self.connection.read_until(b'"stored"')
        self.connection.read_until(b"}")
        return True


def frame(command: dict[str, str]) -> bytes:
    """A command as a client's frame of a WebSocket."""
    data = json.dumps(command).encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
    return b"\x81" + size + MASK + data


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Post as ordered: by `posters` posters to `port` and `path`, or on the `websocket` of this request; for so many
    `seconds`, or a `number` of messages each; at most `rate` a second. How many were stored, how long that took, and
    half of the answers, in seconds; how often something failed, how often it connected, and the CPU of this process."""
    before = os.times()
    posters = [Poster(order, f"p{os.getpid()}-{next(NUMBERS)}") for _ in range(order["posters"])]
    start = time.monotonic()
    for poster in posters:
        poster.start()
    for poster in posters:
        poster.join()
    seconds = time.monotonic() - start
    answers = sorted(answer for poster in posters for answer in poster.result.answers)
    times = os.times()
    return {
        "stored": len(answers),
        "failed": sum(poster.result.failed for poster in posters),
        "connected": sum(poster.connection.opened for poster in posters),
        "seconds": seconds,
        "median": answers[len(answers) // 2] if answers else 0.0,
        "cpu": times.user + times.system - before.user - before.system,
    }


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
