"""What a run will do, drawn from its seed: the same options give the same rooms, readers, drops and faults."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.kinds import KINDS, Kind

FAULTS = (
    "kill -9 of a gunicorn worker",
    "kill -9 of the gunicorn master",
    "kill -9 of all of gunicorn",
    "graceful reload of gunicorn",
    "worker dies before the commit",
    "worker dies after the commit",
    "kill -9 of pushpin",
    "kill -9 of condure",
    "kill -9 of pushpin-proxy",
    "kill -9 of pushpin-handler",
    "kill -9 of zurl",
    "kill -9 of all of Pushpin",
    "kill -9 of the relay",
    "kill -9 of PostgreSQL",
    "control port cut",
)
EACH_IN_TEN_MINUTES = 5  # how often every fault happens in 600 s; at least once in one of SHORT_SECONDS
# A shorter run would have them so thick that nothing comes back between two. It has two of each of these, which end the
# same in another way: when one of Pushpin's processes dies, the runner ends the others.
SHORT_SECONDS = 90
ALIKE = (
    [kind for kind in FAULTS if kind.endswith(("pushpin", "Pushpin", "condure", "-proxy", "-handler", "zurl"))],
    [kind for kind in FAULTS if kind.startswith("kill -9") and "gunicorn" in kind],
)
MEAN_DROP_SECONDS = 12.0
CALM_SECONDS = 5.0  # before the end in which nobody hangs up, so that the last posts find everybody there
LATE_READERS = 0.15  # the part of readers that comes when the run is under way, from the history


@dataclass(frozen=True)
class Options:
    """What the command line says. Times in seconds."""

    seed: int
    duration: int = 600
    readers: int = 60
    writers: int = 6
    rooms: int = 12
    database: str = "postgresql"


@dataclass(frozen=True)
class ReaderSpec:
    """One reader: when it comes, what it follows, and when it hangs up (seconds from the start)."""

    number: int
    kind_name: str
    rooms: tuple[str, ...]
    starts_at: float
    drops: tuple[float, ...]

    @property
    def kind(self) -> Kind:
        """Its line in the table."""
        return KINDS[self.kind_name]

    def __str__(self) -> str:
        return f"reader {self.number} ({self.kind_name})"


@dataclass(frozen=True)
class Fault:
    """One fault. `draw` (0 to 1) decides what is left open: which worker, how long."""

    at: float
    kind: str
    draw: float


@dataclass(frozen=True)
class Plan:
    """All that is decided before the run."""

    options: Options
    rooms: tuple[str, ...]
    readers: tuple[ReaderSpec, ...]
    faults: tuple[Fault, ...]


def make(options: Options) -> Plan:
    """The plan of a run."""
    rng = random.Random(f"{options.seed}/plan")
    rooms = tuple(f"chaos-{number}" for number in range(options.rooms))
    readers = tuple(_reader(rng, number, name, rooms, options) for number, name in enumerate(_kind_names(options)))
    return Plan(options, rooms, readers, _faults(rng, options))


def settle_seconds(options: Options) -> float:
    """How long before the end the last fault happens, so that every reader is back when the last post is made."""
    return min(25.0, options.duration * 0.2)


def room_weights(rooms: Sequence[str]) -> list[float]:
    """How much is said in each room: from several posts a second down to one in half a minute, which is where a
    lost publish has nothing after it."""
    return [1 / (number + 1) ** 2 for number in range(len(rooms))]


def _kind_names(options: Options) -> list[str]:
    """A kind for each reader, in the shares of the table."""
    total = sum(kind.share for kind in KINDS.values())
    names = [name for name, kind in KINDS.items() for _ in range(options.readers * kind.share // total)]
    spare = list(KINDS)
    while len(names) < options.readers:
        names.append(spare[len(names) % len(spare)])
    return names


def _reader(rng: random.Random, number: int, kind_name: str, rooms: tuple[str, ...], options: Options) -> ReaderSpec:
    kind = KINDS[kind_name]
    # Some follow all rooms, which with more than ten makes the short form of tokens.
    count = (len(rooms) if rng.random() < 0.2 else rng.randint(2, len(rooms))) if kind.several else 1
    followed = tuple(sorted(rng.sample(rooms, min(count, len(rooms)))))
    late = rng.random() < LATE_READERS
    starts_at = rng.uniform(5, options.duration * 0.7) if late else 0.0
    drops, at = [], starts_at
    while kind.drops and (at := at + rng.expovariate(1 / MEAN_DROP_SECONDS)) < options.duration - CALM_SECONDS:
        drops.append(at)
    return ReaderSpec(number, kind_name, followed, starts_at, tuple(drops))


def _faults(rng: random.Random, options: Options) -> tuple[Fault, ...]:
    """Every kind equally often, in random order, one at a random moment of each equal slice of the time."""
    kinds = [kind for kind in FAULTS if options.database == "postgresql" or kind != "kill -9 of PostgreSQL"]
    if options.duration < SHORT_SECONDS:
        spared = [kind for alike in ALIKE for kind in rng.sample(alike, len(alike) - 2)]
        kinds = [kind for kind in kinds if kind not in spared]
    each = max(1, round(EACH_IN_TEN_MINUTES * options.duration / 600))
    order = [kind for kind in kinds for _ in range(each)]
    rng.shuffle(order)
    first = 3.0
    slice_ = (options.duration - settle_seconds(options) - first) / len(order)
    return tuple(
        Fault(first + slice_ * (number + rng.random()), kind, rng.random()) for number, kind in enumerate(order)
    )
