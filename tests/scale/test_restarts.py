"""Restarts under many readers: kill -9 of Pushpin has all live again within ten seconds; Django's ends nobody's stream.
Nobody misses anything."""

import random
import time

import pytest

from tests.scale.books import Books
from tests.scope import READERS
from tests.service import Service
from tests.swarm import Swarm, SwarmReader

pytestmark = pytest.mark.timeout(120)
ROOMS = 40


def sets_of_rooms(room: str, kind: str) -> list[list[str]]:
    """Which rooms each reader follows."""
    if kind == "one room":
        return [[f"{room}.0"]] * READERS
    draw = random.Random(7)
    rooms = [f"{room}.{number}" for number in range(ROOMS)]
    sets: dict[tuple[str, ...], None] = {}
    while len(sets) < READERS * 9 // 10:  # each another three of the forty
        sets[tuple(sorted(draw.sample(rooms, 3)))] = None
    return [list(some) for some in sets] + [[draw.choice(rooms)] for _ in range(READERS - len(sets))]


@pytest.mark.parametrize("kind", ["one room", pytest.param("different sets", marks=pytest.mark.nightly)])
def test_kill_9_of_pushpin_has_all_live_within_ten_seconds_and_exact(
    service: Service, books: Books, room: str, kind: str
) -> None:
    sets = sets_of_rooms(room, kind)
    rooms = sorted({name for some in sets for name in some})
    for name in rooms:
        books.say(name)
    readers = [SwarmReader(some, documented=number % 5 > 0) for number, some in enumerate(sets)]
    with Swarm(service.url, readers) as swarm:
        opened = swarm.wait_live()
        swarm.wait_exact(books.texts, 10)
        before = swarm.statuses()
        books.say(rooms[0])
        killed = time.monotonic()
        service.kill("pushpin")
        for name in rooms[:10]:
            books.say(name)
        swarm.wait(lambda reader: reader.live and reader.opened[-1] > killed, 30, "open streams after kill -9")
        live = max(reader.opened[-1] for reader in readers) - killed
        for name in rooms:
            books.say(name)
        swarm.wait_exact(books.texts, 30)
        answers = swarm.statuses() - before
        print(f"\n{kind}: {READERS} opened in {opened:.1f} s; after kill -9 all live in {live:.1f} s, {dict(answers)}")
        assert live <= 10
        assert answers[502] + answers[503] == 0
        assert answers[200] >= READERS


def test_a_restart_of_django_leaves_no_stream_silent(service: Service, books: Books, room: str) -> None:
    """Pushpin follows the link of all of them at once while Django can't be connected to (pushpin/away.py)."""
    for _ in range(2):
        readers = [SwarmReader([room], documented=number % 5 > 0) for number in range(300)]
        books.say(room)
        with Swarm(service.url, readers) as swarm:
            swarm.wait_live()
            time.sleep(0.2)  # until none ends because it just opened: who was sent away comes again (docs/testing.md)
            swarm.wait_live()
            ends = swarm.total("ends")
            service.stop("gunicorn")
            time.sleep(6)
            service.start("gunicorn")
            service.wait_ready()
            books.say(room)
            took = swarm.wait_exact(books.texts, 30)
            print(f"\nexact {took:.1f} s after Django was back")
            assert swarm.total("ends") == ends
