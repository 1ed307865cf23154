"""Many readers who come back at once, while messages are posted."""

import time
from dataclasses import dataclass

import pytest

from tests.scale.books import Books
from tests.scale.conftest import Supervised
from tests.scope import ALL, READERS
from tests.service import wait_until
from tests.swarm import Swarm, SwarmReader
from tests.swarm_reader import describe

pytestmark = pytest.mark.timeout(240)


@pytest.mark.timeout(400)
def test_posts_in_a_storm_of_resumes_then_silence_reach_everybody(service: Supervised, books: Books, room: str) -> None:
    books.say(room)
    readers = [SwarmReader([room], documented=number % 5 > 0) for number in range(READERS)]
    with Swarm(service.url, readers) as swarm:
        swarm.wait_live()
        swarm.wait_exact(books.texts, 10)
        judged = 0
        while judged < (6 if ALL else 1):
            crashes = service.crashes()
            measured = storm(swarm, books, room)
            if service.crashes() == crashes:
                measured.judge()
                judged += 1
            else:  # a crash of Pushpin, which has bounds of its own: all are exact again, and the storm is repeated
                print("Pushpin crashed in this storm")
                assert crashes < 3


def storm(swarm: Swarm, books: Books, room: str) -> "Storm":
    """All resume at once; posts until half of them are back, then nothing more. Fails if somebody is left behind."""
    before, repairs = swarm.statuses(), swarm.total("repairs")
    opened = [len(reader.opened) for reader in swarm.readers]
    swarm.resume()
    begin = posted = time.monotonic()

    def back() -> int:
        return sum(len(reader.opened) > was for reader, was in zip(swarm.readers, opened, strict=True))

    while back() < len(swarm.readers) / 2:
        posted = books.say(room)
        time.sleep(0.05)
    wait_until(lambda: back() == len(swarm.readers), 30, "the end of the storm")
    took = time.monotonic() - begin
    time.sleep(max(0, posted + 2.5 - time.monotonic()))
    lacking = sum(not reader.is_at(books.texts) for reader in swarm.readers)
    swarm.wait_exact(books.texts, 35)
    # Who had no stream when the last message was posted is late from then on: from when one opened that stayed open,
    # or that the reader left by itself because of `newest`.
    late = {reader: reader.at - max(posted, reader.since) for reader in swarm.readers}
    last = {
        kind: max((reader for reader in swarm.readers if reader.documented == kind), key=late.__getitem__)
        for kind in (True, False)
    }
    times = {kind: max(0.0, late[reader]) for kind, reader in last.items()}
    answers = swarm.statuses() - before
    print(f"\nstorm: all back in {took:.1f} s, {dict(answers)}; {lacking} lacked something 2.5 s after the last post;")
    print(
        f"documented clients exact {times[True]:.1f} s, plain ones {times[False]:.1f} s after the last post;", end=" "
    )
    print(f"{swarm.total('repairs') - repairs} resumes because of `newest`")
    for reader in last.values():
        openings = [round(moment - posted, 1) for moment in reader.opened if moment > begin]
        print(f"the last one opened {openings} s after the last post; {describe(reader)}")
    return Storm(refused=answers[502] + answers[503], documented=times[True], plain=times[False])


@dataclass(frozen=True)
class Storm:
    """How many readers were refused with 502 or 503, which say that Django was not reached, and how many seconds late
    the last message came, by kind of client."""

    refused: int
    documented: float
    plain: float

    def judge(self) -> None:
        """The bounds."""
        assert self.refused == 0
        assert self.documented <= 5
        assert self.plain <= 30
