"""A right is taken away while something is broken: the control port, the own publish, an answer on its way."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.console import Console
from tests.den import Den
from tests.pool import Pool
from tests.readers import TRANSPORTS
from tests.scope import ALL
from tests.service import ROOT, Service, free_port, wait_until

pytestmark = pytest.mark.timeout(120)
CUT_SECONDS = 20 if ALL else 8


class Port:
    """The way to Pushpin's control port, which can be cut: like the port, it takes nothing then."""

    def __init__(self, listen: int, to: int) -> None:
        command = [sys.executable, "-m", "tests.chaos.forwarder", "--seed", "1", "--chance", "0"]
        command += ["--listen", str(listen), "--to", str(to)]
        self.port = listen
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def cut(self, seconds: float) -> float:
        """Cut it for so long; when it will be back, as time.monotonic()."""
        assert self.process.stdin
        self.process.stdin.write(f"cut {seconds}\n")
        self.process.stdin.flush()
        wait_until(lambda: not self._listens(), 5, "the cut")
        return time.monotonic() + seconds

    def _listens(self) -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(5)


class Breakable(Service):
    """A service that publishes by a port of ours, and whose answers can be held back."""

    def __init__(self, url: str, **options: Any) -> None:
        listen = free_port()
        grip_url = f"tcp://127.0.0.1:{listen}"
        super().__init__(url, GRIP_URL=grip_url, DJANGO_SETTINGS_MODULE="tests.slowed", **options)
        self.port_to_pushpin = Port(listen, self.zmq_port)

    def close(self) -> None:
        super().close()
        self.port_to_pushpin.close()


@pytest.fixture
def service(pool: Pool, database: str) -> Breakable:
    return pool.get("breakable", database, Breakable)


def test_the_control_port_is_away_at_that_moment(den: Den, service: Breakable) -> None:
    with den.follow_by_all("alice") as alices, den.follow_by_all("bob") as bobs:
        den.say("1")
        for readers in (alices, bobs):
            readers.wait_for(["1"])
        back = service.port_to_pushpin.cut(CUT_SECONDS)
        den.remove("bob")
        den.say("2")
        while time.monotonic() < back:
            answer = service.get(f"/rooms/{den.room}/events/?lastEventId=earliest", den.bearer("bob"))
            assert answer.status == 404  # meanwhile Django gives him nothing
            time.sleep(0.5)
        den.say("3")
        for reader in bobs:  # a socket that asked `sync` meanwhile has lost the room already, and lives
            wait_until(lambda reader=reader: reader.refusals, back + 5 - time.monotonic(), reader.transport)
        for reader in alices:
            reader.wait_for(["1", "2", "3"], back + 5 - time.monotonic())
            assert reader.holes == 0
        [stream] = [reader for reader in alices if reader.transport == "sse"]
        before = stream.types().count("newest")
        wait_until(lambda: stream.types().count("newest") > before, 15, "the relay's notice")
        assert [reader.messages() for reader in bobs] == [["1"]] * 3
        assert all(set(reader.refusals) == {"ROOM_INVALID"} for reader in bobs)


def test_a_revocation_that_nobody_published_is_the_relays(service: Service, room: str) -> None:
    # As if the process had died between commit and publish.
    with closing(Console(service.environment | {"GRIP_URL": "tcp://127.0.0.1:1"})) as console, ExitStack() as stack:
        den = Den(service, console, room)
        readers = [stack.enter_context(den.follow("bob", transport)) for transport in TRANSPORTS]
        den.say("1")
        for reader in readers:
            reader.wait_for(["1"])
        den.remove("bob")
        den.say("2")
        for reader in readers:
            wait_until(lambda reader=reader: reader.refusals, 3, reader.transport)
        assert [reader.messages() for reader in readers] == [["1"]] * 3


@contextmanager
def answers_held_back(service: Service) -> Iterator[Callable[[], None]]:
    """Answers of streams wait until the block ends; what is yielded waits until one was made."""
    hold, made = service.folder / "hold", service.folder / "made"
    made.unlink(missing_ok=True)
    hold.touch()
    try:
        yield lambda: wait_until(made.exists, 5, "an answer")
    finally:
        hold.unlink()


def test_a_hold_that_comes_after_its_right_was_taken_is_cut(den: Den, service: Service, transport: str) -> None:
    den.say("1")
    bob = den.follow("bob", transport)
    bob.token = f"room-{den.room}:1"
    with answers_held_back(service) as wait_made:
        bob.start()
        wait_made()
        den.remove("bob")
        time.sleep(0.3)  # the close is past: nothing is held yet
    den.say("2")
    wait_until(lambda: bob.ends or bob.refusals, 2, "the end")  # a socket asks `sync` first, and loses the room
    wait_until(lambda: bob.refusals, 2, "the refusal")
    with den.follow("alice", "sse") as alice:
        den.say("3")
        wait_until(lambda: [seen for seen in list(alice.seen) if seen.type == "newest"], 10, "the relay's notice")
    assert bob.messages() == []
    bob.__exit__(None, None, None)


def test_a_socket_that_opens_late_and_asks_nothing_is_closed(den: Den, service: Service) -> None:
    def listen() -> tuple[list[str], int]:
        address = f"ws://127.0.0.1:{service.port}/rooms/{den.room}/events/"
        with connect(address, additional_headers=den.bearer("bob"), proxy=None) as connection:
            frames = []
            with suppress(ConnectionClosed):
                while True:
                    frames.append(json.loads(connection.recv())["type"])
            return frames, connection.protocol.close_code or 0

    with ThreadPoolExecutor(1) as pool:
        with answers_held_back(service) as wait_made:
            heard = pool.submit(listen)
            wait_made()
            den.remove("bob")
            time.sleep(0.3)
        den.say("1")
        assert heard.result(2.5) == (["stream-open"], 4403)
