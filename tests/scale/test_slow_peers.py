"""Clients that send or read slowly, or never: everybody else is served as if they weren't there."""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product

import pytest

from tests import raw
from tests.service import NO_LIMIT, Service
from tests.slow_peers import SlowPeers

NUMBER = 200
SECONDS = 2.0  # within which everybody else is answered
PACE = {"silent": False, "a byte a second": True}
LARGE = "\U0001f4cc" * 7_900  # four bytes each in UTF-8, twelve when they are escaped


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service as it is shipped, with a room whose page of history is as large as it gets."""
    with Service(ADDRESS_POST_LIMIT=NO_LIMIT) as running:
        for number in range(110):
            running.say("large", f"{number} {LARGE}")
        yield running


def post(length: int, body: int, *headers: str) -> bytes:
    """The beginning of a post: so many bytes are announced, and so many are there."""
    head = "POST /rooms/default/messages/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{''.join(headers)}\r\n"
    return head.encode() + b"from=slow&text=".ljust(body, b"x")


CHUNKS = (
    b"POST /rooms/default/messages/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n10000\r\n" + b"x" * 50_000
)
HISTORY = b"GET /rooms/large/messages/?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PAGE = b"GET /large?user=slow HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
Attack = Callable[[int, bool], SlowPeers]
ATTACKS: dict[str, Attack] = {
    "a body that stops": lambda port, drips: SlowPeers(
        port, NUMBER, post(250_000, 200_000), drip=b"x" if drips else b""
    ),
    "a length longer than the body": lambda port, drips: SlowPeers(
        port, NUMBER, post(500, 30), drip=b"x" if drips else b""
    ),
    "an answer nobody reads": lambda port, drips: SlowPeers(port, NUMBER, HISTORY, reads=drips, window=4096),
    "a page nobody reads": lambda port, drips: SlowPeers(port, NUMBER, PAGE, reads=drips, window=4096),
    "chunks that stop": lambda port, drips: SlowPeers(port, NUMBER, CHUNKS, drip=b"x" if drips else b""),
    "a head that stops": lambda port, drips: SlowPeers(
        port, NUMBER, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", drip=b"x" if drips else b""
    ),
    "connections without a word": lambda port, drips: SlowPeers(port, NUMBER, b"G"),
    "bodies over the limit": lambda port, drips: SlowPeers(
        port, NUMBER, post(5_000_000, 100_000), drip=b"x" if drips else b""
    ),
    "peers that never close": lambda port, drips: SlowPeers(port, NUMBER, LIVE, reads=drips),
}


def worst(service: Service, seconds: float) -> dict[str, float]:
    """The longest time that each kind of request took, asked in turn for so many seconds."""
    found: dict[str, float] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, ask in {
            "page": lambda: service.get("/default?user=ann", {"Accept": "text/html"}).status,
            "post": lambda: service.post("default", "quick").status,
            "stream": lambda: first_line(service),
            "ready": lambda: service.get("/health/ready").status,
        }.items():
            begin = time.monotonic()
            assert ask() in (200, 201)
            found[name] = max(found.get(name, 0.0), time.monotonic() - begin)
    return found


def first_line(service: Service) -> int:
    """Open a stream and read its first line."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=15)
    connection.request("GET", "/rooms/default/events/", headers={"Accept": "text/event-stream"})
    response = connection.getresponse()
    assert response.readline().startswith(b"retry:")
    connection.close()
    return response.status


# The three that were seen to stop the service gate a change, and one that no proxy stands before.
GATE = (
    ("a body that stops", "a byte a second", "proxied"),
    ("a length longer than the body", "a byte a second", "proxied"),
    ("an answer nobody reads", "a byte a second", "proxied"),
    ("peers that never close", "silent", "direct"),
)
CASES = [
    pytest.param(*case, marks=[] if case in GATE else pytest.mark.nightly)
    for case in product(ATTACKS, PACE, ("proxied", "direct"))
]


@pytest.mark.parametrize(("attack", "pace", "where"), CASES)
def test_others_are_answered_within_two_seconds(service: Service, attack: str, pace: str, where: str) -> None:
    port = service.port if where == "proxied" else service.web_port
    with ATTACKS[attack](port, PACE[pace]):
        times = worst(service, 3)
    assert max(times.values()) <= SECONDS, times


@pytest.mark.nightly
@pytest.mark.timeout(180)
@pytest.mark.parametrize("where", ["proxied", "direct"])
def test_three_attacks_at_once_beyond_their_deadlines_delay_nobody(service: Service, where: str) -> None:
    """Each of the slow ones sends or reads a byte a second, and comes again when it is cut off.

    Pushpin does not tell its clients that Django has given them up: they wait on, and cost Django nothing.
    """
    port = service.port if where == "proxied" else service.web_port
    with ExitStack() as stack:
        peers = [stack.enter_context(ATTACKS[name](port, True)) for name in list(ATTACKS)[:3]]
        times = worst(service, 35)
        cuts = [one.cuts for one in peers]
    assert max(times.values()) <= SECONDS, times
    # The kernel takes a whole answer, so readers hold nothing of ours; senders are cut off and come again.
    assert where == "proxied" or all(cuts[:2]), f"nothing was shown: cut off {cuts}"


def test_slow_client_within_the_deadline_is_served(service: Service) -> None:
    """A phone on a bad network: its message takes some seconds to arrive."""
    with raw.connect(service.port) as sock:
        for piece in (post(22, 15), b"slow", b"ly", b"!"):
            sock.sendall(piece)
            time.sleep(0.5)
        answer = raw.read(sock)
    assert answer.status == 201
    assert b"slowly!" in answer.data


@pytest.mark.nightly
def test_request_that_never_ends_is_told_so(service: Service) -> None:
    """By Django: Pushpin 1.36 keeps the answer until the client goes on."""
    assert raw.send(service.web_port, post(500, 30), seconds=40).status == 408
