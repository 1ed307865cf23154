"""Readers: each follows its rooms as its kind does, and keeps what it got, when, and what it took."""

import asyncio
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse

from tests.chaos.plan import ReaderSpec

ATTEMPT_SECONDS = 10.0  # docs/protocol.md: give up an attempt without an answer
SILENCE_SECONDS = 50.0
NEWEST_SECONDS = 0.5  # and come back so soon after a `newest` that is ahead
SLOW_CHANCE, SLOW_SECONDS = 0.02, (1.0, 4.0)  # after an event a slow reader stops reading
NEVER_READS = 4096  # bytes that the system takes in for a reader that never reads


@dataclass(frozen=True)
class Got:
    """A message as a reader has it after de-duplication. `at` is time.monotonic()."""

    eid: int
    text: str
    at: float


@dataclass
class Record:
    """All that is known about a reader."""

    spec: ReaderSpec
    start: dict[str, int] = field(default_factory=dict)  # room -> the position at which it began
    last: dict[str, int] = field(default_factory=dict)
    got: dict[str, list[Got]] = field(default_factory=dict)
    duplicates: int = 0  # on the wire, before de-duplication
    counts: Counter[str] = field(default_factory=Counter)  # connections, ends, resumes, refusals
    live: list[tuple[float, bool]] = field(default_factory=list)  # when a stream opened (True) and ended (False)
    faults: list[str] = field(default_factory=list)  # what no reader may ever see


class SseReader:
    """A client of server-sent events: the documented one, or curl in a loop with Last-Event-ID."""

    def __init__(self, base: str, spec: ReaderSpec, seed: int) -> None:
        self.record = Record(spec)
        self._spec = spec
        self._base = base
        self._rng = random.Random(f"{seed}/reader/{spec.number}")
        self._token = ""
        self._fails = 0
        self._behind = False
        self._drops = list(spec.drops)

    async def run(self, zero: float) -> None:
        """Read until cancelled. `zero` is the run's start on the monotonic clock."""
        await asyncio.sleep(zero + self._spec.starts_at - time.monotonic())
        limits = httpx.Limits(max_connections=4)
        async with httpx.AsyncClient(base_url=self._base, timeout=ATTEMPT_SECONDS, limits=limits) as client:
            await self._begin(client)
            while True:
                drop = zero + self._drops.pop(0) if self._drops else None
                try:
                    async with asyncio.timeout_at(drop and asyncio.get_running_loop().time() + drop - time.monotonic()):
                        await self._read_forever(client)
                except TimeoutError:
                    self._ended()
                    self.record.counts["hung up by itself"] += 1
                    await asyncio.sleep(self._rng.uniform(0.1, 3))

    async def _begin(self, client: httpx.AsyncClient) -> None:
        """Take the rooms' positions: at the start all are empty, later the history tells."""
        for room in self._spec.rooms:
            position = 0 if self._spec.starts_at == 0 else await self._position(client, room)
            self.record.start[room] = self.record.last[room] = position
            self.record.got[room] = []
        self._token = ",".join(f"room-{room}:{last}" for room, last in self.record.start.items())

    async def _position(self, client: httpx.AsyncClient, room: str) -> int:
        while True:
            try:
                response = await client.get(f"/rooms/{room}/messages/?limit=1")
                if response.status_code == 404:
                    return 0  # nobody has posted there yet
                if response.status_code == 200:
                    return _number(response.json()["last-event-id"])
            except httpx.HTTPError:
                pass
            await asyncio.sleep(self._rng.uniform(0.5, 1.5))

    async def _read_forever(self, client: httpx.AsyncClient) -> None:
        while True:
            try:
                await self._read_once(client)
            except (httpx.HTTPError, SSEError) as error:
                self.record.counts[type(error).__name__] += 1
            except OSError:
                self.record.counts["no answer"] += 1
            self._ended()
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Seconds until the next attempt: soon when the reader left by itself to catch up, else with back-off."""
        if self._behind:
            self._behind = False
            return self._rng.uniform(0, NEWEST_SECONDS)
        self._fails += 1
        most = min(30, 2**self._fails) if self._spec.kind.documented else 2
        return most * self._rng.uniform(0.5, 1)

    async def _read_once(self, client: httpx.AsyncClient) -> None:
        headers = {"Last-Event-ID": self._token}
        timeout = httpx.Timeout(ATTEMPT_SECONDS, read=SILENCE_SECONDS)
        if self._spec.kind.several:
            path = "/events/?" + "&".join(f"channel=room-{room}" for room in self._spec.rooms)
        else:
            path = f"/rooms/{self._spec.rooms[0]}/events/"
        self.record.counts["attempts"] += 1
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                opening = aconnect_sse(client, "GET", path, headers=headers, timeout=timeout)
                source = await stack.enter_async_context(opening)
            if source.response.status_code != 200:
                self.record.counts[f"answered {source.response.status_code}"] += 1
                return
            self._opened()
            async for event in source.aiter_sse():
                if not self._take(event):
                    return
                if self._spec.kind.slow and self._rng.random() < SLOW_CHANCE:
                    await asyncio.sleep(self._rng.uniform(*SLOW_SECONDS))

    def _take(self, event: ServerSentEvent) -> bool:
        """Handle one event; False when the reader leaves the stream to come back."""
        self._fails = 0
        match event.event:
            case "message":
                self._take_message(event)
            case "newest":
                notice = event.json()
                if self._spec.kind.documented and _number(notice["id"]) > self.record.last[notice["room"]]:
                    self.record.counts["resumed on newest"] += 1
                    self._behind = True
                    return False
            case "stream-reset" | "stream-error":
                self.record.faults.append(f"got {event.event}: {event.data[:200]}")
        if event.id and not self._spec.kind.documented:
            self._token = event.id  # whatever comes, duplicates too
        return True

    def _take_message(self, event: ServerSentEvent) -> None:
        own, _, _ = event.id.partition(",")
        room, _, number = own.removeprefix("room-").rpartition(":")
        eid, data = int(number), json.loads(event.data)
        if (data["id"], data["room"]) != (eid, room) or room not in self.record.last:
            self.record.faults.append(f"{event.id} carries message {data['id']} of {data['room']}")
            return
        if eid <= self.record.last[room]:
            self.record.duplicates += 1
            return
        self.record.last[room] = eid
        self.record.got[room].append(Got(eid, data["text"], time.monotonic()))
        self._token = event.id

    def _opened(self) -> None:
        self.record.counts["connections"] += 1
        self.record.live.append((time.monotonic(), True))

    def _ended(self) -> None:
        if self.record.live and self.record.live[-1][1]:
            self.record.live.append((time.monotonic(), False))


def _number(token: str) -> int:
    return int(token.rpartition(":")[2])


TRANSPORTS: dict[str, Callable[[str, ReaderSpec, int], SseReader]] = {"sse": SseReader}


async def never_read(host: str, port: int, rooms: tuple[str, ...]) -> None:
    """Ask for all rooms and never read: a client that is only there to fill Pushpin's buffers."""
    loop = asyncio.get_running_loop()
    path = "/events/?" + "&".join(f"channel=room-{room}" for room in rooms)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nLast-Event-ID: earliest\r\n\r\n".encode()
    while True:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NEVER_READS)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, (host, port))
                await loop.sock_sendall(connection, request)
                await asyncio.sleep(60)
            except OSError:
                await asyncio.sleep(1)
