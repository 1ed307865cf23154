"""Readers that do not read: they get what they missed when they go on, and hurt nobody meanwhile."""

import time
from pathlib import Path

import pytest

from tests.scale.books import Books
from tests.service import Service, session_members, wait_until
from tests.swarm import SILENCE_SECONDS, Swarm, SwarmReader

pytestmark = [pytest.mark.timeout(200), pytest.mark.nightly]
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
        for number in range(300):
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
        time.sleep(max(0.0, posted + 5 - time.monotonic()))
        soon = exact(readers, books, True)
        time.sleep(max(0.0, posted + 30 - time.monotonic()))
        plain = exact(readers, books, False)
        print(
            f"\nafter a pause: {soon} of 10 documented clients exact within 5 s, {plain} of 10 plain ones within 30 s"
        )
        wait_until(lambda: exact(readers, books, True) == 10, SILENCE_SECONDS, "repair of documented clients")
        seconds = max(reader.at for reader in readers if reader.documented) - posted
        print(f"the last documented client {seconds:.1f} s after the last event")
        if soon < 10 or plain < 10:
            # Seen with ss: a part of a chunk is unsent, yet both sockets are empty. Nothing wakes condure for it, so
            # only the rule of silence helps; a plain client waits for an event that wakes it, or for ever.
            pytest.xfail("condure 1.36 leaves streams stuck that were backed up")


def exact(readers: list[SwarmReader], books: Books, documented: bool) -> int:
    """How many of this kind have everything."""
    return sum(reader.is_at(books.texts) for reader in readers if reader.documented == documented)
