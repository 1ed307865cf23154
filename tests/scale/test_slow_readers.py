"""Readers that do not read: they get what they missed when they go on, and hurt nobody meanwhile."""

import time
from pathlib import Path

import pytest

from tests.scale.books import Books
from tests.scale.conftest import LONG
from tests.service import Service, session_members, wait_until
from tests.swarm import Swarm, SwarmReader

pytestmark = pytest.mark.timeout(200)
LARGE = "w" * 7900


def memory(service: Service) -> dict[str, int]:
    """The resident memory of Pushpin's processes, in MiB by name."""
    found: dict[str, int] = {}
    for pid in session_members(service.processes["pushpin"].pid):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        found[status["Name"].strip()] = int(status.get("VmRSS", "0").split()[0]) // 1024
    return found


def test_readers_that_never_read_hurt_nobody(service: Service, books: Books, room: str) -> None:
    books.say(room)
    readers = [SwarmReader([room], documented=number % 2 == 0) for number in range(50)]
    deaf = [SwarmReader([room], small_buffer=True) for _ in range(50)]
    with Swarm(service.url, deaf) as ignoring, Swarm(service.url, readers) as swarm:
        ignoring.wait_live()
        swarm.wait_exact(books.texts, 10)
        ignoring.pause(deaf)
        before, delays = memory(service), []
        for number in range(300):
            posted = books.say(room, f"{number} {LARGE}")
            if number % 10 == 0:
                swarm.wait_exact(books.texts, 5)
                delays.append(max(reader.at for reader in readers) - posted)
        full = memory(service)
        swarm.wait_exact(books.texts, 10)
        for number in range(300 if LONG else 100):
            books.say(room, f"more {number} {LARGE}")
        swarm.wait_exact(books.texts, 10)
        after = memory(service)
        print(f"\nwith 50 that never read: worst delay of the others {max(delays):.2f} s; MiB {before} {full} {after}")
        assert max(delays) < 1
        assert swarm.total("duplicates") == swarm.total("repairs") == 0
        # 100 events of 16 KB wait for each at most, wherever they wait.
        assert sum(after.values()) - sum(before.values()) < 200


def test_readers_that_pause_get_all_when_they_go_on(service: Service, books: Books, room: str) -> None:
    books.say(room)
    readers = [SwarmReader([room], documented=number % 2 == 0) for number in range(20)]
    with Swarm(service.url, readers) as swarm:
        swarm.wait_exact(books.texts, 10)
        swarm.pause(readers)
        posted = books.say_many(room, [f"{number} {LARGE}" for number in range(1000)])
        swarm.go_on(readers)
        time.sleep(1.5)
        lacking = sum(not reader.is_at(books.texts) for reader in readers)
        documented = [reader for reader in readers if reader.documented]
        wait_until(lambda: all(reader.is_at(books.texts) for reader in documented), 40, "repair")
        seconds = max(reader.at for reader in documented) - posted
        time.sleep(max(0.0, posted + 30 - time.monotonic()))
        plain = sum(reader.is_at(books.texts) for reader in readers if not reader.documented)
        print(
            f"\n{lacking} of 20 lost something while they did not read; documented clients exact after {seconds:.1f} s,"
        )
        print(f"{plain} of 10 plain ones within 30 s; the others with the next event")
        books.say(room, "next")
        swarm.wait_exact(books.texts, 15)
        assert lacking, "nothing was lost: this proves nothing"
        assert seconds <= 5
