"""A stretch of network between Django and Pushpin's control port that loses, delays and reorders publishes."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import zmq

Fate = Callable[[], float | None]  # of one item: seconds until it is passed on, None for never


def on_time() -> float:
    """Everything passes at once."""
    return 0.0


class Lossy:
    """Forwards from `port` to Pushpin's `target` port as `fate` says. Set `fate` at any time."""

    def __init__(self, port: int, target: int) -> None:
        self.fate: Fate = on_time
        self.lost = 0
        self._in: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
        self._in.bind(f"tcp://127.0.0.1:{port}")
        self._out: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        self._out.connect(f"tcp://127.0.0.1:{target}")
        self._waiting: list[tuple[float, int, bytes]] = []
        self._serial = itertools.count()
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join(5)
        self._in.close(0)
        self._out.close(0)

    def _run(self) -> None:
        while not self._closing:
            if self._in.poll(10):
                self._take(self._in.recv())
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                self._out.send(heapq.heappop(self._waiting)[2])

    def _take(self, item: bytes) -> None:
        delay = self.fate()
        if delay is None:
            self.lost += 1
        else:
            heapq.heappush(self._waiting, (time.monotonic() + delay, next(self._serial), item))
