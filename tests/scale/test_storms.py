"""A thousand readers who come back at once, while messages are posted; and streams that end as soon as they open."""

import socketserver
import threading
import time
from dataclasses import dataclass

import pytest

from tests.scale.books import Books
from tests.scale.conftest import LONG, READERS, Supervised
from tests.service import wait_until
from tests.swarm import Swarm, SwarmReader

pytestmark = pytest.mark.timeout(240)


@pytest.mark.timeout(400)
def test_posts_in_a_storm_of_resumes_then_silence_reach_everybody(service: Supervised, books: Books, room: str) -> None:
    books.say(room)
    readers = [SwarmReader([room], documented=number % 5 > 0) for number in range(READERS)]
    with Swarm(service.url, readers) as swarm:
        swarm.wait_live()
        swarm.wait_exact(books.texts, 10)
        judged = 0
        while judged < (6 if LONG else 2):
            time.sleep(1)
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
    # Who was still waiting for an answer when the last message was posted is late from then on.
    late = [
        (reader.documented, reader.at - max(posted, reader.opened[was]))
        for reader, was in zip(swarm.readers, opened, strict=True)
    ]
    times = {
        kind: max([0.0, *(seconds for documented, seconds in late if documented == kind)]) for kind in (True, False)
    }
    answers = swarm.statuses() - before
    print(f"\nstorm: all back in {took:.1f} s, {dict(answers)}; {lacking} lacked something 2.5 s after the last post;")
    print(
        f"documented clients exact {times[True]:.1f} s, plain ones {times[False]:.1f} s after the last post;", end=" "
    )
    print(f"{swarm.total('repairs') - repairs} resumes because of `newest`")
    return Storm(bad_gateways=answers[502], documented=times[True], plain=times[False])


@dataclass(frozen=True)
class Storm:
    """What a storm did: answers of 502, and how many seconds late the last message came, by kind of client."""

    bad_gateways: int
    documented: float
    plain: float

    def judge(self) -> None:
        """The bounds."""
        assert self.bad_gateways == 0
        assert self.documented <= 5
        assert self.plain <= 30


class Ender(socketserver.BaseRequestHandler):
    """Opens a stream and ends it."""

    def handle(self) -> None:
        """Answer one request."""
        self.request.recv(4096)
        body = b"event: stream-open\nid: room-x:0\ndata: \n\n"
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body)


class Enders(socketserver.ThreadingTCPServer):
    """A service whose streams end as soon as they opened."""

    request_queue_size = 1000
    daemon_threads = True


def test_a_stream_that_ends_as_soon_as_it_opens_is_retried_ever_more_seldom() -> None:
    with Enders(("127.0.0.1", 0), Ender) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        readers = [SwarmReader(["x"]) for _ in range(100)]
        with Swarm(f"http://127.0.0.1:{server.server_address[1]}", readers):
            begin = time.monotonic()
            time.sleep(16)
            attempts = [[moment - begin for moment in reader.opened] for reader in readers]
        server.shutdown()
    # At 0, 1–2, 3–6, 7–14 s, …
    assert all(2 <= len(moments) <= 5 for moments in attempts)
    second = sorted(moments[1] for moments in attempts)
    assert second[-1] - second[0] > 0.8, "they all came at once"
