"""A thousand readers in one process on epoll: opens streams, counts what comes, closes and returns all at once.

Reads commands as lines of JSON from stdin and answers each with a line of JSON. Between them it goes on reading, so
that nothing piles up. The commands are the public methods of Readers.
"""

import json
import os
import random
import resource
import select
import socket
import sys
import time
from collections import Counter
from typing import Any

from benchmarks.load import BEGIN, END

BUFFER = 1 << 20
GIVE_UP = 60.0  # seconds after which a reader who is not back counts as lost
SERVICE_RESTART = b"\x03\xf4"  # in the frame that closes a WebSocket (RFC 6455); nothing else holds these bytes
RETRY = (0.02, 0.1)  # seconds before a refused reader asks again, drawn at random: alike for every peer


class Reader:
    """One connection. `ready` once the answer's head and `wanted` marks, or the marker, have come."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.socket: socket.socket | None = None
        self.sent = False
        self.ready = False
        self.asked = False
        self.head = bytearray()
        self.tail = b""
        self.deliveries = 0


class Readers:
    """All readers and what they saw."""

    def __init__(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.poll = select.epoll()
        self.by_fd: dict[int, Reader] = {}
        self.readers: list[Reader] = []
        self.buffer = bytearray(BUFFER)
        self.ready = 0
        self.deliveries = 0
        self.latencies: list[int] = []
        self.timed = False
        self.first = self.last = 0.0
        self.refused: Counter[str] = Counter()
        self.closed = 0
        self.due: list[tuple[float, Reader]] = []
        self.address = ("127.0.0.1", 0)
        self.marker = b""
        self.wanted = 0
        self.then = b""
        self.held = False

    # -- commands ------------------------------------------------------------

    def open(
        self,
        port: int,
        request: str,
        number: int,
        marker: str = "",
        wanted: int = 0,
        at_once: int = 64,
        then: str = "",
        held: bool = False,
    ) -> dict[str, Any]:
        """Open `number` streams, `at_once` in flight (0: all); ready when `marker` or `wanted` messages have come.

        `then` (bytes as characters) is sent when `marker` has come. A long-poll that is `held` has no answer yet, and
        is ready when it was sent.
        """
        self.close()
        self.then, self.held = then.encode("latin-1"), held
        self.address, self.marker, self.wanted = ("127.0.0.1", port), marker.encode(), wanted
        self.refused.clear()
        self.closed = 0
        start = time.monotonic()
        self.readers = [Reader(request.encode()) for _ in range(number)]
        waiting = list(self.readers)
        while self.ready < number and time.monotonic() - start < GIVE_UP:
            while waiting and (not at_once or len(self.by_fd) - self.ready < at_once):
                self._connect(waiting.pop())
            self.pump(0.01)
        return {
            "seconds": time.monotonic() - start,
            "ready": self.ready,
            "refused": dict(self.refused),
            "closed": self.closed,
        }

    def close(self) -> dict[str, Any]:
        """Close everything."""
        for reader in self.readers:
            self._drop(reader)
        self.readers, self.due, self.ready = [], [], 0
        return {}

    def start(self, timed: bool = False) -> dict[str, Any]:
        """Begin to count. `timed` keeps the latency of every delivery."""
        self.deliveries, self.latencies, self.first, self.last = 0, [], 0.0, 0.0
        self.timed, self.closed = timed, 0
        for reader in self.readers:
            reader.deliveries = 0
        self.refused.clear()
        return {}

    def wait(self, expected: int = 0, seconds: float = 60, quiet: float = 5) -> dict[str, Any]:
        """Read until `expected` deliveries, or none for `quiet` seconds, or `seconds` have passed; then the figures."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end and not (expected and self.deliveries >= expected):
            if self.last and now - self.last > quiet:
                break
            self.pump(0.05)
        return self.figures()

    def figures(self) -> dict[str, Any]:
        """What was counted since `start`."""
        latencies = sorted(self.latencies)

        def quantile(part: float) -> float:
            return latencies[int((len(latencies) - 1) * part)] / 1e6 if latencies else 0.0

        return {
            "deliveries": self.deliveries,
            "seconds": self.last - self.first,
            "first": self.first,
            "last": self.last,
            "connected": self.ready,
            "closed": self.closed,
            "refused": dict(self.refused),
            "timed": len(latencies),
            "p50": quantile(0.5),
            "p99": quantile(0.99),
            "max": quantile(1),
        }

    def differences(self, expected: int) -> dict[str, Any]:
        """How many messages the readers lack, and have too often, when each should have `expected`."""
        surplus = [reader.deliveries - expected for reader in self.readers]
        return {
            "lost": -sum(number for number in surplus if number < 0),
            "doubled": sum(number for number in surplus if number > 0),
        }

    def usage(self) -> dict[str, Any]:
        """CPU seconds of this process so far."""
        times = os.times()
        return {"cpu": times.user + times.system}

    # -- the loop ------------------------------------------------------------

    def pump(self, seconds: float) -> None:
        """Read what has come, waiting `seconds` at most, and let refused readers ask again."""
        for fd, events in self.poll.poll(seconds):
            reader = self.by_fd.get(fd)
            if reader is not None:
                self._serve(reader, events)
        now = time.monotonic()
        if self.due and self.due[0][0] <= now:
            ready = [reader for at, reader in self.due if at <= now]
            self.due = [(at, reader) for at, reader in self.due if at > now]
            for reader in ready:
                self._connect(reader)

    def _connect(self, reader: Reader) -> None:
        reader.ready = reader.sent = reader.asked = False
        reader.head, reader.tail = bytearray(), b""
        reader.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        reader.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader.socket.connect_ex(self.address)
        self.by_fd[reader.socket.fileno()] = reader
        self.poll.register(reader.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _drop(self, reader: Reader) -> None:
        if reader.socket is not None:
            self.by_fd.pop(reader.socket.fileno(), None)
            reader.socket.close()
            reader.socket = None

    def _again(self, reader: Reader, why: str) -> None:
        if reader.ready:
            self.closed += 1
            self.ready -= 1
        else:
            self.refused[why] += 1
        self._drop(reader)
        reader.ready = False
        self.due.append((time.monotonic() + random.uniform(*RETRY), reader))
        self.due.sort(key=lambda pair: pair[0])

    def _serve(self, reader: Reader, events: int) -> None:
        assert reader.socket is not None
        if not reader.sent and events & select.EPOLLOUT:
            try:
                reader.socket.send(reader.request)
            except OSError:
                self._again(reader, "closed")
                return
            reader.sent = True
            if self.held:
                reader.ready = True
                self.ready += 1
            self.poll.modify(reader.socket.fileno(), select.EPOLLIN)
        if not events & ~select.EPOLLOUT:
            return
        try:
            size = reader.socket.recv_into(self.buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size or self.buffer.find(SERVICE_RESTART, 0, size) >= 0:
            self._again(reader, "closed")
        else:
            self._count(reader, size)
            if not reader.ready:
                self._begin(reader, bytes(self.buffer[:size]))

    def _begin(self, reader: Reader, data: bytes) -> None:
        reader.head += data
        head, separator, body = reader.head.partition(b"\r\n\r\n")
        if not separator:
            return
        status = bytes(head[9:12]).decode()
        if status not in ("200", "101"):
            self._again(reader, status)
            return
        if self.then and not reader.asked and self.marker in body and reader.socket is not None:
            reader.asked = True
            reader.socket.send(self.then)
        if body.count(END) >= self.wanted if self.wanted else self.marker in body:
            reader.ready = True
            self.ready += 1
            reader.head = bytearray()

    def _count(self, reader: Reader, size: int) -> None:
        number = self.buffer.count(END, 0, size)
        if number:
            self.deliveries += number
            reader.deliveries += number
            self.last = time.monotonic()
            self.first = self.first or self.last
        if self.timed:
            self._time(reader, size, number)

    def _time(self, reader: Reader, size: int, number: int) -> None:
        """Latencies of the messages that ended in the buffer; a time cut in two is put together."""
        now = time.monotonic_ns()
        *whole, rest = (reader.tail + bytes(self.buffer[:size])).split(END) if number else (reader.tail,)
        if not number:
            rest += bytes(self.buffer[:size])
        reader.tail = rest[-40:]
        for part in whole:
            sent = part[part.rfind(BEGIN) + 1 :]
            if sent.isdigit() and int(sent):
                self.latencies.append(now - int(sent))


def main() -> None:
    """Serve commands until stdin ends."""
    readers = Readers()
    stdin = sys.stdin.fileno()
    os.set_blocking(stdin, False)
    line = b""
    while True:
        readers.pump(0.002 if not readers.by_fd else 0.02)
        try:
            data = os.read(stdin, 65536)
        except BlockingIOError:
            continue
        if not data:
            return
        line += data
        if line.endswith(b"\n"):
            command = json.loads(line)
            line = b""
            answer = getattr(readers, command.pop("do"))(**command)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
