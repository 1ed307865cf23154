"""What a client does on all transports: its positions, what it does with an event, and when it comes back."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx

from tests.client.events import Event, positions_of


@dataclass(frozen=True)
class Habits:
    """How a client behaves. The times, in seconds, are those of docs/protocol.md where it names any."""

    documented: bool = True  # resumes on `newest`, and from what it took; else it is curl in a loop with the last id
    joins: tuple[str, ...] = ()  # rooms that it joins by command on a socket, instead of by the address
    attempt: float = 10.0  # an attempt without an answer is given up
    silence: float = 50.0  # so is a stream that is silent for longer than two keep-alives
    wait: int = 20  # of a long-poll
    first_wait: int = 20  # of the first one after an error
    sync: float = 25.0  # between two looks whether a socket missed something
    back: tuple[float, float] | None = None  # until it comes back; None: 1 to 2, 2 to 4, … 30


class Follower:
    """Follows `path` at `base` from `token`, until it is cancelled. `last` are its positions by channel.

    Its subclasses say what they keep: the methods that do nothing here are told what happens.
    """

    def __init__(
        self, base: str, path: str, token: str, *, headers: Mapping[str, str] | None = None, habits: Habits
    ) -> None:
        self.base = base
        self.path = path
        self.token = token
        self.headers = dict(headers or {})
        self.habits = habits
        self.rng = random.Random()
        self.fails = 0  # in a row
        self.last = {} if token == "earliest" or "@" in token else positions_of(token)

    # What happens to it

    def asking(self, transport: str) -> None:
        """It asks for a stream or a socket, or begins to poll."""

    def opened(self, transport: str) -> None:
        """A stream or a socket is open, or a poll was answered."""

    def synced(self) -> None:
        """A socket has all that it asked for."""

    def ended(self, why: str) -> None:
        """It is followed no more: `why` is "" for an end in peace."""

    def took(self, event: Event) -> None:
        """An event that it did not have: of the log, in order, or one without an id."""

    def doubled(self, event: Event) -> None:
        """An event of the log came again."""

    def skipped(self, event: Event) -> None:
        """Between this event and the one before it others are missing."""

    def reset(self, channels: list[str], token: str) -> None:
        """What it missed can't be sent."""

    def refused(self, problem: dict[str, Any]) -> None:
        """The service said no, in a problem document; without a code when it was the proxy."""

    def closed(self, code: int) -> None:
        """Its socket was closed with this code; 1006 when it ended without one."""

    def counts(self, what: str) -> None:
        """Something that a report may want to count."""

    async def dawdle(self) -> None:
        """After an event or an answer: a slow client stops reading here."""

    # What it does

    async def follow(self, transport: "Transport") -> NoReturn:
        """Follow by one transport, again and again."""
        limits = httpx.Limits(max_connections=4)
        options: dict[str, Any] = {"limits": limits, "headers": self.headers, "verify": False, "trust_env": False}
        async with httpx.AsyncClient(base_url=self.base, **options) as client:
            while True:
                self.asking(transport.name)
                try:
                    why = await transport.read(client)
                except (httpx.HTTPError, OSError) as error:  # TimeoutError is one
                    why = type(error).__name__
                self.ended(why)
                await asyncio.sleep(self._pause(why))

    def take(self, event: Event) -> bool:
        """Handle an event in the order it came: all that is in a log is taken once. Whether it was new."""
        channel, number = event.channel, event.number
        known = self.last.get(channel)
        if number and known is not None and number <= known:
            self.doubled(event)
            return False
        if not number:
            self.took(event)
            return True
        if known is not None and number > known + 1:
            self.skipped(event)
        self.last[channel] = number
        self.took(event)
        return True

    def start_anew(self, channels: list[str], token: str) -> None:
        """Go on from the positions of a reset."""
        self.last |= {channel: last for channel, last in positions_of(token).items() if channel in channels}
        self.reset(channels, token)

    def is_behind(self, event_id: str) -> bool:
        """Whether the newest id of a room is ahead of what it has."""
        channel, _, number = event_id.rpartition(":")
        return int(number) > self.last.get(channel, int(number))

    def _pause(self, why: str) -> float:
        """Seconds until the next attempt."""
        if why == RESUME:
            return self.rng.uniform(0, 0.5)
        self.fails += 1
        if self.habits.back:
            return self.rng.uniform(*self.habits.back)
        return min(30, 2**self.fails) * self.rng.uniform(0.5, 1)


RESUME = "resumes"  # why a stream was left: a `newest` was ahead


class Transport(ABC):
    """How a client reads."""

    name: str

    def __init__(self, follower: Follower) -> None:
        self.follower = follower

    @abstractmethod
    async def read(self, client: httpx.AsyncClient) -> str:
        """Read one connection to its end, and say why it ended; "" when it just did."""

    def resuming(self, accept: str) -> dict[str, str]:
        """The headers that ask for what comes after the token."""
        token = {"Last-Event-ID": self.follower.token} if self.follower.token else {}
        return {"Accept": accept, **token}

    def refuse(self, status: int, body: bytes) -> str:
        """Tell of an answer that is none; why it ended."""
        try:
            self.follower.refused(httpx.Response(status, content=body).json())
        except ValueError:  # the proxy's own words
            self.follower.refused({})
        return f"answered {status}"
