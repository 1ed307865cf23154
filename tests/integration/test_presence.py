"""Presence on real parts: who holds a connection is in the room, through crashes of everything."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Self

import pytest

from tests.pool import Pool
from tests.readers import Reader
from tests.service import ROOT, Service, free_port, kill_session, wait_until

# By a number that leaves a busy machine the time to start a companion again.
DIVISOR = 6
# Times of chat.presence, divided: how long somebody may be without a connection, at most until a hold is ended to see
# who comes back, how long who does not is still there then, and what a lease lasts.
GRACE = 12 / DIVISOR
RENEW = 50 / DIVISOR
GRACE_ENDED = 27 / DIVISOR
LEASE = 60 / DIVISOR + 2
BUSY = 10  # seconds that a busy machine may take for what takes one


class SecondPushpin:
    """Another proxy before the same Django."""

    def __init__(self, service: Service) -> None:
        self.port, self.zmq_port = free_port(), free_port()
        self.folder = service.folder / "second"
        self.environment = {
            **service.environment,
            "PUSHPIN_RUNDIR": str(self.folder),
            "PORT": str(self.port),
            "PUSHPIN_ZMQ_PORT": str(self.zmq_port),
            "PUSHPIN_HTTP_PORT": str(free_port()),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["sh", str(ROOT / "pushpin" / "entrypoint.sh")]
        self.process = subprocess.Popen(command, env=self.environment, start_new_session=True)

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self.process:
            kill_session(self.process.pid)
            self.process.wait(10)
            self.process = None


class Hold:
    """A browser that is present: holds the connection, and comes back when it ends, like an EventSource."""

    def __init__(self, port: int, room: str, token: str, *, accept: str = "text/event-stream") -> None:
        self.port, self.path, self.opened, self.refused = port, f"/rooms/{room}/presence/", 0, 0
        self._headers = {"Accept": accept, "Authorization": f"Bearer {token}"}
        self._closing = threading.Event()
        self._socket: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The browser is killed: the system closes its connection."""
        self._closing.set()
        try:
            if self._socket:
                self._socket.shutdown(2)  # type: ignore[attr-defined]
        except OSError:  # it is between two connections
            pass
        self._thread.join(10)

    def _run(self) -> None:
        while not self._closing.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=100)
            try:
                with closing(connection):
                    connection.connect()
                    self._socket = connection.sock
                    connection.request("GET", self.path, headers=self._headers)
                    response = connection.getresponse()
                    while line := response.readline():
                        self.opened += b"stream-open" in line or line == b"{}"
                        self.refused += b"stream-error" in line
            except (OSError, http.client.HTTPException):
                pass
            self._closing.wait(1.5 / DIVISOR)


class TwoProxies(Service):
    """A service with its companion; two proxies are published to and listened to."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, TIMES_DIVISOR=str(DIVISOR), **options)
        self.second = SecondPushpin(self)
        self.environment["GRIP_URL"] += f" tcp://127.0.0.1:{self.second.zmq_port}"
        sockets = (f"ipc://{folder}/pushpin-stats" for folder in (self.folder / "pushpin", self.second.folder))
        self.environment["GRIP_STATS"] = " ".join(sockets)

    def __enter__(self) -> Self:
        super().__enter__()
        self.start_presence()
        return self

    def close(self) -> None:
        self.second.kill()
        super().close()


@pytest.fixture
def service(pool: Pool, database: str) -> TwoProxies:
    return pool.get("two proxies", database, TwoProxies)


@pytest.fixture
def token(service: Service) -> Callable[[str], str]:
    """Makes a person and a token of theirs."""

    def make(username: str) -> str:
        code = (
            "from chat.models import User; from chat.actions import make_token;"
            f"print(make_token(User.objects.create_user({username!r})))"
        )
        return service.shell(code).strip().splitlines()[-1]

    return make


@pytest.fixture
def holds() -> Iterator[Callable[..., Hold]]:
    """Opens holds and closes what is left of them."""
    opened: list[Hold] = []

    def hold(*arguments: object, **options: object) -> Hold:
        opened.append(Hold(*arguments, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield hold
    for one in opened:
        one.close()


def people(service: Service, room: str) -> set[str]:
    answer = service.get(f"/rooms/{room}/people/").json()
    assert answer["count"] == len(answer["people"])
    return {person["username"] for person in answer["people"]}


def notices(reader: Reader, name: str) -> list[str]:
    return [
        seen.type
        for seen in list(reader.seen)
        if seen.type in ("enter", "leave") and json.loads(seen.data)["username"] == name
    ]


@contextmanager
def announced(service: Service, room: str, *names: str) -> Iterator[None]:
    """What the block opens has been announced when it ends: a reader who comes later hears nothing of it."""
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        yield
        wait_until(lambda: all(notices(reader, name) for name in names), 2 * BUSY, "the notices")


def test_one_person_in_three_tabs_reloads_ten_times_and_enters_once(
    service: Service, room: str, token: Callable[[str], str], holds: Callable[..., Hold]
) -> None:
    service.say(room, "hello")
    name = f"ann{room[1:6]}"
    secret = token(name)
    path = f"/rooms/{room}/events/"
    with Reader(service.url, path) as sse, Reader(service.url, path, transport="websocket") as frames:
        tabs = [holds(service.port, room, secret) for _ in range(3)]
        wait_until(lambda: people(service, room) == {name}, BUSY, "presence")
        for number in range(10):
            tabs[number % 3].close()
            tabs[number % 3] = holds(service.port, room, secret)
            wait_until(lambda number=number: tabs[number % 3].opened, BUSY, "the new tab's hold")
        for tab in tabs[1:]:
            tab.close()
        time.sleep(GRACE + RENEW)  # who is about to leave has left by then
        assert people(service, room) == {name}
        for reader in (sse, frames):
            assert notices(reader, name) == ["enter"]
            assert reader.wait_for_type("enter").json() == {"room": room, "name": name, "username": name}
        closed = time.monotonic()
        tabs[0].close()
        wait_until(lambda: not people(service, room), GRACE_ENDED + BUSY, "leaving")
        assert time.monotonic() - closed > GRACE / 2
        for reader in (sse, frames):
            wait_until(lambda reader=reader: notices(reader, name) == ["enter", "leave"], BUSY)
            counts = [json.loads(seen.data)["count"] for seen in reader.seen if seen.type == "presence"]
            assert counts == [1, 0]


def test_who_loses_the_right_is_gone_at_once_and_the_others_stay(
    service: Service, room: str, token: Callable[[str], str], holds: Callable[..., Hold]
) -> None:
    service.say(room, "hello")
    ann, bob = f"ann{room[1:6]}", f"bob{room[1:6]}"
    with announced(service, room, ann, bob):
        mine, theirs = holds(service.port, room, token(ann)), holds(service.port, room, token(bob))
    assert people(service, room) == {ann, bob}
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        service.shell(
            "from chat.models import *; from chat import actions;"
            f"sam = User.objects.create_user('sam{room}', is_staff=True);"
            f"[room] = Room.objects.standing(sam.pk, [{room.lower()!r}]);"
            f"actions.restrict(sam, room, 'ban', User.objects.get(username={bob!r}))"
        )
        wait_until(lambda: people(service, room) == {ann}, 2, "removal")
        wait_until(lambda: mine.opened >= 2 and theirs.refused, BUSY, "their return")
        time.sleep(GRACE_ENDED + RENEW)
        assert people(service, room) == {ann}
        assert notices(reader, ann) == []


@pytest.mark.nightly
def test_who_polled_and_a_machine_without_power_are_gone_in_the_end(
    service: Service, room: str, token: Callable[[str], str], holds: Callable[..., Hold]
) -> None:
    service.say(room, "hello")
    ann, bob = f"ann{room[1:6]}", f"bob{room[1:6]}"
    hold = holds(service.port, room, token(ann), accept="application/json")
    # Without power nothing reads, answers or closes: what Pushpin writes goes nowhere.
    request = f"GET /rooms/{room}/presence/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token(bob)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as dead:
        dead.sendall(request.encode())
        wait_until(lambda: people(service, room) == {ann, bob}, BUSY, "presence")
        wait_until(lambda: hold.opened, BUSY, "the second poll")
        assert people(service, room) == {ann, bob}
        wait_until(lambda: people(service, room) == {ann}, RENEW + GRACE_ENDED + BUSY, "the dead machine's end")
        hold.close()
        wait_until(lambda: not people(service, room), LEASE + BUSY, "leaving")


@pytest.mark.nightly
def test_no_ghost_after_kill_9_of_the_companion_and_of_one_of_two_proxies(
    service: TwoProxies, room: str, token: Callable[[str], str], holds: Callable[..., Hold]
) -> None:
    service.say(room, "hello")
    second = service.second
    second.start()
    names = [f"{name}{room[1:6]}" for name in ("both", "first", "gone", "moved")]
    both, first, gone, moved = [token(name) for name in names]
    with announced(service, room, *names):
        holds(service.port, room, both)
        holds(service.port, room, first)
        for secret in (both, gone, moved):
            holds(second.port, room, secret)
    assert people(service, room) == set(names)
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        second.kill()
        service.kill("presence")
        holds(service.port, room, moved)  # by the load balancer
        wait_until(lambda: people(service, room) != set(names), 2 * LEASE + BUSY, "the ghost's end")
        assert people(service, room) == {names[0], names[1], names[3]}
        time.sleep(GRACE_ENDED + RENEW)
        assert people(service, room) == {names[0], names[1], names[3]}
        assert [notices(reader, name) for name in names] == [[], [], ["leave"], []]
