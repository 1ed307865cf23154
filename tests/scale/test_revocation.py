"""A right is taken away in a room with a thousand readers: all others are back soon, and have everything."""

import time

import pytest

from tests.readers import Reader
from tests.scale.books import AccessLog, Books
from tests.scope import READERS
from tests.service import Service, wait_until
from tests.swarm import Swarm, SwarmReader

pytestmark = [pytest.mark.timeout(240), pytest.mark.nightly]
# Each waits for 1 to 2 s before it comes back, as docs/protocol.md says.
BACK_SECONDS = 3 if READERS <= 200 else 8

_MAKE = """
alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
actions.create_room(alice, "crowd")
result = actions.make_token(bob)
"""
_BAN = "actions.restrict(person('alice'), room('crowd', person('alice')), 'ban', person('bob'))"


def test_the_others_are_back_within_seconds_and_miss_nothing(service: Service, books: Books) -> None:
    bearer = {"Authorization": f"Bearer {service.console.run(_MAKE)}"}
    books.say("crowd")
    readers = [SwarmReader(["crowd"]) for _ in range(READERS)]
    with (
        Swarm(service.url, readers) as swarm,
        Reader(service.url, "/rooms/crowd/events/", "earliest", headers=bearer) as bob,
    ):
        swarm.wait_live(60)
        swarm.wait_exact(books.texts, 10)
        bob.wait_for(books.texts["crowd"])
        before, log = swarm.statuses(), AccessLog(service)
        service.console.run(_BAN)
        begin = time.monotonic()
        books.say("crowd", "after")
        wait_until(lambda: bob.refusals, 3, "Bob's refusal")
        swarm.wait(lambda reader: reader.live and len(reader.opened) > 1, 30, "the way back")
        back = max(reader.opened[-1] for reader in readers) - begin
        swarm.wait_exact(books.texts, 10)
        time.sleep(3)  # closings are repeated: nobody may be cut again
        asked = log.count("/rooms/crowd/") - len(bob.refusals)
        answers = swarm.statuses() - before
        print(f"\n{READERS} readers: back after {back:.1f} s, {asked} requests for streams, {dict(answers)}")
        assert back <= BACK_SECONDS
        assert answers[502] + answers[503] == 0
        assert asked <= READERS * 1.1
        assert bob.messages() == books.texts["crowd"][:-1]
        assert swarm.total("duplicates") == 0
