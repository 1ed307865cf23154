"""Rooms that visitors make, on real parts: bound in number with many at once, and emptied while readers wait."""

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

from tests.integration.test_websocket import address, ask
from tests.pool import Pool
from tests.readers import Reader
from tests.service import Service

pytestmark = pytest.mark.timeout(180)
ADDRESSES, THREADS, NAMES, MOST = 3, 24, 40, 10
# Other tests, and services before this one, counted in the same database.
NOTHING_COUNTED = "from chat.models import Tally; Tally.objects.all().delete()"
_TOKENS = """
result = [actions.make_token(User.objects.create_user(f"{room}-{n}")) for n in range(count)]
"""
_ROOMS = """
rooms = Room.objects.filter(name__startswith=room).order_by("name")
result = [[one.name, one.counter, one.messages.count(), one.events.count()] for one in rooms]
"""
_AGE = """
from datetime import timedelta
result = Room.objects.filter(name=room).update(last_event_at=timezone.now() - timedelta(days=31))
"""
_EMPTY = """
from datetime import timedelta
result = actions.empty_quiet_rooms(timezone.now() - timedelta(days=30))
"""


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    """Ten new rooms an hour from an address. Messages of accounts count under their person only, so that nothing makes
    those of one address wait for each other before they make rooms."""
    limits = {"ADDRESS_ROOM_LIMIT": f"{MOST}/hour", "ADDRESS_POST_LIMIT": "0"}
    return pool.get("few new rooms", database, Service, WEB_WORKERS="3", **limits)


class Maker:
    """Makes rooms, in every way, from an address."""

    def __init__(self, service: Service, number: int, token: str) -> None:
        self._service = service
        self._address = f"127.0.0.{2 + number % ADDRESSES}"
        self._bearer = {"Authorization": f"Bearer {token}"}

    def make(self, name: str, how: int) -> tuple[int, dict[str, str], dict[str, object]]:
        """By a visitor's message, an account's, or a form."""
        form = {"from": "vera", "text": name} if how < 2 else {"name": name, "title": name}
        path = f"/rooms/{name}/messages/" if how < 2 else "/rooms/"
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(self._bearer if how else {})}
        with closing(
            HTTPConnection("127.0.0.1", self._service.port, timeout=60, source_address=(self._address, 0))
        ) as connection:
            connection.request("POST", path, urlencode(form), headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), json.loads(answer.read())


def test_many_who_make_rooms_at_once_in_any_order_neither_lock_each_other_out_nor_get_one_too_many(
    service: Service, room: str
) -> None:
    service.shell(NOTHING_COUNTED)
    tokens = service.console.run(_TOKENS, room=room, count=THREADS)
    names = [f"{room}-{number:02}" for number in range(NAMES)]
    start = threading.Barrier(THREADS)
    begun = time.monotonic()

    def work(number: int) -> list[tuple[int, str]]:
        maker, chance = Maker(service, number, tokens[number]), random.Random(number)
        order = chance.sample(names, NAMES)
        start.wait()
        found = []
        for name in order:
            status, headers, body = maker.make(name, chance.randrange(3))
            found.append((status, str(body.get("code", ""))))
            if status == 429:
                assert 3600 - (time.monotonic() - begun) - 2 <= int(headers["Retry-After"]) <= 3600
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        answers = Counter(answer for found in threads.map(work, range(THREADS)) for answer in found)
    assert set(answers) == {(201, ""), (409, "ROOM_TAKEN"), (429, "RATE_LIMITED")}
    made = service.console.run(_ROOMS, room=room)
    assert len(made) == ADDRESSES * MOST
    assert all(counter == messages == events for _, counter, messages, events in made)  # what is refused leaves no hole
    assert "deadlock" not in service.log_tail()


def test_readers_that_wait_while_a_quiet_room_is_emptied_get_the_next_post(
    service: Service, room: str, transport: str
) -> None:
    service.shell(NOTHING_COUNTED)
    for text in ("one", "two"):
        service.say(room, text)
    before = service.token(room)
    with Reader(service.url, f"/rooms/{room}/events/", before, transport=transport) as reader:
        service.say(room, "three")
        reader.wait_for(["three"], 10)
        assert service.console.run(_AGE, room=room) == 1
        assert service.console.run(_EMPTY) == 1
        assert service.get(f"/rooms/{room}/messages/").json()["messages"] == []
        reader.wait_for_type("stream-reset", 20)  # what is said before that is in the history it then loads
        service.say(room, "four")
        reader.wait_for(["three", "four"], 20)
    # Nobody resumes over this moment: who comes with a position of before loads the history anew.
    for position in (before, f"room-{room}:3"):
        headers = {"Accept": "application/json"}
        poll = service.get(f"/rooms/{room}/events/?lastEventId={position}", headers).json()
        assert poll["reset"] is True
    assert [one["text"] for one in service.get(f"/rooms/{room}/messages/").json()["messages"]] == ["four"]


def test_a_socket_that_waits_is_told_to_look(service: Service, room: str) -> None:
    service.shell(NOTHING_COUNTED)
    service.say(room, "one")
    with connect(address(service), proxy=None) as socket:
        joined = ask(socket, command="join", id="j", room=room)
        service.console.run(_AGE, room=room)
        assert service.console.run(_EMPTY) == 1
        while (frame := json.loads(socket.recv(timeout=10)))["type"] != "newest":
            pass
        assert frame["data"] == {"room": room, "id": f"room-{room}:2"}
        socket.send(json.dumps({"command": "sync", "id": "s", "last-event-id": joined["last-event-id"]}))
        while (frame := json.loads(socket.recv(timeout=10)))["type"] != "stream-reset":
            pass
        service.say(room, "two")
        while (frame := json.loads(socket.recv(timeout=10)))["type"] != "message":
            pass
        assert (frame["id"], frame["data"]["text"]) == (f"room-{room}:3", "two")
