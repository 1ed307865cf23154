"""What readers of all transports do alike: when they come, hang up, pause and come back."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

import httpx

from tests.chaos.kinds import CHANGING
from tests.chaos.plan import ReaderSpec
from tests.chaos.readers.record import Record, own

ATTEMPT_SECONDS = 10.0  # docs/protocol.md: give up an attempt without an answer
SILENCE_SECONDS = 50.0
SLOW_CHANCE, SLOW_SECONDS = 0.02, (1.0, 4.0)  # after an event a slow reader stops reading
HUNG_UP_SECONDS = (0.1, 3.0)


class Reader:
    """One reader: its record, its token, and the transport that it uses now."""

    def __init__(self, base: str, spec: ReaderSpec, seed: int, transports: "Mapping[str, type[Transport]]") -> None:
        self.base = base
        self.spec = spec
        self.record = Record(spec)
        self.rng = random.Random(f"{seed}/reader/{spec.number}")
        self.token = ""
        self.fails = 0  # in a row
        self._drops = list(spec.drops)
        self._all = transports
        self._transport = self._next_transport()

    @property
    def path(self) -> str:
        """The address of what it follows."""
        if self.spec.kind.several:
            return "/events/?" + "&".join(f"channel=room-{room}" for room in self.spec.rooms)
        return f"/rooms/{self.spec.rooms[0]}/events/"

    async def run(self, zero: float) -> None:
        """Read until cancelled. `zero` is the run's start on the monotonic clock."""
        await asyncio.sleep(zero + self.spec.starts_at - time.monotonic())
        limits = httpx.Limits(max_connections=4)
        async with httpx.AsyncClient(base_url=self.base, timeout=ATTEMPT_SECONDS, limits=limits) as client:
            await self._begin(client)
            while True:
                drop = zero + self._drops.pop(0) if self._drops else None
                try:
                    async with asyncio.timeout_at(drop and asyncio.get_running_loop().time() + drop - time.monotonic()):
                        await self._read_forever(client)
                except TimeoutError:
                    self.record.ended()
                    self.record.counts["hung up by itself"] += 1
                    self._transport = self._next_transport()
                    await asyncio.sleep(self.rng.uniform(*HUNG_UP_SECONDS))

    async def dawdle(self) -> None:
        """Stop reading now and then, when it is a slow one."""
        if self.spec.kind.slow and self.rng.random() < SLOW_CHANCE:
            await asyncio.sleep(self.rng.uniform(*SLOW_SECONDS))

    async def _begin(self, client: httpx.AsyncClient) -> None:
        """Take the rooms' positions: at the start all are empty, later the history tells."""
        late = self.spec.starts_at > 0
        self.record.begin({room: await self._position(client, room) if late else 0 for room in self.spec.rooms})
        self.token = self.record.token

    async def _position(self, client: httpx.AsyncClient, room: str) -> int:
        while True:
            try:
                response = await client.get(f"/rooms/{room}/messages/?limit=1")
                if response.status_code == 404:
                    return 0  # nobody has posted there yet
                if response.status_code == 200:
                    return own(response.json()["last-event-id"])[1]
            except httpx.HTTPError:
                pass
            await asyncio.sleep(self.rng.uniform(0.5, 1.5))

    async def _read_forever(self, client: httpx.AsyncClient) -> None:
        while True:
            self.record.counts[f"attempts by {self._transport.name}"] += 1
            self.record.tries.append(time.monotonic())
            pause = await self._transport.read(client)
            self.record.ended()
            await asyncio.sleep(self._back_off() if pause is None else pause)

    def _back_off(self) -> float:
        """Seconds until the next attempt after an error."""
        self.fails += 1
        most = min(30, 2**self.fails) if self.spec.kind.documented else 2
        return most * self.rng.uniform(0.5, 1)

    def _next_transport(self) -> "Transport":
        name = self.spec.kind.transport
        return self._all[self.rng.choice(list(self._all)) if name == CHANGING else name](self)


class Transport(ABC):
    """How a reader reads."""

    name: str

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.record = reader.record

    @abstractmethod
    async def read(self, client: httpx.AsyncClient) -> float | None:
        """Read until the connection ends. Seconds until the next attempt; None to back off, after an error."""
