"""A backend that takes its time: recoveries that overlap stay apart, and what overflows meanwhile is repaired."""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.scale.books import AccessLog, Books
from tests.scale.lossy import Lossy, on_time
from tests.service import Service, free_port, wait_until
from tests.swarm import Swarm, SwarmReader

pytestmark = [pytest.mark.timeout(500), pytest.mark.nightly]
SECONDS = 15.0


@pytest.fixture(scope="module")
def lossy_port() -> int:
    """Where the lossy network takes publishes."""
    return free_port()


@pytest.fixture(scope="module")
def service(new_database: Callable[[], str], lossy_port: int) -> Iterator[Service]:
    """Publishes go through a lossy network, and recoveries are slow."""
    slow = Service(
        new_database(),
        has_tables=True,
        WEB_ACCESS_LOG="1",
        DJANGO_SETTINGS_MODULE="tests.slowed",
        GRIP_URL=f"tcp://127.0.0.1:{lossy_port}",
    )
    (slow.folder / "slow").write_text("0")
    with slow as running:
        yield running


@pytest.fixture(scope="module")
def network(service: Service, lossy_port: int) -> Iterator[Lossy]:
    """The lossy network of the service."""
    with Lossy(lossy_port, service.zmq_port) as running:
        yield running


@pytest.fixture
def slow(service: Service) -> Iterator[Callable[[float], None]]:
    """Sets how many seconds a recovery takes."""

    def set_to(seconds: float) -> None:
        (service.folder / "slow").write_text(str(seconds))

    yield set_to
    set_to(0)


def test_recoveries_of_different_rooms_that_overlap_never_mix(
    service: Service, books: Books, room: str, network: Lossy, slow: Callable[[float], None]
) -> None:
    rooms = [f"{room}.{number}" for number in range(4)]
    readers = [SwarmReader([rooms[number % 4]], documented=number % 3 > 0) for number in range(20)]
    for name in rooms:
        books.say(name)
    service.stop("relay")  # it would repeat what is lost before Pushpin has to ask
    draw = random.Random(3)
    log = AccessLog(service)
    try:
        with Swarm(service.url, readers) as swarm:
            swarm.wait_exact(books.texts, 10)
            slow(0.6)
            network.fate = lambda: None if draw.random() < 0.4 else 0.0
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                for name in rooms:
                    books.say(name)
                time.sleep(0.5)
            network.fate = on_time
            for name in rooms:
                books.say(name)
            seconds = swarm.wait_exact(books.texts, 30)
            print(f"\n{SECONDS:.0f} s, {network.lost} publishes lost, {log.count('/recover/')} overlapping recoveries")
            print(f"{sum(map(len, books.texts.values()))} events in 4 rooms, exact {seconds:.1f} s after the last")
            assert log.count("/recover/") >= SECONDS / 5
    finally:
        network.fate = on_time
        service.start("relay")


def test_what_overflows_pushpins_queue_during_a_slow_recovery_is_repaired(
    service: Service, books: Books, room: str, network: Lossy, slow: Callable[[float], None]
) -> None:
    books.say(room)
    slow(20)
    (service.folder / "recovering").unlink(missing_ok=True)
    readers = [SwarmReader([room], documented=number % 2 == 0) for number in range(60)]
    with Swarm(service.url, readers) as swarm:
        swarm.wait_live()
        # A second after a channel's first subscription Pushpin asks: it is at it now.
        wait_until((service.folder / "recovering").exists, 10, "the recovery")
        posted = books.say_many(room, [f"burst {number}" for number in range(250)])
        slow(0.6)
        time.sleep(1)
        lacking = sum(not reader.is_at(books.texts) for reader in readers)
        report(f"overflow, {lacking} of {len(readers)} lost something", swarm, books, posted)
        assert lacking, "nothing was lost: this proves nothing"


def test_what_comes_later_than_pushpin_waits_is_repaired(
    service: Service, books: Books, room: str, network: Lossy, slow: Callable[[float], None]
) -> None:
    books.say(room)
    slow(0.6)
    readers = [SwarmReader([room], documented=number % 2 == 0) for number in range(60)]
    service.stop("relay")
    try:
        with Swarm(service.url, readers) as swarm:
            swarm.wait_exact(books.texts, 10)
            time.sleep(2)
            delays = iter([9.0] * 2)  # the items of one event, for streams of one and of several rooms
            network.fate = lambda: next(delays, 0.0)
            books.say(room, "late")
            for number in range(30):
                posted = books.say(room, f"on time {number}")
            report("out of order", swarm, books, posted, within=10)
            time.sleep(5)  # and the late one, when it comes at last, is no duplicate
            assert swarm.total("duplicates") == 0
    finally:
        network.fate = on_time
        service.start("relay")


def report(what: str, swarm: Swarm, books: Books, posted: float, within: float = 5) -> None:
    """Documented clients have all within 5 s of the last post, plain ones within 30 s; says when they did."""
    swarm.wait_exact(books.texts, 35)
    times = {
        kind: max(reader.at for reader in swarm.readers if reader.documented == kind) - posted for kind in (True, False)
    }
    print(f"\n{what}: documented clients exact after {times[True]:.1f} s, plain ones after {times[False]:.1f} s,")
    print(f"{swarm.total('repairs')} resumes because of `newest`, {swarm.total('duplicates')} duplicates dropped")
    assert times[True] <= within
    assert times[False] <= 30
