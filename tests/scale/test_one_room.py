"""A thousand readers of one room: what they cost while nothing happens, and how a lost publish reaches them."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.scale.books import AccessLog, Books
from tests.scope import READERS
from tests.service import Service
from tests.swarm import Swarm, SwarmReader

pytestmark = [pytest.mark.timeout(1000), pytest.mark.nightly]
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
        swarm.wait_settled()
        ended = swarm.total("ends")
        explain_ends(service, swarm)
        stay_idle(service)
        lose_a_publish(service, books, swarm)
        assert swarm.total("ends") == ended  # since they came no stream has ended


def explain_ends(service: Service, swarm: Swarm) -> None:
    """While they come a stream ends by an answer of 500, or by a fault of Pushpin's that it logs: docs/operating.md."""
    cut = swarm.total("ends") - swarm.statuses()[500]
    logged = (service.folder / "pushpin.out").read_text().count("received message out of sequence, canceling")
    print(f"\n{READERS} came: {swarm.statuses()[500]} answers of 500, {cut} streams cut while they opened")
    assert cut <= logged
    assert cut <= READERS / 10


def stay_idle(service: Service) -> None:
    """Nothing happens: at most ten requests a minute."""
    new = AccessLog(service)
    # The room's first subscription, the first link of a new hold, a minute after the last event, and the link that was
    # set just before its end: then it is idle.
    time.sleep(FRESH + 60)
    first, seconds = new.count(), 60
    counts = []
    for _ in range(10):
        idle = AccessLog(service)
        time.sleep(seconds)
        counts.append(idle.count())
    print(f"\n{READERS} readers: {first} requests while new, then {counts}, each in {seconds} s")
    assert first <= 100
    assert max(counts) <= 10  # in every minute, not on the average of some


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
