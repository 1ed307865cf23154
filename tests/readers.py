"""An EventSource for tests: reads a stream in a thread, resumes from the last id, and keeps all it got."""

import http.client
import json
import threading
import time
import urllib.parse
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.service import wait_until

# What docs/protocol.md asks of a client: an attempt without an answer is given up (in its first moments after a start
# Pushpin can lose a request), and so is a stream that is silent for longer than two keep-alives.
CONNECT_SECONDS = 5
SILENCE_SECONDS = 50


@dataclass(frozen=True)
class Seen:
    """One event as it came."""

    id: str
    type: str
    data: str

    def json(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data)


class Reader:
    """Follows `path` on a service from a resume token, reconnecting like EventSource does."""

    def __init__(self, base: str, path: str, token: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.host = urllib.parse.urlsplit(base).netloc
        self.path = path
        self.last_id = token
        self.headers = headers or {}
        self.seen: list[Seen] = []
        self.connections = 0
        self.ends = 0
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._opened.wait(15), "the stream did not open"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.cut()
        self._thread.join(10)

    def cut(self) -> None:
        """Cut the connection, as a network would; the reader comes back from its last id."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(2)
            except OSError:
                pass

    def messages(self) -> list[str]:
        """The texts of the messages, in the order they came."""
        return [seen.json()["text"] for seen in list(self.seen) if seen.type == "message"]

    def types(self) -> list[str]:
        """The types of all events so far."""
        return [seen.type for seen in list(self.seen)]

    def wait_for(self, texts: list[str], seconds: float = 10) -> None:
        """Wait until exactly `texts` have come, in this order."""
        try:
            wait_until(lambda: len(self.messages()) >= len(texts), seconds)
        except AssertionError:
            pass
        assert self.messages() == texts

    def wait_for_type(self, kind: str, seconds: float = 10) -> Seen:
        """The first event of a type."""
        found = wait_until(lambda: [seen for seen in list(self.seen) if seen.type == kind], seconds, kind)
        return found[0]  # type: ignore[no-any-return]

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._read_once()
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self.ends += 1
            time.sleep(0.1)

    def _read_once(self) -> None:
        connection = self._connection = http.client.HTTPConnection(self.host, timeout=CONNECT_SECONDS)
        try:
            self._follow(connection)
        finally:
            connection.close()

    def _follow(self, connection: http.client.HTTPConnection) -> None:
        headers = {"Accept": "text/event-stream", **self.headers}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        connection.request("GET", self.path, headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            response.close()
            return
        self.connections += 1
        if connection.sock is not None:
            connection.sock.settimeout(SILENCE_SECONDS)
        fields: dict[str, list[str]] = {}
        while line := response.readline():
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
            elif fields:
                self._dispatch(fields)
                fields = {}

    def _dispatch(self, fields: dict[str, list[str]]) -> None:
        if "id" in fields:
            self.last_id = fields["id"][-1]
        kind = fields.get("event", ["message"])[-1]
        if "data" in fields:
            self.seen.append(Seen(fields.get("id", [""])[-1], kind, "\n".join(fields["data"])))
        self._opened.set()
