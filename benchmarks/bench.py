"""What the rows share: the peers that run, the load generator, and where figures go."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from benchmarks.load import posters
from benchmarks.load.client import Meter, Swarm
from benchmarks.peers.corkboard import Corkboard
from benchmarks.peers.multichat.peer import Multichat
from benchmarks.peers.peer import COUNTING, READY, Peer
from benchmarks.peers.raw import Raw
from benchmarks.peers.tutorial.peer import Tutorial
from benchmarks.postgres import Postgres
from benchmarks.results import Results
from benchmarks.usage import cpu_seconds


@dataclass
class Options:
    """The size of a run. `quick` makes everything as short as can be: to see that each row runs, not to judge by."""

    rounds: int = 3
    readers: int = 1000
    quick: bool = False

    def seconds(self, usual: float) -> float:
        """A duration, shortened when quick."""
        return min(usual, 0.5) if self.quick else usual

    def times(self, usual: int) -> int:
        """How often something is done, seldom when quick."""
        return max(1, usual // 10) if self.quick else usual


@dataclass
class Bench:
    """All peers running side by side; only the one that is measured has anything to do."""

    options: Options
    results: Results
    _rooms: int = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.postgres = stack.enter_context(Postgres())
            port = str(self.postgres.port)
            for database in (Corkboard.database, Tutorial.database, Multichat.database):
                self.postgres.create(database)
            self.raw = stack.enter_context(Raw())
            # Quick: with the access log all the time, since beginning and ending it takes a restart.
            log: dict[str, Any] = COUNTING if self.options.quick else {}
            self.tutorial = stack.enter_context(Tutorial(BENCH_PG_PORT=port, **log))
            self.channels = stack.enter_context(Multichat(BENCH_PG_PORT=port))
            self.corkboard = stack.enter_context(Corkboard(f"{self.postgres.url}/{Corkboard.database}", **log))
            self.swarm = stack.enter_context(Swarm())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def room(self, peer: Peer) -> str:
        """The name of a fresh room that has one message."""
        self._rooms += 1
        name = f"bench-{self._rooms}"
        if peer.database:
            self.post(peer, name, posters=1, number=1, seconds=20)
        return name

    def post(self, peer: Peer, room: str, *, direct: bool = False, **order: Any) -> dict[str, Any]:
        """Post, while the harness does nothing else; `order` and result as benchmarks.load.posters has them."""
        return posters.run({**peer.post_order(room, direct=direct), **order})

    def open(self, peer: Peer, room: str, number: int, **arguments: Any) -> dict[str, Any]:
        """Let `number` readers follow a room, and wait until Pushpin has asked again for the new channel (1 s)."""
        request = peer.stream_request(room)
        answer = self.swarm.open(port=peer.stream_port, request=request, number=number, marker=READY, **arguments)
        time.sleep(self.options.seconds(2.5))
        return answer

    def cpu(self, peer: Peer) -> float:
        """CPU seconds that a peer and its database took so far."""
        return cpu_seconds(peer.pids(self.postgres.pid))

    @contextmanager
    def metered(self, row: str, peer: Peer) -> Iterator[list[float]]:
        """Record what share of a core the load generator takes; a poster's CPU seconds go into the list."""
        meter = Meter(self.swarm)
        others: list[float] = []
        yield others
        self.results.add_share(row, peer.name, meter.share(max(others, default=0.0)))
