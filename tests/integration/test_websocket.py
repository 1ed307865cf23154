"""Sockets through the real proxy: bad frames, forged requests, the identity of each frame."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.service import Service

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def socket(service: Service) -> Iterator[ClientConnection]:
    """An open socket that has joined nothing; its first frame is read."""
    with connect(address(service), proxy=None) as socket:
        assert json.loads(socket.recv(timeout=10)) == {"type": "stream-open", "id": ""}
        yield socket


def address(service: Service, path: str = "/events/") -> str:
    """Where sockets connect."""
    return f"ws://127.0.0.1:{service.port}{path}"


def ask(socket: ClientConnection, **command: Any) -> Any:
    """Send a command and wait for its answer."""
    socket.send(json.dumps(command))
    while (frame := json.loads(socket.recv(timeout=10))).get("to") != command["id"]:
        pass
    return frame


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "FRAME_INVALID"),
        (b"\x00\xff", "FRAME_INVALID"),
        ('{"command": "dance", "id": "1"}', "COMMAND_INVALID"),
        ('{"command": "send", "id": "1", "room": "default", "text": "hi"}', "ROOM_ACCESS_DENIED"),
        ('{"command": "leave", "id": "1", "room": "default"}', "ROOM_ACCESS_DENIED"),
        ('{"command": "sync", "id": "1", "last-event-id": "room-default:0"}', "ROOM_ACCESS_DENIED"),
        ("x" * 16_385, "FRAME_TOO_LARGE"),
        ("x" * 32_000, "FRAME_TOO_LARGE"),
    ],
)
def test_a_bad_frame_is_answered_with_its_code_and_the_socket_lives(
    socket: ClientConnection, room: str, frame: str | bytes, code: str
) -> None:
    socket.send(frame)
    answer = json.loads(socket.recv(timeout=10))
    assert (answer["type"], answer["code"]) == ("error", code)
    assert ask(socket, command="join", id="j", room=room)["type"] == "reply"


def test_rooms_are_joined_and_left_on_one_socket(service: Service, socket: ClientConnection, room: str) -> None:
    for name in ("a", "b"):
        joined = ask(socket, command="join", id=name, room=f"{room}.{name}")
        assert joined["last-event-id"] == f"room-{room}.{name}:0"
        synced = ask(socket, command="sync", id="s", **{"last-event-id": joined["last-event-id"]})
        assert synced["last-event-id"] == joined["last-event-id"]
    assert ask(socket, command="leave", id="l", room=f"{room}.a")["room"] == f"{room}.a"
    refused = ask(socket, command="send", id="x", room=f"{room}.a", text="hi", **{"from": "ann"})
    assert refused["code"] == "ROOM_ACCESS_DENIED"
    assert ask(socket, command="send", id="y", room=f"{room}.b", text="hi", **{"from": "ann"})["created"]
    assert service.get(f"/rooms/{room}.b/messages/").json()["messages"][0]["text"] == "hi"


def test_what_is_posted_while_a_client_takes_a_large_answer_reaches_it(service: Service, room: str) -> None:
    """Pushpin drops one in fourteen of these; the `more` of a large answer has the client ask for them."""
    old, new = f"{room}.old", f"{room}.new"
    for _ in range(12):
        service.say(old, "x" * 3000)
    service.say(new, "first")
    path = f"/events/?channel=room-{old}&channel=room-{new}"
    with connect(address(service, path), proxy=None, max_size=None) as socket, ThreadPoolExecutor(1) as poster:
        for done in range(1, 101, 5):
            posts = poster.submit(lambda: [service.say(new, "live") for _ in range(5)])
            got, token, more, waits = set(), f"room-{new}:{done},room-{old}:0", True, False
            while more or waits or len(got) < 5:
                if more:
                    socket.send(json.dumps({"command": "sync", "id": "s", "last-event-id": token}))
                    more, waits = False, True
                frame = json.loads(socket.recv(timeout=5))  # TimeoutError: one did not come
                if frame["type"] == "reply":
                    token, more, waits = frame["last-event-id"], frame["more"], False
                elif frame["type"] == "message" and frame["data"]["room"] == new:
                    got.add(frame["data"]["id"])
            assert got == set(posts.result())


@pytest.mark.parametrize(
    ("spelling", "statuses"),
    [
        ("application/websocket-events", {403}),  # Pushpin itself
        ("Application/WebSocket-Events", {415}),
        ("application/websocket-events ;x", {415}),
        ("application/websocket-events; charset=utf-8", {403}),
    ],
)
def test_forged_socket_events_are_refused(service: Service, room: str, spelling: str, statuses: set[int]) -> None:
    service.say(room, "before")
    command = json.dumps({"command": "send", "id": "1", "room": room, "from": "mallory", "text": "forged"})
    body = f"TEXT {len(command):x}\r\n{command}\r\n".encode()
    headers = {"Content-Type": spelling, "Connection-Id": "forged", "Meta-Rooms": f"{room}=r1.1", "Meta-User": "1"}
    for path in ("/events/", f"/rooms/{room}/events/", f"/rooms/{room}/messages/"):
        assert service.request("POST", path, body, headers).status in statuses
    assert len(service.get(f"/rooms/{room}/messages/").json()["messages"]) == 1


def test_forged_meta_and_connection_id_on_a_real_socket_count_for_nothing(service: Service, room: str) -> None:
    service.say(room, "before")
    forged = {"Meta-Rooms": f"{room}=r1.1", "Meta-User": "1", "Connection-Id": "forged", "Grip-Sig": "forged"}
    with connect(address(service), additional_headers=forged, proxy=None) as socket:
        refused = ask(socket, command="send", id="x", room=room, text="hi", **{"from": "ann"})
        assert refused["code"] == "ROOM_ACCESS_DENIED"


def test_a_foreign_origin_gets_no_socket(service: Service) -> None:
    with pytest.raises(InvalidStatus) as refusal, connect(address(service), origin="https://evil.example", proxy=None):
        pass
    assert refusal.value.response.status_code == 403
    assert json.loads(refusal.value.response.body)["code"] == "ORIGIN_DENIED"


def test_past_the_proxy_there_is_no_socket(service: Service) -> None:
    headers = {"Content-Type": "application/websocket-events", "Connection-Id": "x"}
    answer = service.request("POST", "/events/", b"OPEN\r\n", headers, base=service.web_url, signed=False)
    assert (answer.status, answer.json()["code"]) == (501, "PROXY_REQUIRED")


def test_a_session_that_ends_in_the_middle_ends_the_socket(service: Service, room: str) -> None:
    made = service.session(f"u{room}")
    service.shell(
        "from chat.models import Membership, Room, User\n"
        f"room = Room.objects.create(name='x-{room}', name_key='x-{room}', visibility='private')\n"
        f"Membership.objects.create(room=room, user=User.objects.get(username='u{room}'))"
    )
    headers = {"Cookie": f"sessionid={made}"}
    path = f"/rooms/x-{room}/events/"
    with connect(address(service, path), additional_headers=headers, origin=service.url, proxy=None) as socket:
        assert ask(socket, command="sync", id="1", **{"last-event-id": f"room-x-{room}:0"})["type"] == "reply"
        service.shell(f"from chat.sessions import SessionStore\nSessionStore({made!r}).delete()")
        socket.send(json.dumps({"command": "sync", "id": "2", "last-event-id": f"room-x-{room}:0"}))
        assert json.loads(socket.recv(timeout=10))["code"] == "USER_HAS_TO_LOGIN"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
