"""Posters in one process, each with a kept connection and one message under way at a time.

`python -m benchmarks.load.posters JSON` posts and prints one line of JSON: how many were stored, how long it took, how
long each answer took. Over HTTP a refused post is repeated under the same Idempotency-Key, as docs/api.md asks of
clients; over a WebSocket the answer is the server's `{"stored": id}`.
"""

import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load import mark

MASK = b"\0\0\0\0"


@dataclass
class Result:
    """What one poster, or all of them, did. Times in seconds."""

    stored: int = 0
    failed: int = 0
    answers: list[float] = field(default_factory=list)


class Poster(threading.Thread):
    """Posts until the end, or `number` messages, at most `rate` a second."""

    def __init__(self, order: dict[str, Any], name: str) -> None:
        super().__init__(name=name)
        self.order = order
        self.result = Result()
        self.socket: socket.socket | None = None
        self.buffer = b""

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

    def _post_until_stored(self, key: str, end: float) -> None:
        text = f"{key} says something of an ordinary length {mark(time.monotonic_ns())}"
        while time.monotonic() < end:
            start = time.monotonic()
            try:
                taken = self._post_once(key, text)
            except (OSError, ValueError):
                taken = False
            if taken:
                self.result.stored += 1
                self.result.answers.append(time.monotonic() - start)
                return
            self.result.failed += 1
            self._hang_up()
            time.sleep(0.1)

    def _post_once(self, key: str, text: str) -> bool:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.order["port"]), timeout=15)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.order.get("websocket"):
                self.socket.sendall(self.order["websocket"].encode())
                self._read_head()
        return self._post_frame(text) if self.order.get("websocket") else self._post_form(key, text)

    def _post_form(self, key: str, text: str) -> bool:
        assert self.socket is not None
        body = urllib.parse.urlencode({"from": self.name, "text": text})
        self.socket.sendall(
            f"POST {self.order['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: {key}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = self._read_head()
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
        if lines.get("transfer-encoding") == "chunked":
            while b"0\r\n\r\n" not in self.buffer:
                self._receive()
            self.buffer = b""
        else:
            length = int(lines["content-length"])
            while len(self.buffer) < length:
                self._receive()
            self.buffer = self.buffer[length:]
        if lines.get("connection") == "close":
            self._hang_up()
        return head.split(" ", 2)[1] in ("200", "201")

    def _post_frame(self, text: str) -> bool:
        assert self.socket is not None
        data = json.dumps({"from": self.name, "text": text}).encode()
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.socket.sendall(b"\x81" + size + MASK + data)
        while b'"stored"' not in self.buffer:
            self._receive()
        self.buffer = b""
        return True

    def _read_head(self) -> str:
        while b"\r\n\r\n" not in self.buffer:
            self._receive()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def _receive(self) -> None:
        assert self.socket is not None
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError
        self.buffer += data

    def _hang_up(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket, self.buffer = None, b""


def main() -> None:
    """Run the order given as the argument."""
    order = json.loads(sys.argv[1])
    posters = [Poster(order, f"p{os.getpid()}-{number}") for number in range(order["posters"])]
    start = time.monotonic()
    for poster in posters:
        poster.start()
    for poster in posters:
        poster.join()
    seconds = time.monotonic() - start
    answers = sorted(answer for poster in posters for answer in poster.result.answers)
    times = os.times()
    print(
        json.dumps(
            {
                "stored": len(answers),
                "failed": sum(poster.result.failed for poster in posters),
                "seconds": seconds,
                "median": answers[len(answers) // 2] if answers else 0.0,
                "cpu": times.user + times.system,
            }
        )
    )


if __name__ == "__main__":
    main()
