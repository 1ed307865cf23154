"""The harness's side of the load generator: starts its processes, gives orders, sums up what CPU they took."""

import json
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from tests.service import ROOT


class Swarm:
    """The process of benchmarks.load.readers. Calling `swarm.open(...)` runs that command there."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load.readers"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Run a command of Readers and wait for its answer."""
        self.tell(command, **arguments)
        return self.answer()

    def tell(self, command: str, **arguments: Any) -> None:
        """Give a command whose `answer` is fetched later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the command that was told."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the readers' process ended"
        return dict(json.loads(line))

    def open(self, **arguments: Any) -> dict[str, Any]:
        """Open streams; every one must open."""
        answer = self.do("open", **arguments)
        assert answer["ready"] == arguments["number"], f"not all streams opened: {answer}"
        return answer


class Meter:
    """CPU of the load generator over a stretch of time, as a share of one core."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self._cpu = float(swarm.do("usage")["cpu"])
        self._start = time.monotonic()

    def share(self, others: float = 0.0) -> float:
        """The busiest process's share: the readers', or `others`, the CPU seconds of a poster or publisher."""
        wall = time.monotonic() - self._start
        return max(float(self._swarm.do("usage")["cpu"]) - self._cpu, others) / wall


class Background:
    """A program of the load generator that runs beside the readers and prints its result at the end."""

    def __init__(self, module: str, *arguments: str, stdin: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.load.{module}", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._output = ""
        self._thread = threading.Thread(target=self._communicate, args=(stdin,))
        self._thread.start()

    def _communicate(self, stdin: str) -> None:
        self._output = self._process.communicate(stdin)[0]

    def result(self) -> dict[str, Any]:
        """Wait for the end; the result."""
        self._thread.join()
        assert self._process.returncode == 0, "a process of the load generator failed"
        return dict(json.loads(self._output))


def post(order: dict[str, Any]) -> Background:
    """Start posters beside the harness: see benchmarks.load.posters for the order's keys."""
    return Background("posters", json.dumps(order))


def publish(port: int, messages: list[list[str]], rate: float, at: float) -> Background:
    """Start a publisher of ready-made items, a list for each message, that begins at a time of the clock."""
    return Background(
        "publisher", str(port), str(rate), str(at), stdin="".join(json.dumps(items) + "\n" for items in messages)
    )
