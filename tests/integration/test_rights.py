"""Rights: every request of the table in docs/rights.md, as each of the six people, on real parts, cell by cell."""

import http.client
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.rights import KINDS, PEOPLE, hidden_name, slug, table
from tests.service import Answer, Service

pytestmark = pytest.mark.timeout(120)
ROWS = table()
REQUESTS = list(dict.fromkeys(request for request, kind, _ in ROWS))
IN_A_BROWSER = ", in a browser"
OUTSIDERS = ("charlie", "sam", "gina", "nobody")
BODIES: dict[str, Any] = {
    "PATCH /rooms/<room>/": {"topic": "changed"},
    "PATCH /rooms/<room>/members/<another>/": {"role": "moderator"},
    "POST /rooms/<room>/invites/": {"days": 1},
    "POST /rooms/<room>/restrictions/": {"kind": "ban"},
    "POST /rooms/<room>/hooks/": {"kind": "outgoing", "url": "https://receiver.example/"},
    "PATCH /rooms/<room>/hooks/<id>/": {"enabled": False},
    "POST /hooks/<id>/": {"text": "hi"},
    "POST /rooms/<room>/messages/": {"from": "somebody passing", "text": "hi"},
    "POST /rooms/<room>/messages/, a warning": {"from": "somebody passing", "text": "hi", "type": 1},
    "POST /api/broadcast/ to this room": {"text": "hi"},
    "POST /accounts/tokens/": {"name": "mine", "scopes": ["read"]},
    "POST /accounts/bots/<another>/tokens/": {"name": "theirs", "scopes": ["read"]},
    "PATCH /rooms/<room>/messages/<own>/": {"text": "changed"},
    "PATCH /rooms/<room>/messages/<another's>/": {"text": "changed"},
}
# What of an answer's header is the service's word about the room.
HEADERS = (
    *("Content-Type", "Cache-Control", "Allow", "Link", "Location", "Last-Event-ID", "Retry-After", "Vary"),
    "Set-Cookie",
)


class Answered:
    """What came back: `outcome` as the table's cells say it, and all that somebody could compare."""

    def __init__(self, outcome: str, headers: Any = None, body: bytes = b"") -> None:
        self.outcome = outcome
        self.body = body
        self.headers = {name: _plain(headers.get(name)) for name in HEADERS} if headers else {}

    def told(self, room: str) -> tuple[str, dict[str, str | None], bytes]:
        """All of it, without the room's name."""
        return self.outcome, self.headers, ANEW.sub(b"", self.body).replace(room.encode(), b"<room>")


# What pages have anew each time: a token for their forms, and the service's time.
ANEW = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"|data-now="[^"]+"')


def _plain(value: str | None) -> str | None:
    """A header without the cookie's form of that token, and when it ends."""
    return value and re.sub(r"csrftoken=\w+; expires=[^;]+", "csrftoken", value)


class World:
    """The people and rooms of a service; `ask` makes a request of the table as one of the people."""

    def __init__(self, service: Service) -> None:
        self.service = service
        made = json.loads(service.shell(f"from tests.integration import rights; rights.fill({REQUESTS!r})"))
        self.headers: dict[str, dict[str, str]] = made["headers"]
        self.cells: dict[str, dict[str, Any]] = made["cells"]
        self.made = 0

    def ask(self, request: str, kind: str, person: str) -> tuple[str, Answered]:
        """Make the request in a room of this kind that is used for nothing else. The room's name, and the answer."""
        if "<secret>" in request:  # whose kind of room stands behind it, as the link does not name the room
            kind = request.rpartition(" ")[2]
        if kind == "unknown":
            cell = self.cells.get(f"{request}|private|{person}", {}) | {"room": hidden_name(), "secret": hidden_name()}
        else:
            cell = self.cells.get(f"{request}|{kind}|{person}", {"room": ""})
        return cell["room"], self._way(request)(request, cell, self.headers[person])

    def _way(self, request: str) -> Callable[[str, dict[str, Any], dict[str, str]], Answered]:
        if " join" in request:
            return self._command
        if request.endswith("WebSocket"):
            return self._socket
        return self._stream if "events/" in request else self._rest

    def _rest(self, request: str, cell: dict[str, Any], headers: dict[str, str]) -> Answered:
        method, path = request.partition(",")[0].split(" ")[:2]
        for name, value in {
            "<room>": cell["room"],
            "<another>": cell.get("another"),
            "<oneself>": cell.get("me"),
            "<own>": cell.get("own"),
            "<secret>": cell.get("secret"),
            "<another's>": cell.get("another's"),
            "tokens/<id>": "tokens/0123456789abcdef",
            "block/<id>": "block/0123456789abcdef",
            "invites/<id>": f"invites/{cell.get('invite')}",
            "hooks/<id>": f"hooks/{cell.get('hook')}",
            "restrictions/<id>": f"restrictions/{cell.get('restriction')}",
        }.items():
            path = path.replace(name, str(value))
        if "<pair>" in path:
            pair = self.service.get("/strangers/", self._browser(headers)).json().get("pair")
            path = path.replace("<pair>", pair["room"] if pair else "")
        body = self._body(request, cell)
        kind = {"Content-Type": "application/json"} if body else {}
        if request.endswith(IN_A_BROWSER):
            return self._page(self.service.get(path, self._browser(headers) | {"Accept": "text/html"}))
        answer = self.service.request(method, path, body, self._browser(headers) | kind)
        code = answer.json().get("code") if answer.status >= 400 else None
        return Answered(f"{answer.status} {code}" if code else str(answer.status), answer.headers, answer.body)

    def _page(self, answer: Answer) -> Answered:
        """A refusal has its code at the foot of the page; that of a room among several has none."""
        code = re.search(r"Error \d+ · (\w+)", answer.body.decode())
        return Answered(f"{answer.status} {code[1]}" if code else str(answer.status), answer.headers, answer.body)

    def _body(self, request: str, cell: dict[str, Any]) -> bytes | None:
        fields = BODIES.get(request)
        if request.endswith("/restrictions/") and fields:
            fields = fields | {"username": cell["another"]}
        if request.startswith("POST /rooms/, "):
            self.made += 1
            fields = {"name": f"rights-new-{self.made}", "visibility": request.rpartition(" ")[2]}
        if request.endswith(", a bot of one's own"):
            fields = {"username": cell.get("bot", "")}
        if request.endswith("broadcast/ to this room") and fields:
            fields = fields | {"rooms": [cell["room"]]}
        if request == "POST /accounts/bots/":
            self.made += 1
            fields = {"username": f"rights.bot{self.made}"}
        if request == "POST /accounts/direct/":
            fields = {"username": "dora.rights"}
        return json.dumps(fields).encode() if fields else None

    def _browser(self, headers: dict[str, str]) -> dict[str, str]:
        """A session counts on a page of ours only."""
        return headers | ({"Origin": self.service.url} if "Cookie" in headers else {})

    def _path(self, request: str, room: str) -> str:
        if "with this room and another" in request:
            return f"/events/?channel=room-default&channel=room-{room}"
        return f"/rooms/{room}/events/"

    def _stream(self, request: str, cell: dict[str, Any], headers: dict[str, str]) -> Answered:
        accept = "application/json" if request.endswith("long-polling") else "text/event-stream"
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=15)
        try:
            connection.request("GET", self._path(request, cell["room"]), headers=headers | {"Accept": accept})
            response = connection.getresponse()
            lines = []
            if accept == "application/json":
                lines.append(response.read())
            else:  # until the first event is whole; the retry line before it is drawn at random
                while (line := response.readline()).strip() or not lines:
                    lines += [] if line.startswith(b"retry") else [line]
            body = b"".join(lines)
        finally:
            connection.close()
        return Answered(_said(response.status, body), response.headers, body)

    def _socket(self, request: str, cell: dict[str, Any], headers: dict[str, str]) -> Answered:
        url = f"ws://127.0.0.1:{self.service.port}{self._path(request, cell['room'])}"
        try:
            with connect(url, additional_headers=self._browser(headers), proxy=None):
                return Answered("101")
        except InvalidStatus as error:
            body = bytes(error.response.body or b"")
            return Answered(_said(error.response.status_code, body), error.response.headers, body)

    def _command(self, request: str, cell: dict[str, Any], headers: dict[str, str]) -> Answered:
        """Join, and then the command of the request: the answer to the last one."""
        room = cell["room"]
        url = f"ws://127.0.0.1:{self.service.port}/events/"
        fields: dict[str, dict[str, str]] = {
            "join": {},
            "send": {"text": "hi", "from": "somebody passing"},
            "sync": {"last-event-id": f"room-{room}:0"},
        }
        frame: dict[str, Any] = {}
        with connect(url, additional_headers=self._browser(headers), proxy=None) as socket:
            for name in ("join", request.rpartition(" ")[2]):
                socket.send(json.dumps({"command": name, "id": name, "room": room, **fields[name]}))
                while (frame := json.loads(socket.recv(timeout=10))).get("to") != name:
                    pass
        outcome = "reply" if frame["type"] == "reply" else f"{frame['status']} {frame['code']}"
        return Answered(outcome, None, json.dumps(frame).encode())


def _said(status: int, body: bytes) -> str:
    """Status and code of a stream's answer; a `stream-error` has them in its data."""
    if b"event: stream-error" in body:
        problem = json.loads(body.partition(b"data: ")[2])
        return f"{problem['status']} {problem['code']}"
    return f"{status} {json.loads(body)['code']}" if status >= 400 else str(status)


@cache
def world_of(service: Service) -> World:
    return World(service)


@pytest.fixture
def world(service: Service) -> World:
    return world_of(service)


@pytest.mark.parametrize(
    ("request_", "kind", "expected"), ROWS, ids=[f"{slug(request)}-{kind}" for request, kind, _ in ROWS]
)
def test_the_table(world: World, request_: str, kind: str, expected: dict[str, str]) -> None:
    found = {person: world.ask(request_, kind, person)[1].outcome for person in PEOPLE}
    assert found == expected


@pytest.mark.sampled(4)
@pytest.mark.parametrize("request_", [request for request, kind, _ in ROWS if kind == "unknown"], ids=slug)
def test_a_private_room_is_told_from_an_unknown_one_by_nothing(world: World, request_: str) -> None:
    for person in OUTSIDERS:
        for kind in ("private", "direct"):
            there, answered = world.ask(request_, kind, person)
            not_there, unknown = world.ask(request_, "unknown", person)
            assert answered.told(there) == unknown.told(not_there), (person, kind)


def test_the_table_has_every_kind_of_room_for_every_request() -> None:
    for request in REQUESTS:
        kinds = [kind for name, kind, _ in ROWS if name == request]
        assert kinds in ([*KINDS, "unknown"], ["–"]), request


def test_the_table_has_every_operation_of_the_api(service: Service) -> None:
    document = service.get("/api/openapi.json").json()
    named = {" ".join(request.partition(",")[0].partition("?")[0].split(" ")[:2]) for request in REQUESTS}
    for path, operations in document["paths"].items():
        for method in operations:
            known = path.replace("{name}", "<room>").replace("{username}", "<another>").replace("{message_id}", "<own>")
            known = known.replace("{invite_id}", "<id>").replace("{restriction_id}", "<id>")
            known = known.replace("{token_id}", "<id>").replace("{hook_id}", "<id>").replace("{block_id}", "<id>")
            assert f"{method.upper()} {known}" in named
