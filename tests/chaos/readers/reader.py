"""A reader of a fault run: when it comes, hangs up, pauses and comes back, and the books that it keeps."""

import asyncio
import random
import time
from typing import Any

import httpx

from tests.chaos.kinds import CHANGING, POLL_SECONDS
from tests.chaos.plan import ReaderSpec
from tests.chaos.readers.record import Record
from tests.client import TRANSPORTS, Event, Follower, Habits, own
from tests.client.follower import RESUME, Transport

FIRST_SECONDS = 5  # of a long-poll after an error: so that the report knows soon whether the reader is served again
BACK_SECONDS = (1.0, 2.0)  # until a client that backs off by nothing comes back
SLOW_CHANCE, SLOW_SECONDS = 0.02, (1.0, 4.0)  # after an event a slow reader stops reading
HUNG_UP_SECONDS = (0.1, 3.0)


class Reader(Follower):
    """One reader, with its record."""

    def __init__(self, base: str, spec: ReaderSpec, seed: int) -> None:
        kind = spec.kind
        habits = Habits(
            documented=kind.documented,
            joins=spec.rooms if kind.joins else (),
            wait=POLL_SECONDS,
            first_wait=FIRST_SECONDS,
            back=None if kind.documented else BACK_SECONDS,
        )
        super().__init__(base, _path(spec), "", habits=habits)
        self.spec = spec
        self.record = Record(spec)
        self.rng = random.Random(f"{seed}/reader/{spec.number}")
        self._drops = list(spec.drops)
        self._transport = self._next_transport()

    async def run(self, zero: float) -> None:
        """Read until cancelled. `zero` is the run's start on the monotonic clock."""
        await asyncio.sleep(zero + self.spec.starts_at - time.monotonic())
        await self._begin()
        while True:
            drop = zero + self._drops.pop(0) if self._drops else None
            try:
                async with asyncio.timeout_at(drop and asyncio.get_running_loop().time() + drop - time.monotonic()):
                    await self.follow(self._transport)
            except TimeoutError:
                self.record.ended()
                self.record.counts["hung up by itself"] += 1
                self._transport = self._next_transport()
                await asyncio.sleep(self.rng.uniform(*HUNG_UP_SECONDS))

    async def _begin(self) -> None:
        """Take the rooms' positions: at the start all are empty, later the history tells."""
        late = self.spec.starts_at > 0
        async with httpx.AsyncClient(base_url=self.base, timeout=self.habits.attempt) as client:
            self.record.begin({room: await self._position(client, room) if late else 0 for room in self.spec.rooms})
        self.token = self.record.token
        self.last = {f"room-{room}": last for room, last in self.record.start.items()}

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

    def _next_transport(self) -> Transport:
        name = self.spec.kind.transport
        return TRANSPORTS[self.rng.choice(list(TRANSPORTS)) if name == CHANGING else name](self)

    # What happens to it

    def asking(self, transport: str) -> None:
        """Note when."""
        self.record.counts[f"attempts by {transport}"] += 1
        self.record.tries.append(time.monotonic())

    def opened(self, transport: str) -> None:
        """Note when."""
        self.record.opened()

    def ended(self, why: str) -> None:
        """Note when, and why."""
        self.record.ended()
        if why not in ("", RESUME):
            self.record.counts[why] += 1

    def took(self, event: Event) -> None:
        """Keep a message."""
        if event.type == "message":
            self.record.take(event.id, event.data)

    def doubled(self, event: Event) -> None:
        """Count it."""
        self.record.duplicates += 1

    def reset(self, channels: list[str], token: str) -> None:
        """Nobody may be reset in a run."""
        self.record.refuse("a reset", channels)

    def refused(self, problem: dict[str, Any]) -> None:
        """Nor refused, but for what is away: that has a status of 500 or more, or no code of ours."""
        if problem.get("status", 500) < 500:
            self.record.refuse("a refusal", problem)

    def counts(self, what: str) -> None:
        """Count it."""
        self.record.counts[what] += 1

    async def dawdle(self) -> None:
        """Stop reading now and then, when it is a slow one."""
        if self.spec.kind.slow and self.rng.random() < SLOW_CHANCE:
            await asyncio.sleep(self.rng.uniform(*SLOW_SECONDS))


def _path(spec: ReaderSpec) -> str:
    """The address of what it follows."""
    if spec.kind.several:
        return "/events/?" + "&".join(f"channel=room-{room}" for room in spec.rooms)
    return f"/rooms/{spec.rooms[0]}/events/"
