"""Nothing that one of two strangers is sent tells who the other is: every byte of it is searched for all that names
them."""

import http.client
import json
import socket
from contextlib import closing
from typing import Any, Self
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.pool import Pool
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(180)
USERNAME, SHOWN, ROW = "zorblax.qwert", "Quuxina Vexidor", 91_234_567

# Ann has names that nothing else has, and row ids are long enough to be found.
_MAKE = """
from django.db import connection
from chat import eventlog
with connection.cursor() as cursor:
    cursor.execute(eventlog._RAISE_ROW_IDS[connection.vendor], [7_300_000])
ann = User.objects.create_user(username, id=row, display_name=shown)
ben = User.objects.create_user("ben")
result = {"ann": cookie(ann), "ben": cookie(ben), "id": ann.public_id, "ben's id": ben.public_id}
"""
_ROOMS = """
ann = Stranger.objects.whole().get(user__username=username)
rooms = [ann.room, *Room.objects.filter(kind="strangers", memberships__user=ann.user)]
result = [ann.room.name, *{str(room.pk) for room in rooms}, ann.room.name.removeprefix("x-")]
"""


class WithPresence(Service):
    def __enter__(self) -> Self:
        super().__enter__()
        self.start_presence()
        return self


@pytest.fixture
def place(pool: Pool) -> Service:
    return pool.get("strangers", "sqlite", WithPresence)


class Visitor:
    """Keeps every byte that they are sent, headers and refusals too."""

    def __init__(self, service: Service, key: str) -> None:
        self.service = service
        self.headers = {"Cookie": f"sessionid={key}", "Origin": service.url}
        self.heard: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, accept: str = "application/json", **fields: str) -> Any:
        """A request; what it answers, as JSON where it is some."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=30)) as connection:
            headers, body = {**self.headers, "Accept": accept}, urlencode(fields) if fields else None
            if body:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                text = response.read().decode()
                self.heard.append((f"{method} {path} {response.status}", f"{response.headers}\n{text}"))
                return json.loads(text) if "json" in response.headers.get("Content-Type", "") else None

    def follow(self, path: str, accept: str = "text/event-stream") -> socket.socket:
        """A stream, as its bytes are."""
        stream = socket.create_connection(("127.0.0.1", self.service.port), timeout=30)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.service.port}", f"Accept: {accept}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        stream.sendall("\r\n".join([*lines, "", ""]).encode())
        return stream

    def read(self, what: str, stream: socket.socket, *until: bytes) -> None:
        """Read the stream until all of these words came."""
        data = b""
        while not all(word in data for word in until):
            more = stream.recv(65_536)
            assert more, data
            data += more
        self.heard.append((what, data.decode()))


# What somebody curious asks about the room of the two and about who is in it. {room}, {id}: a message of the partner.
CURIOUS = [
    ("GET", "/rooms/{room}/"),
    ("GET", "/rooms/{room}/messages/"),
    ("GET", "/rooms/{room}/messages/?after=0"),
    ("GET", "/rooms/{room}/members/"),
    ("GET", "/rooms/{room}/people/"),
    ("GET", "/rooms/{room}/invites/"),
    ("GET", "/rooms/{room}/restrictions/"),
    ("GET", "/rooms/{room}/hooks/"),
    ("POST", "/rooms/{room}/members/"),
    ("POST", "/rooms/{room}/invites/"),
    ("POST", "/rooms/{room}/restrictions/"),
    ("PATCH", "/rooms/{room}/messages/{id}/"),
    ("DELETE", "/rooms/{room}/messages/{id}/"),
    ("DELETE", "/rooms/{room}/"),
    ("POST", "/accounts/direct/"),
    ("GET", "/rooms/"),
    ("GET", "/strangers/"),
    ("GET", "/strangers/block/"),
    ("POST", "/strangers/here/"),
]
PAGES = ["/strangers", "/{room}", "/-/?room={room}", "/rooms/{room}/settings/", "/rooms/{room}/hooks/", "/rooms/"]


def test_a_partner_is_told_nothing_of_who_one_is(place: Service) -> None:
    made = place.console.run(_MAKE, username=USERNAME, shown=SHOWN, row=ROW)
    ann, ben = Visitor(place, made["ann"]), Visitor(place, made["ben"])
    own = ben.ask("POST", "/strangers/")["room"]
    with closing(ben.follow(f"/rooms/{own}/events/?lastEventId=earliest")) as told:
        ann.ask("POST", "/strangers/")
        ben.read("stream of the own room", told, b'"state":"paired"')
        pair = ben.ask("GET", "/strangers/")["pair"]
        room = pair["room"]
        several = ben.follow(f"/events/?channel=room-{own}&channel=room-{room}")
        ben.read("beginning of the stream of both", several, b"stream-open")  # it has no position: it begins now
        here = ann.follow(f"/rooms/{room}/presence/")
        address = f"ws://127.0.0.1:{place.port}/rooms/{room}/events/"
        with closing(several), closing(here), connect(address, additional_headers=ben.headers) as frames:
            ben.heard.append(("handshake", f"{frames.response and frames.response.headers} {frames.recv(10)!r}"))
            said = ann.ask("POST", f"/rooms/{room}/messages/", text="hello")
            gone = ann.ask("POST", f"/rooms/{room}/messages/", text="a mistake")
            ann.ask("PATCH", f"/rooms/{room}/messages/{said['id']}/", text="hello you")
            ann.ask("DELETE", f"/rooms/{room}/messages/{gone['id']}/")
            ben.read("stream of both", several, b"message-edited", b"message-deleted", b"presence")
            poll = f"/rooms/{room}/events/?lastEventId=earliest"
            ben.ask("GET", poll)
            for method, path in CURIOUS:
                fields = {"text": "x", "username": pair["partner"], "kind": "ban", "message_id": str(said["id"])}
                ben.ask(method, path.format(room=room, id=said["id"]), **({} if method == "GET" else fields))
            for path in PAGES:
                ben.ask("GET", path.format(room=room), "text/html")
            rows = place.console.run(_ROOMS, username=USERNAME)
            ann.ask("DELETE", "/strangers/")
            ben.read("stream of the own room", told, b"partner-left")
            while True:
                try:
                    ben.heard.append(("frame", str(frames.recv(2))))
                except (TimeoutError, ConnectionClosed) as end:
                    ben.heard.append(("end of the socket", str(end)))
                    break
    ben.ask("POST", "/strangers/report/", reason="rude")
    ben.ask("GET", "/strangers/block/")
    ben.ask("POST", f"/rooms/{room}/messages/", text="are you there?")

    names = [USERNAME, *SHOWN.split(), str(ROW), made["id"], made["ann"], *rows]
    told_all = [what for what, _ in ben.heard]
    assert len(told_all) > len(CURIOUS) + len(PAGES)
    for what, text in ben.heard:
        assert [name for name in names if name.lower() in text.lower()] == [], what
    # What names her is said where she is herself, so the search finds it.
    everything = "".join(text for _, text in ann.heard)
    assert said["author"] in "".join(text for what, text in ben.heard if "messages" in what)
    assert made["id"] not in everything
    ann.ask("GET", "/accounts/me/")
    assert all(name in ann.heard[-1][1] for name in (USERNAME, SHOWN, made["id"]))
    assert said["author"] not in (made["id"], pair["id"], made["ben's id"])


@pytest.mark.nightly
def test_the_same_two_are_others_in_their_next_pair(place: Service) -> None:
    made = place.console.run(
        'result = [[cookie(user), user.public_id] for user in (User.objects.create_user(f"again{n}") for n in (1, 2))]'
    )
    people = [Visitor(place, key) for key, _ in made]
    ids: list[str] = []
    for _ in range(2):
        for one in people:
            one.ask("POST", "/strangers/")
        states = [wait_until(lambda one=one: one.ask("POST", "/strangers/here/")["pair"], 30) for one in people]
        for one, pair in zip(people, states, strict=True):
            said = one.ask("POST", f"/rooms/{pair['room']}/messages/", text="hi")
            assert (said["author"], said["from"]) == (pair["id"], pair["name"])
            ids.append(said["author"])
        people[0].ask("DELETE", "/strangers/")
    assert len({*ids, *(own for _, own in made)}) == 6
