"""The client for tests: follows rooms in the background by any transport, resumes from its token, keeps all it got."""

import asyncio
import functools
import json
import threading
import urllib.parse
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from tests import client
from tests.client import Event, Follower, Habits
from tests.service import wait_until

TRANSPORTS = tuple(client.TRANSPORTS)
NO_SYNC = 60.0  # longer than a test: a socket that misses nothing asks no more
BACK_SECONDS = 0.1  # until it comes back: a test waits for it
# As plain as can be, so that what the service does is seen and not what a client repairs. Its sockets look more often
# whether they missed something than those of a large service should.
HABITS = Habits(documented=False, attempt=5, wait=10, first_wait=10, sync=4, back=(BACK_SECONDS, BACK_SECONDS))


@dataclass(frozen=True)
class Seen:
    """One event as it came; `data` is JSON."""

    id: str
    type: str
    data: str

    def json(self) -> Any:
        """The data, decoded."""
        return json.loads(self.data)

    @property
    def room(self) -> str:
        """The channel that the event's own id names."""
        return client.own(self.id)[0]

    @property
    def number(self) -> int:
        """The event's own number in its room; 0 for what is not in the log."""
        return client.own(self.id)[1] if self.type != "stream-reset" else 0


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Where all readers of this process run."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


class Reader(Follower):
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
        sync: float = HABITS.sync,
    ) -> None:
        super().__init__(base, path, token, headers=headers, habits=replace(HABITS, sync=sync))
        self.transport = transport
        self.seen: list[Seen] = []
        self.connections = 0
        self.ends = 0
        self.duplicates = 0
        self.holes = 0
        self.asked = 0  # since a socket had all that it asked for at first
        self.is_syncing = False  # a socket sent a frame that is not answered yet
        self.refusals: list[str] = []
        self.closes: list[int] = []
        self._opened = threading.Event()
        self._attempt: asyncio.Task[Any] | None = None
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        self.start()
        assert self._opened.wait(15), "the stream did not open"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running
        self._running.cancel()
        with suppress(CancelledError):
            self._running.result(10)

    def start(self) -> None:
        """Begin, without waiting for an answer."""
        self._running = asyncio.run_coroutine_threadsafe(self._run(), _loop())

    def cut(self) -> None:
        """Cut the connection, as a network would; the reader comes back from its token."""
        _loop().call_soon_threadsafe(lambda: self._attempt and self._attempt.cancel())

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

    def is_exact(self) -> bool:
        """Whether each event came in its turn, and once, but for what a socket asked for and what came meanwhile."""
        return self.holes == 0 and (self.duplicates == 0 or self.asked > 0)

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

    # In the loop

    async def _run(self) -> None:
        while True:
            self._attempt = asyncio.create_task(self.follow(client.TRANSPORTS[self.transport](self)))
            try:
                await asyncio.wait([self._attempt])
            finally:
                self._attempt.cancel()
            if not self._attempt.cancelled():
                self._attempt.result()  # it ends by itself only with an error of ours
            self.ended("cut")
            await asyncio.sleep(BACK_SECONDS)

    def asking(self, transport: str) -> None:
        """With a token the position of a poll is known; an answer comes when there is something."""
        if transport == "long-poll" and self.token:
            self._opened.set()

    def opened(self, transport: str) -> None:
        """Count it. A socket is asked to wait: an event of before its first sync can come live and by the sync."""
        self.connections += 1
        if transport != "websocket":
            self._opened.set()

    def synced(self) -> None:
        """From now on, what comes to a socket comes by itself, and once."""
        self._opened.set()
        self.is_syncing = False

    def counts(self, what: str) -> None:
        """Note that a socket asks once more: it came back, misses something, or it is time."""
        if what.startswith("syncs"):
            self.asked += self._opened.is_set()
            self.is_syncing = True

    def ended(self, why: str) -> None:
        """Count it."""
        self.ends += 1
        self.is_syncing = False

    def took(self, event: Event) -> None:
        """Keep it."""
        self.seen.append(Seen(event.id, event.type, json.dumps(event.data)))

    def doubled(self, event: Event) -> None:
        """Count it."""
        self.duplicates += 1

    def skipped(self, event: Event) -> None:
        """Count it."""
        self.holes += 1

    def reset(self, channels: list[str], token: str) -> None:
        """Keep it as an event."""
        self.seen.append(Seen(token, "stream-reset", json.dumps({"channels": channels})))

    def refused(self, problem: dict[str, Any]) -> None:
        """Note it, and go on with the rooms that are left, if any."""
        self.refusals.append(problem.get("code", ""))
        address, _, query = self.path.partition("?")
        refused = set(problem.get("channels", []))
        left = [pair for pair in urllib.parse.parse_qsl(query) if pair[1] not in refused]
        if left:
            self.path = f"{address}?{urllib.parse.urlencode(left)}"

    def closed(self, code: int) -> None:
        """Note it."""
        self.closes.append(code)
