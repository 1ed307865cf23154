"""WebSocket: live events, held back behind a hole, and `sync` for what did not come by itself."""

import asyncio
import json
import time
import urllib.parse
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chaos.readers.reader import ATTEMPT_SECONDS, SILENCE_SECONDS, Transport
from tests.chaos.readers.record import own

HEARTBEAT_SECONDS = 25.0  # docs/protocol.md: ask now and then
AGAIN_SECONDS = (1.0, 2.0)  # until a command is repeated that the service could not carry out


class Socket(Transport):
    """A WebSocket, again and again."""

    name = "websocket"

    async def read(self, client: httpx.AsyncClient) -> float | None:
        """Read one connection to its end."""
        try:
            async with connect(self._address(), open_timeout=ATTEMPT_SECONDS, close_timeout=1, proxy=None) as socket:
                try:
                    await _Connection(self, socket).run()
                except asyncio.CancelledError:
                    socket.transport.abort()  # it hangs up as a network does, without a word
                    raise
        except (OSError, WebSocketException) as error:  # OSError: time-outs too
            self.record.counts[type(error).__name__] += 1
        return None

    def _address(self) -> str:
        base = self.reader.base.replace("http", "ws", 1)
        if self.reader.spec.kind.joins:
            return f"{base}/events/"
        path = self.reader.path
        token = urllib.parse.urlencode({"lastEventId": self.reader.token})
        return f"{base}{path}{'&' if '?' in path else '?'}{token}"


class _Connection:
    """One connection: what was joined, what is held back, what was asked."""

    def __init__(self, transport: Socket, socket: ClientConnection) -> None:
        self._reader = transport.reader
        self._record = transport.record
        self._socket = socket
        self._joined: set[str] = set()
        self._held: dict[tuple[str, int], Any] = {}
        self._heard: dict[str, int] = {}  # room -> the greatest number that was seen or told of
        self._commands = 0
        self._waiting = 0.0  # since when for the reply to a sync, or to all joins; 0 for none
        self._due = float("inf")  # the next sync at the latest

    async def run(self) -> None:
        """Handle frames until the connection ends, or is silent for too long (TimeoutError)."""
        heard = time.monotonic()
        while True:
            await self._sync_if_needed()
            now = time.monotonic()
            until = min(heard + SILENCE_SECONDS, self._waiting + ATTEMPT_SECONDS if self._waiting else self._due)
            try:
                async with asyncio.timeout(max(0.0, until - now)):
                    frame = json.loads(await self._socket.recv())
            except TimeoutError:
                if self._waiting or time.monotonic() >= heard + SILENCE_SECONDS:
                    raise
                continue
            heard = time.monotonic()
            await self._handle(frame)
            await self._reader.dawdle()

    async def _handle(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "stream-open":
                await self._open(frame["id"])
            case "reply":
                self._answered(frame)
            case "error":
                self._failed(frame)
            case "newest":
                self._hear(*own(frame["data"]["id"]))
            case "stream-reset":
                self._record.refuse("stream-reset", frame)
            case "message":
                self._take(frame)

    async def _open(self, token: str) -> None:
        self._record.opened()
        self._reader.fails = 0
        if not self._reader.spec.kind.joins:
            self._joined = {own(part)[0] for part in token.split(",")}
            self._due = 0.0
            return
        self._waiting = time.monotonic()
        for room in self._reader.spec.rooms:
            await self._command("join", room=room, **{"last-event-id": f"room-{room}:{self._record.last[room]}"})

    def _answered(self, frame: dict[str, Any]) -> None:
        if frame["command"] == "join":
            self._joined.add(frame["room"])
            if len(self._joined) == len(self._reader.spec.rooms):
                self._waiting = self._due = 0.0  # one sync for all of them
            if frame["reset"]:
                self._record.refuse("a reset", frame)
            return
        self._waiting = 0.0
        self._due = 0.0 if frame["more"] else self._due

    def _failed(self, frame: dict[str, Any]) -> None:
        self._record.counts[f"error {frame['code']} on a socket"] += 1
        if frame["status"] < 500:
            self._record.refuse("an error", frame)
        if not str(frame["to"]).startswith("sync"):
            raise OSError(frame["code"])  # comes back and joins again
        self._waiting = 0.0
        self._due = time.monotonic() + self._reader.rng.uniform(*AGAIN_SECONDS)

    def _hear(self, room: str, number: int) -> None:
        self._heard[room] = max(self._heard.get(room, 0), number)

    def _take(self, frame: dict[str, Any]) -> None:
        """Keep an event and those behind it that were held back; hold it back when one before it is missing."""
        room, number = own(frame["id"])
        last = self._record.last
        if number <= last.get(room, number):
            self._record.take(frame["id"], frame["data"])  # a duplicate
            return
        self._hear(room, number)
        self._record.duplicates += (room, number) in self._held
        self._held[room, number] = frame
        while following := self._held.pop((room, last[room] + 1), None):
            self._record.take(following["id"], following["data"])
        self._record.counts["held back behind a hole"] += number > last[room]
        self._reader.token = self._record.token

    async def _sync_if_needed(self) -> None:
        """Ask when something is missing, or when it is time; one sync at a time."""
        behind = any(number > self._record.last[room] for room, number in self._heard.items())
        retrying = self._due - time.monotonic() < AGAIN_SECONDS[1] and self._due > time.monotonic()
        if self._waiting or not self._joined or not (time.monotonic() >= self._due or (behind and not retrying)):
            return
        positions = ",".join(f"room-{room}:{self._record.last[room]}" for room in sorted(self._joined))
        self._waiting, self._due = time.monotonic(), time.monotonic() + HEARTBEAT_SECONDS
        self._record.counts["syncs because something was missing" if behind else "syncs otherwise"] += 1
        await self._command("sync", **{"last-event-id": positions})

    async def _command(self, command: str, **fields: str) -> None:
        self._commands += 1
        frame = {"command": command, "id": f"{command} {self._commands}", **fields}
        await self._socket.send(json.dumps(frame))
