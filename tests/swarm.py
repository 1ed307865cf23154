"""Up to some thousands of SSE readers in one thread, each with exact books: what came, what was doubled, what lacks.

Two kinds, both of which keep their token and come back after every end:

- *documented*: does what docs/protocol.md asks of a client (backs off with jitter, resumes on `newest` when behind);
- *plain*: `curl` in a loop, which knows nothing but the last id and waits one second.
"""

import collections
import heapq
import itertools
import json
import random
import selectors
import socket
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from tests.service import wait_until
from tests.sse import Decoder, Frame
from tests.swarm_reader import SwarmReader, describe

__all__ = ["SILENCE_SECONDS", "Swarm", "SwarmReader"]

CONNECT_SECONDS = 10  # an attempt without an answer is given up
SETTLED = 5  # seconds
SILENCE_SECONDS = 50  # a stream without anything for so long is dead
PLAIN_PAUSE = 1.0  # `while true; do curl …; sleep 1; done`
CHUNK = 262_144


class Swarm:
    """Runs readers against the service at `base`."""

    def __init__(self, base: str, readers: Iterable[SwarmReader]) -> None:
        self.readers = list(readers)
        parts = urllib.parse.urlsplit(base)
        self._address = (parts.hostname or "", parts.port or 80)
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, SwarmReader, int, Callable[[SwarmReader], None]]] = []
        self._serial = itertools.count()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._waker, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._closing = False
        self._messages: dict[str, tuple[int, str, str]] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._selector.register(self._wake, selectors.EVENT_READ)
        for reader in self.readers:
            self._calls.append(lambda reader=reader: self._connect(reader))  # type: ignore[misc]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._waker.send(b"x")
        self._thread.join(20)
        for reader in self.readers:
            if reader.socket:
                reader.socket.close()
        self._selector.close()
        self._waker.close()
        self._wake.close()

    def call(self, do: Callable[[SwarmReader], None], readers: Iterable[SwarmReader] | None = None) -> None:
        """Run `do` for the readers in the swarm's own thread."""
        for reader in list(self.readers if readers is None else readers):
            self._calls.append(lambda reader=reader: do(reader))  # type: ignore[misc]
        self._waker.send(b"x")

    def resume(self, readers: Iterable[SwarmReader] | None = None) -> None:
        """Let readers drop their connection and come back at once."""
        self.call(self._resume, readers)

    def pause(self, readers: Iterable[SwarmReader]) -> None:
        """Let readers stop reading without hanging up."""
        self.call(self._pause, readers)

    def go_on(self, readers: Iterable[SwarmReader]) -> None:
        """Let paused readers read again."""
        self.call(self._go_on, readers)

    def add(self, reader: SwarmReader) -> None:
        """Let one more reader in."""
        self.readers.append(reader)
        self.call(self._connect, [reader])

    def total(self, what: str) -> int:
        """The sum over all readers of a count (`ends`, `duplicates`, `repairs`, `received`)."""
        return sum(getattr(reader, what) for reader in self.readers)

    def statuses(self) -> Counter[int]:
        """How often each HTTP status was answered."""
        return sum((reader.statuses for reader in self.readers), Counter())

    def wait(self, condition: Callable[[SwarmReader], Any], seconds: float, what: str = "it") -> float:
        """Wait until `condition` holds for every reader; how many seconds that took. Fails with who is left."""
        begin = time.monotonic()
        try:
            wait_until(lambda: self.failure or all(map(condition, self.readers)), seconds)
        except AssertionError:
            left = [reader for reader in self.readers if not condition(reader)]
            raise AssertionError(
                f"{what}: {len(left)} of {len(self.readers)} not within {seconds} s, such as {describe(left[0])}"
            ) from None
        assert self.failure is None, self.failure
        return time.monotonic() - begin

    def wait_live(self, seconds: float = 30) -> float:
        """Wait until every reader's stream is open."""
        return self.wait(lambda reader: reader.live, seconds, "open streams")

    def wait_settled(self, seconds: float = 60) -> None:
        """Wait until every stream has been open for a while: one that ended while it opened is back by then."""
        self.wait(lambda reader: reader.live and time.monotonic() - reader.opened[-1] > SETTLED, seconds, "settling")

    def wait_exact(self, expected: dict[str, list[str]], seconds: float) -> float:
        """Wait until every reader has exactly `expected` (texts by room); how many seconds that took."""
        return self.wait(lambda reader: reader.is_at(expected), seconds, "exact books")

    # --- everything below runs in the swarm's thread ---

    def _run(self) -> None:
        try:
            while not self._closing:
                self._step()
        except BaseException as error:  # shown by wait(); a silent end would look like a lost event
            self.failure = error
            raise

    def _step(self) -> None:
        while self._calls:
            self._calls.popleft()()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, reader, generation, do = heapq.heappop(self._timers)
            if generation == reader.generation:
                do(reader)
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else 1.0
        for key, mask in self._selector.select(min(timeout, 1.0)):
            if key.data is None:
                self._wake.recv(4096)
            elif mask & selectors.EVENT_WRITE:
                self._send(key.data)
            else:
                self._read(key.data)

    def _later(self, reader: SwarmReader, seconds: float, do: Callable[[SwarmReader], None]) -> None:
        entry = (time.monotonic() + seconds, next(self._serial), reader, reader.generation, do)
        heapq.heappush(self._timers, entry)

    def _resume(self, reader: SwarmReader) -> None:
        reader.is_repairing = False
        self._connect(reader)

    def _close(self, reader: SwarmReader) -> None:
        reader.generation += 1
        reader.live = False
        if reader.socket:
            if not reader.paused:
                self._selector.unregister(reader.socket)
            reader.socket.close()
            reader.socket = None
        reader.paused = False

    def _connect(self, reader: SwarmReader) -> None:
        self._close(reader)
        headers = {"Host": f"{self._address[0]}:{self._address[1]}", "Accept": "text/event-stream"}
        if reader.token:
            headers["Last-Event-ID"] = reader.token
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reader.outgoing = f"GET {reader.path} HTTP/1.1\r\n{lines}\r\n".encode()
        reader.decoder = Decoder()
        reader.socket = socket.socket()
        reader.socket.setblocking(False)
        if reader.small_buffer:
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.socket.connect_ex(self._address)
        self._selector.register(reader.socket, selectors.EVENT_WRITE, reader)
        reader.heard = time.monotonic()
        self._later(reader, CONNECT_SECONDS, self._give_up)

    def _give_up(self, reader: SwarmReader) -> None:
        if not reader.live:
            reader.statuses[0] += 1  # no answer at all
            self._again(reader)

    def _send(self, reader: SwarmReader) -> None:
        assert reader.socket
        try:
            sent = reader.socket.send(reader.outgoing)
        except OSError:
            return self._again(reader)
        reader.outgoing = reader.outgoing[sent:]
        if not reader.outgoing:
            self._selector.modify(reader.socket, selectors.EVENT_READ, reader)
        return None

    def _read(self, reader: SwarmReader) -> None:
        assert reader.socket
        try:
            data = reader.socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._again(reader)
            return
        reader.heard = time.monotonic()
        reader.received += len(data)
        generation = reader.generation
        known = reader.decoder.status
        frames = reader.decoder.feed(data)
        if not known and reader.decoder.status:
            reader.statuses[reader.decoder.status] += 1
        if reader.decoder.status and reader.decoder.status != 200:
            self._again(reader)
            return
        for frame in frames:
            self._dispatch(reader, frame)
            if generation != reader.generation:  # it dropped this connection
                return
        if reader.decoder.ended:
            self._again(reader)

    def _again(self, reader: SwarmReader) -> None:
        """Come back after an end or an error."""
        reader.ends += 1
        reader.is_repairing = reader.is_repairing and not reader.live
        self._close(reader)
        reader.fails += 1
        most = min(30.0, 2.0**reader.fails)
        self._later(reader, most * random.uniform(0.5, 1) if reader.documented else PLAIN_PAUSE, self._connect)

    def _dispatch(self, reader: SwarmReader, frame: Frame) -> None:
        if not reader.live:
            reader.live = True
            reader.opened.append(time.monotonic())
            if not reader.is_repairing:
                reader.since = reader.opened[-1]
            reader.is_repairing = False
            self._watch(reader)
        if frame.type == "message":
            reader.fails = 0
            self._message(reader, frame)
        elif frame.type == "keep-alive":
            reader.fails = 0
        elif frame.type == "newest" and reader.documented:
            self._newest(reader, json.loads(frame.data))
        elif frame.type == "stream-reset":
            reader.resets.append(time.monotonic())
            reader.last.update(_positions(frame.id, reader.rooms))
        elif frame.type == "stream-error":
            reader.errors.append(f"refused: {frame.data}")
        if frame.id:
            reader.token = frame.id

    def _message(self, reader: SwarmReader, frame: Frame) -> None:
        eid, room, text = self._parse(frame.data)
        last = reader.last.get(room)
        if last is None:
            reader.errors.append(f"an event of a foreign room: {frame.data}")
        elif eid <= last:
            reader.duplicates += 1
        else:
            if eid != last + 1:
                reader.errors.append(f"a hole in {room}: {eid} came after {last}")
            reader.last[room] = eid
            reader.at = time.monotonic()
            reader.texts[room].append(text)

    def _parse(self, data: str) -> tuple[int, str, str]:
        """Number, room and text of a message; parsed once for all readers."""
        if (found := self._messages.get(data)) is None:
            message: dict[str, Any] = json.loads(data)
            found = self._messages[data] = (int(message["id"]), str(message["room"]), str(message["text"]))
        return found

    def _newest(self, reader: SwarmReader, notice: dict[str, str]) -> None:
        room, newest = notice["room"], int(notice["id"].rpartition(":")[2])

        def repair(reader: SwarmReader) -> None:
            if reader.last[room] < newest:
                reader.repairs += 1
                reader.is_repairing = True
                self._connect(reader)

        if reader.last.get(room, newest) < newest:
            self._later(reader, random.uniform(0.1, 1), repair)

    def _watch(self, reader: SwarmReader) -> None:
        left = reader.heard + SILENCE_SECONDS - time.monotonic()
        if left > 0 or reader.paused:
            self._later(reader, max(left, 1), self._watch)
        else:
            self._again(reader)

    def _pause(self, reader: SwarmReader) -> None:
        if reader.socket and not reader.paused:
            self._selector.unregister(reader.socket)
            reader.paused = True

    def _go_on(self, reader: SwarmReader) -> None:
        if reader.socket and reader.paused:
            reader.paused = False
            reader.heard = time.monotonic()
            self._selector.register(reader.socket, selectors.EVENT_READ, reader)


def _positions(token: str, rooms: list[str]) -> dict[str, int]:
    """Positions by room from a whole stream's token, in its long or its short form."""
    if token.startswith("@"):
        ordered = sorted(rooms, key=str.lower)
        return dict(zip(ordered, map(int, token.split(".")[1:]), strict=True))
    parts = (part.rpartition(":") for part in token.split(","))
    return {name.removeprefix("room-"): int(number) for name, _, number in parts}
