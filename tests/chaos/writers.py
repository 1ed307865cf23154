"""Writers: each posts through Pushpin with an Idempotency-Key, and again with the same key until it has an answer."""

import asyncio
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Self

import httpx

from tests.chaos import orders
from tests.chaos.plan import Plan, room_weights

PAUSE_SECONDS = (0.1, 0.9)
ANSWER_SECONDS = 10.0  # an attempt without an answer is given up
LAST_SECONDS = 40.0  # for a post under way when the writers are told to stop
LONG_TEXT = 0.08  # the part of long texts, which fill buffers
# What is asked of the sabotage, with its chance. "roll back" is never tried again without it.
ROLLED_BACK, ROLLED_BACK_FIRST, COMMITTED_LATE = 0.04, 0.03, 0.03


@dataclass(frozen=True)
class Accepted:
    """A post that got a 2xx. Times are time.monotonic()."""

    room: str
    eid: int
    text: str
    began: float  # of the attempt that was answered
    at: float
    first_began: float
    attempts: int


@dataclass
class Ledger:
    """What all writers did."""

    accepted: list[Accepted] = field(default_factory=list)
    rolled_back: set[str] = field(default_factory=set)  # texts that nobody may ever see
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    orders: deque[str] = field(default_factory=deque)  # harm that the next writes ask for


class Writer:
    """One writer, by REST."""

    def __init__(self, base: str, number: int, plan: Plan, ledger: Ledger) -> None:
        self._base = base
        self._name = f"writer {number}"
        self._rng = random.Random(f"{plan.options.seed}/writer/{number}")
        self._rooms = plan.rooms
        self._ledger = ledger
        self._number = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Post until `stop`, and finish the post under way."""
        async with self:
            while not stop.is_set():
                await asyncio.sleep(self._rng.uniform(*PAUSE_SECONDS))
                room = self._rng.choices(self._rooms, room_weights(self._rooms))[0]
                text, harm = self._next()
                if harm == orders.ROLL_BACK and self._rng.random() < ROLLED_BACK / (ROLLED_BACK + ROLLED_BACK_FIRST):
                    await self._post_in_vain(room, text)
                else:
                    await self._post(room, text, harm)

    async def __aenter__(self) -> Self:
        limits = httpx.Limits(max_connections=1)
        self._client = httpx.AsyncClient(base_url=self._base, timeout=ANSWER_SECONDS, limits=limits)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    @property
    def _key(self) -> str:
        return f"{self._name}/{self._number}"

    def _next(self) -> tuple[str, str]:
        self._number += 1
        text = f"{self._name} says {self._number}"
        if self._rng.random() < LONG_TEXT:
            text += " 100% ünïcödé" * self._rng.randint(100, 500)
        draw = self._rng.random() - ROLLED_BACK - ROLLED_BACK_FIRST
        if self._ledger.orders:
            return text, self._ledger.orders.popleft()
        if draw < 0:
            return text, orders.ROLL_BACK
        return text, orders.SLOW if draw < COMMITTED_LATE else ""

    async def _post_in_vain(self, room: str, text: str) -> None:
        """A write that is rolled back, and not repeated."""
        self._ledger.rolled_back.add(text)
        status, _ = await self._attempt(room, text, orders.ROLL_BACK)
        self._ledger.counts["rolled back for good"] += 1
        if 200 <= status < 300:
            self._ledger.faults.append(f"{text!r} was rolled back and answered {status}")

    async def _post(self, room: str, text: str, harm: str) -> None:
        """Post until there is an answer; only the first attempt is harmed."""
        first_began, attempts = time.monotonic(), 0
        while True:
            began = time.monotonic()
            status, eid = await self._attempt(room, text, harm)
            attempts += 1
            if status in (200, 201):
                break
            self._ledger.counts[f"attempts answered {status or 'not at all'}"] += 1
            if 400 <= status < 500 and status != 429:
                self._ledger.faults.append(f"{text[:60]!r} was answered {status}")
                return
            harm = ""
            await asyncio.sleep(min(2.0, 0.2 * 2**attempts) * self._rng.uniform(0.5, 1))
        if status == 200:
            self._ledger.counts["stored without an answer, found again by the key"] += 1
        self._ledger.accepted.append(Accepted(room, eid, text, began, time.monotonic(), first_began, attempts))

    async def _attempt(self, room: str, text: str, harm: str) -> tuple[int, int]:
        """One request: its status and the message's id; zeros without an answer."""
        headers = {"Idempotency-Key": self._key}
        if harm:
            headers[orders.HEADER] = harm
            self._ledger.counts[f"asked to {harm}"] += 1
        body = {"from": self._name, "text": text}
        try:
            response = await self._client.post(f"/rooms/{room}/messages/", json=body, headers=headers)
        except (httpx.HTTPError, OSError):
            return 0, 0
        return response.status_code, response.json()["id"] if response.is_success else 0
