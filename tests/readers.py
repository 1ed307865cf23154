"""A client for tests: follows rooms in a thread by any transport, resumes from the last id, and keeps all it got."""

import http.client
import json
import threading
import time
import urllib.parse
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.service import wait_until

UNLOGGED = ("enter", "leave", "presence")
TRANSPORTS = ("sse", "long-poll", "websocket")
# What docs/protocol.md asks of a client: an attempt without an answer is given up (in its first moments after a start
# Pushpin can lose a request), and so is a stream that is silent for longer than two keep-alives.
CONNECT_SECONDS = 5
SILENCE_SECONDS = 50
SYNC_SECONDS = 4  # between two looks whether a socket missed something; a client of a large service waits longer


@dataclass(frozen=True)
class Seen:
    """One event as it came."""

    id: str
    type: str
    data: str

    def json(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data)

    @property
    def room(self) -> str:
        """The channel that the event's own id names."""
        return self.id.split(",")[0].rpartition(":")[0]

    @property
    def number(self) -> int:
        """The event's own number in its room; 0 for what is not in the log."""
        number = self.id.split(",")[0].rpartition(":")[2]
        return int(number) if number.isdigit() and self.type not in ("stream-open", "stream-reset") else 0


class Reader:
    """Follows `path` on a service from a resume token, and reconnects by `transport`, which may change meanwhile.

    `seen` holds each event once: `duplicates` counts those that came again, `holes` those that came too early.
    `refusals` are the codes of what was refused, `closes` those with which sockets were closed. A reader of several
    rooms goes on without those that are refused.
    """

    def __init__(
        self,
        base: str,
        path: str,
        token: str = "",
        *,
        transport: str = "sse",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.host = urllib.parse.urlsplit(base).netloc
        self.path = path
        self.last_id = token
        self.transport = transport
        self.headers = headers or {}
        self.seen: list[Seen] = []
        self.connections = 0
        self.ends = 0
        self.duplicates = 0
        self.holes = 0
        self.refusals: list[str] = []
        self.closes: list[int] = []
        self._newest: dict[str, int] = {}
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._cut: Any = None
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
        sock = self._cut
        if sock is not None:
            try:
                sock.shutdown(2)
            except OSError:
                pass

    def switch(self, transport: str) -> None:
        """Go on by another transport, with the same token."""
        self.transport = transport
        self.cut()

    def messages(self) -> list[str]:
        """The texts of the messages, in the order they came."""
        return [seen.json()["text"] for seen in list(self.seen) if seen.type == "message"]

    def numbers(self) -> list[int]:
        """The numbers of the messages, in the order they came."""
        return [seen.number for seen in list(self.seen) if seen.type == "message"]

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
        follow = {"sse": self._follow_stream, "long-poll": self._follow_polls, "websocket": self._follow_socket}
        while not self._closing.is_set():
            try:
                follow[self.transport]()
            except InvalidStatus as error:
                self._refused_with(error.response.body or b"")
            except ConnectionClosed as error:
                self.closes.append(error.rcvd.code if error.rcvd else 1006)
            except (OSError, http.client.HTTPException, ValueError, WebSocketException):
                pass
            self.ends += 1
            time.sleep(0.1)

    def _take(self, seen: Seen) -> None:
        """Keep an event that is new."""
        if number := seen.number:
            known = self._newest.get(seen.room)
            if known is not None and number <= known:
                self.duplicates += 1
                return
            if known is not None and number > known + 1 and "stream-reset" not in self.types():
                self.holes += 1
            self._newest[seen.room] = number
        self.seen.append(seen)
        self._opened.set()

    def _refused_with(self, body: bytes) -> None:
        try:
            self._refused(json.loads(body))
        except ValueError:  # the proxy's own words
            self.refusals.append("")

    def _refused(self, problem: dict[str, Any]) -> None:
        """Note a refusal, and go on with the rooms that are left, if any."""
        self.refusals.append(problem.get("code", ""))
        address, _, query = self.path.partition("?")
        refused = set(problem.get("channels", []))
        left = [pair for pair in urllib.parse.parse_qsl(query) if pair[1] not in refused]
        if left:
            self.path = f"{address}?{urllib.parse.urlencode(left)}"

    # Server-sent events

    def _follow_stream(self) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=CONNECT_SECONDS)
        with closing(connection):
            response = self._get(connection, "text/event-stream")
            if response.status != 200:
                self._refused_with(response.read())
                return
            self.connections += 1
            self._cut.settimeout(SILENCE_SECONDS)
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
        kind = fields.get("event", ["message"])[-1]
        if kind == "stream-error":
            self._refused(json.loads(fields["data"][-1]))
            return
        if "id" in fields:
            self.last_id = fields["id"][-1]
        if "data" in fields:
            self._take(Seen(fields.get("id", [""])[-1], kind, "\n".join(fields["data"])))
        self._opened.set()

    def _get(self, connection: http.client.HTTPConnection, accept: str, **more: str) -> http.client.HTTPResponse:
        headers = {"Accept": accept, **self.headers, **more}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        connection.connect()
        self._cut = connection.sock
        connection.request("GET", self.path, headers=headers)
        if accept == "application/json" and self.last_id:
            self._opened.set()  # the position is known; an answer comes when there is something
        return connection.getresponse()

    # Long-polling

    def _follow_polls(self) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=CONNECT_SECONDS + 25)
        with closing(connection):
            while self.transport == "long-poll" and not self._closing.is_set():
                response = self._get(connection, "application/json", Prefer="wait=10")
                body = response.read()
                if response.status != 200:
                    self._refused_with(body)
                    return
                self.connections += 1
                self._take_batch(json.loads(body))
                connection.close()

    def _take_batch(self, batch: dict[str, Any]) -> None:
        self.last_id = batch["last-event-id"]
        if batch["reset"]:
            self._take(Seen(self.last_id, "stream-reset", json.dumps({"channels": batch["channels"]})))
        for event in batch["events"]:
            self._take(Seen(event["id"], event["type"], json.dumps(event["data"])))
        self._opened.set()

    # WebSocket

    def _follow_socket(self) -> None:
        separator = "&" if "?" in self.path else "?"
        token = urllib.parse.urlencode({"lastEventId": self.last_id})
        address = f"ws://{self.host}{self.path}{separator}{token}"
        with connect(address, open_timeout=CONNECT_SECONDS, additional_headers=self.headers, proxy=None) as socket:
            self._cut = socket.socket
            self.connections += 1
            _SocketFeed(self, socket).run()

    def _is_following_by(self, transport: str) -> bool:
        return self.transport == transport and not self._closing.is_set()


class _SocketFeed:
    """One connection of a reader by WebSocket: positions by room, and what is held back behind a hole."""

    def __init__(self, reader: Reader, socket: ClientConnection) -> None:
        self._reader = reader
        self._socket = socket
        self._positions: dict[str, int] = {}
        self._held: dict[str, dict[int, Seen]] = {}
        self._syncs = 0
        self._syncing = False
        self._asked = 0.0

    def run(self) -> None:
        while self._reader._is_following_by("websocket"):
            if time.monotonic() - self._asked > SYNC_SECONDS and self._positions:
                self._sync()
            try:
                self._handle(json.loads(self._socket.recv(timeout=1)))
            except TimeoutError:
                pass

    def _handle(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "stream-open":
            self._open(frame["id"])
        elif kind == "error":
            self._reader._refused(frame)
            self._positions = {name: n for name, n in self._positions.items() if name not in frame.get("channels", [])}
            self._syncing = False
        elif kind == "reply":
            self._syncing = False
            if frame.get("more"):
                self._sync()
        elif kind == "newest":
            channel, _, number = frame["data"]["id"].rpartition(":")
            if int(number) > self._positions.get(channel, 0):
                self._sync()
        elif kind == "stream-reset":
            self._open(frame["id"])
            self._reader._take(Seen(frame["id"], kind, json.dumps(frame["data"])))
        elif kind in UNLOGGED:
            self._reader._take(Seen("", kind, json.dumps(frame["data"])))
        elif "id" in frame:
            self._event(Seen(frame["id"], kind, json.dumps(frame["data"])))

    def _open(self, token: str) -> None:
        for part in token.split(","):
            channel, _, number = part.rpartition(":")
            self._positions[channel] = int(number)
        self._remember()
        self._sync()

    def _event(self, seen: Seen) -> None:
        held = self._held.setdefault(seen.room, {})
        held[seen.number] = seen
        if seen.number > self._positions[seen.room] + 1 and not self._syncing:
            self._sync()
        if seen.number <= self._positions[seen.room]:
            self._reader._take(held.pop(seen.number))
        while following := held.pop(self._positions[seen.room] + 1, None):
            self._positions[seen.room] = following.number
            self._reader._take(following)
        self._remember()

    def _remember(self) -> None:
        self._reader.last_id = ",".join(f"{channel}:{number}" for channel, number in self._positions.items())
        self._reader._opened.set()

    def _sync(self) -> None:
        self._asked = time.monotonic()
        self._syncing = True
        self._syncs += 1
        command = {"command": "sync", "id": f"s{self._syncs}", "last-event-id": self._reader.last_id}
        self._socket.send(json.dumps(command))
