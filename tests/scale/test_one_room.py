"""A thousand readers of one room: what they cost while nothing happens, and how a lost publish reaches them."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.scale.books import AccessLog, Books
from tests.scale.conftest import LONG, READERS
from tests.service import Service
from tests.swarm import Swarm, SwarmReader

pytestmark = pytest.mark.timeout(1000 if LONG else 400)
FRESH = 27  # seconds until the link of a new hold has been followed for the first time


@pytest.fixture(scope="module")
def service(new_database: Callable[[], str]) -> Iterator[Service]:
    """gunicorn publishes into the void: only the relay reaches Pushpin."""
    with Service(new_database(), has_tables=True, lose_publishes=True, WEB_ACCESS_LOG="1") as running:
        yield running


def test_idle_readers_cost_little_and_a_lost_publish_reaches_them_within_five_seconds(
    service: Service, books: Books
) -> None:
    books.say("idle")
    readers = [SwarmReader(["idle"], documented=number % 5 > 0) for number in range(READERS)]
    with Swarm(service.url, readers) as swarm:
        swarm.wait_live()
        stay_idle(service)
        lose_a_publish(service, books, swarm)
        assert swarm.total("ends") == swarm.statuses()[500]  # while they came; since then no stream has ended


def stay_idle(service: Service) -> None:
    """Nothing happens: at most ten requests a minute."""
    new = AccessLog(service)
    # The room's first subscription, the first link of a new hold, a minute after the last event, and the link that was
    # set just before its end: then it is idle.
    time.sleep(FRESH + (60 if LONG else 0))
    first, seconds = new.count(), 60 if LONG else 10
    counts = []
    for _ in range(10 if LONG else 1):
        idle = AccessLog(service)
        time.sleep(seconds)
        counts.append(idle.count())
    print(f"\n{READERS} readers: {first} requests while new, then {counts}, each in {seconds} s")
    assert first <= (100 if LONG else 60)  # two more rounds of links
    assert max(counts) <= max(10 * seconds / 60, 5)  # in every minute, not on the average of some


def lose_a_publish(service: Service, books: Books, swarm: Swarm) -> None:
    """Nothing follows the lost event: all have it within five seconds, by at most twenty requests."""
    log = AccessLog(service)
    posted = books.say("idle", "lost")
    swarm.wait_exact(books.texts, 10)
    seconds = time.monotonic() - posted
    time.sleep(15)  # two notices of the newest id are out by then
    print(f"lost publish: {READERS} readers after {seconds:.1f} s, {log.count()} requests within 15 s")
    assert seconds <= 5
    assert log.count() <= 20
