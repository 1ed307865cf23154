"""What all peers have in common: a service that runs, and how to post to it and follow a room."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, Self

from benchmarks.usage import family
from tests.service import ROOT, Service, session_members, wait_until

PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
READY = "stream-open"  # what every peer says first on a stream
# An access log that names the worker.
COUNTING = {"WEB_ACCESS_LOG": "1", "GUNICORN_CMD_ARGS": "--access-logformat '%(p)s %(r)s'"}


class Peer(Service):
    """A running chat. `database` is the name of its database, "" for none."""

    name = ""
    database = ""
    web = "gunicorn"  # the process that answers requests
    proxy: tuple[str, ...] = ("pushpin",)  # processes that hold the streams

    def started(self) -> tuple[str, ...]:
        """The processes, in the order they start."""
        return ("pushpin", "gunicorn")

    def __enter__(self) -> Self:
        self.prepare()
        for name in self.started():
            self.start(name)
        self.wait_ready()
        return self

    @property
    def stream_port(self) -> int:
        """Where readers connect."""
        return self.port

    def stream_request(self, room: str, token: str = "") -> str:
        """The request that follows a room from a position."""
        resume = f"Last-Event-ID: {token}\r\n" if token else ""
        return f"GET {self.stream_path(room)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{resume}\r\n"

    def stream_path(self, room: str) -> str:
        """The address of a room's stream."""
        raise NotImplementedError

    def post_order(self, room: str, *, direct: bool = False) -> dict[str, Any]:
        """The keys of a posters' order that say where to post, through the proxy or `direct` to the web server."""
        return {"port": self.web_port if direct else self.port, "path": f"/rooms/{room}/messages/"}

    def restart_proxy(self) -> None:
        """Begin with a fresh proxy, whose memory holds nothing of the past."""
        for name in self.proxy:
            self.stop(name)
        for name in self.proxy:
            self.start(name)
        self.wait_ready()

    def count_requests(self, counting: bool) -> None:
        """Let the web server write its access log, or not; it restarts when that is new."""
        if counting == ("WEB_ACCESS_LOG" in self.environment):
            return
        for name in COUNTING:
            self.environment.pop(name, None)
        if counting:
            self.environment |= COUNTING
        self.stop(self.web)
        self.start(self.web)
        self.wait_ready()

    def requests(self, method: str = "GET") -> Counter[str]:
        """How many requests each worker of the web server has logged, by its process id; none for its health."""
        text = (self.folder / f"{self.web}.out").read_text(errors="replace")
        return Counter(re.findall(rf"^<(\d+)> {method} /(?!health/)", text, re.M))

    def proxy_pids(self) -> list[int]:
        """The processes that hold the streams."""
        return [pid for name in self.proxy for pid in session_members(self.processes[name].pid)]

    def pids(self, postgres: int) -> list[int]:
        """All processes of the peer and of its database."""
        own = [pid for process in self.processes.values() for pid in session_members(process.pid)]
        return own + (family(postgres) if self.database else [])

    def _wait_for(self, path: str, seconds: float = 30) -> None:
        def answers() -> bool:
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended:\n{self.log_tail()}"
            try:
                return self.get(path).status == 200
            except OSError:
                return False

        wait_until(answers, seconds, f"{self.name} answering {path}")

    @staticmethod
    def _settings_of(folder: str) -> Path:
        return ROOT / "benchmarks" / "peers" / folder
