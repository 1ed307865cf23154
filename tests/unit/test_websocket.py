"""Sockets: commands and frames of WebSocket-over-HTTP, as Pushpin sends them."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.test import Client
from gripcontrol import WebSocketEvent, decode_websocket_events, encode_websocket_events
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.models import ApiToken, Message, Room, User
from chat.stream import websocket
from tests.unit.conftest import OWN_PAGE, sign_in
from tests.unit.streams import log, sealed

pytestmark = pytest.mark.django_db
EVENTS = "application/websocket-events"


class Socket:
    """A client's socket as the view sees it: keeps the Meta that the view sets, as Pushpin does."""

    def __init__(self, client: Client, url: str = "/events/", **headers: str) -> None:
        self.client, self.url, self.headers = client, url, headers
        self.meta: dict[str, str] = {}
        self.control: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.opened = self.request([WebSocketEvent("OPEN")])

    def request(self, events: list[WebSocketEvent], content_type: str = EVENTS) -> Any:
        headers = {"Connection-Id": "c1", **{f"Meta-{k}": v for k, v in self.meta.items()}, **self.headers}
        return self.client.post(self.url, encode_websocket_events(events), content_type=content_type, headers=headers)

    def send(self, *frames: Any) -> list[dict[str, Any]]:
        """Send frames in one request; the frames that come back."""
        texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
        return self.read(self.request([WebSocketEvent("TEXT", text) for text in texts]))

    def read(self, response: Any) -> list[dict[str, Any]]:
        assert (response.status_code, response["Content-Type"]) == (200, EVENTS), response.content
        frames = []
        for event in decode_websocket_events(response.content):
            if event.type == "CLOSE":
                self.closed = int.from_bytes(event.content, "big")
            elif event.type == "TEXT" and event.content.startswith(b"c:"):
                self.control.append(json.loads(event.content[2:]))
            elif event.type == "TEXT":
                frames.append(json.loads(event.content[2:]))
        for name, value in response.headers.items():
            if name.startswith("Set-Meta-"):
                self.meta[name.removeprefix("Set-Meta-")] = value
        return frames

    def subscriptions(self) -> list[str]:
        """What the socket listens to now, beside the channel that all holds have."""
        names: list[str] = []
        for message in self.control:
            if message["type"] == "subscribe":
                names.append(message["channel"])
            elif message["type"] == "unsubscribe":
                names.remove(message["channel"])
        assert names.pop(0) == "all"
        return names


@pytest.fixture
def socket(reader: Client) -> Socket:
    """An open socket that has joined nothing."""
    socket = Socket(reader)
    socket.read(socket.opened)
    return socket


def join(room: str, **more: str) -> dict[str, str]:
    return {"command": "join", "id": "j", "room": room, **more}


def sync(token: str) -> dict[str, str]:
    return {"command": "sync", "id": "s", "last-event-id": token}


class TestOpening:
    def test_the_rooms_of_the_address_are_joined_from_the_token(self, reader: Client, make_room: Any) -> None:
        room = log(make_room("Den"), 5)
        socket = Socket(reader, "/rooms/den/events/?lastEventId=room-Den:3")
        assert socket.read(socket.opened) == [{"type": "stream-open", "id": "room-Den:3"}]
        assert socket.subscriptions() == [sealed(f"r{room.pk}.1"), f"c{room.pk}.1"]
        assert socket.opened["Sec-WebSocket-Extensions"] == "grip"
        [keep_alive] = [message for message in socket.control if message["type"] == "keep-alive"]
        assert (json.loads(keep_alive["content"]), keep_alive["timeout"]) == ({"type": "keep-alive"}, 20)

    def test_a_position_that_is_not_retained_is_a_reset(self, reader: Client, make_room: Any) -> None:
        log(make_room("Den"), 5)
        socket = Socket(reader, "/rooms/den/events/?lastEventId=room-Den:9")
        reset = {"type": "stream-reset", "id": "room-Den:5", "data": {"channels": ["room-Den"]}}
        assert socket.read(socket.opened)[1] == reset

    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("/rooms/staff/events/", "USER_HAS_TO_LOGIN"),
            ("/rooms/secret/events/", "ROOM_INVALID"),
            ("/rooms/a%20b/events/", "ROOM_INVALID"),
            ("/events/?channel=den", "CHANNEL_INVALID"),
            ("/events/?lastEventId=x&channel=room-den", "TOKEN_INVALID"),
        ],
    )
    def test_a_refusal_is_a_status_and_no_socket(self, reader: Client, make_room: Any, url: str, code: str) -> None:
        make_room("staff", visibility="staff")
        make_room("secret", visibility="private")
        response = Socket(reader, url).opened
        assert response.json()["code"] == code
        assert response["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://["])
    def test_a_foreign_origin_is_refused(self, reader: Client, origin: str) -> None:
        response = Socket(reader, Origin=origin).opened
        assert (response.status_code, response.json()["code"]) == (403, "ORIGIN_DENIED")

    def test_a_listed_origin_is_let_in_without_its_session(
        self, people: dict[str, User], make_room: Any, settings: Any
    ) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
        make_room("club", visibility="private", members=(people["bob"],))
        bob = sign_in(people["bob"], proxied=True)
        assert Socket(bob, "/rooms/club/events/", Origin="https://friend.example").opened.status_code == 404
        assert Socket(bob, "/rooms/club/events/", **OWN_PAGE).opened.status_code == 200
        token = {"Authorization": f"Bearer {actions.make_token(people['bob'])}"}
        opened = Socket(bob, "/rooms/club/events/", Origin="https://friend.example", **token).opened
        assert opened.status_code == 200

    def test_past_the_proxy_there_is_no_socket(self, curl: Client) -> None:
        response = Socket(curl).opened
        assert (response.status_code, response.json()["code"]) == (501, "PROXY_REQUIRED")


class TestForgery:
    @pytest.mark.parametrize(
        "spelling", ["Application/WebSocket-Events", EVENTS + " ", EVENTS + " ;x", EVENTS + "; charset=utf-8"]
    )
    @pytest.mark.parametrize("url", ["/events/", "/rooms/den/events/", "/rooms/den/messages/", "/recover/", "/"])
    def test_other_spellings_are_refused_everywhere(self, reader: Client, spelling: str, url: str) -> None:
        body = encode_websocket_events([WebSocketEvent("OPEN")])
        response = reader.post(url, body, content_type=spelling, headers={"Meta-Rooms": "den=r1.1"})
        assert (response.status_code, response.json()["code"]) == (415, "CONTENT_TYPE_UNSUPPORTED")

    @pytest.mark.parametrize("url", ["/rooms/den/messages/", "/recover/", "/", "/accounts/setup/x/"])
    def test_only_the_events_endpoints_take_sockets(self, reader: Client, url: str) -> None:
        response = reader.post(url, encode_websocket_events([WebSocketEvent("OPEN")]), content_type=EVENTS)
        assert response.status_code == 415

    def test_nonsense_instead_of_events_is_refused(self, reader: Client) -> None:
        response = reader.post("/events/", b"TEXT zz\r\n", content_type=EVENTS)
        assert (response.status_code, response.json()["code"]) == (400, "BODY_INVALID")


class TestCommands:
    def test_join_follows_a_room_from_now_or_from_a_token(self, socket: Socket, make_room: Any) -> None:
        room = log(make_room("Den"), 5)
        reply = {"type": "reply", "to": "j", "command": "join", "room": "Den", "reset": False}
        assert socket.send(join("den")) == [reply | {"last-event-id": "room-Den:5"}]
        token = "room-Den:2"
        assert socket.send(join("den", **{"last-event-id": token})) == [reply | {"last-event-id": token}]
        assert set(socket.subscriptions()) == {sealed(f"r{room.pk}.1"), f"c{room.pk}.1"}
        [stale] = socket.send(join("den", **{"last-event-id": "room-Den:99"}))
        assert (stale["reset"], stale["last-event-id"]) == (True, "room-Den:5")

    def test_sync_sends_what_came_after_the_positions_then_the_reply(self, socket: Socket, make_room: Any) -> None:
        log(make_room("a"), 3), log(make_room("b"), 2)
        socket.send(join("a"), join("b"))
        *events, reply = socket.send(sync("room-a:1,room-b:1"))
        assert events == [
            {"id": "room-a:2", "type": "message", "data": {"n": 2}},
            {"id": "room-a:3", "type": "message", "data": {"n": 3}},
            {"id": "room-b:2", "type": "message", "data": {"n": 2}},
        ]
        assert reply == {
            "type": "reply",
            "to": "s",
            "command": "sync",
            "last-event-id": "room-a:3,room-b:2",
            "more": False,
        }

    def test_sync_comes_in_batches(self, socket: Socket, make_room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        log(make_room(), 9)
        socket.send(join("den"))
        monkeypatch.setattr(websocket, "BATCH_BYTES", 20)
        token, seen, more = "room-den:0", [], True
        while more:
            *events, reply = socket.send(sync(token))
            assert len(events) <= 3
            seen += [event["id"] for event in events]
            token, more = reply["last-event-id"], reply["more"]
        assert seen == [f"room-den:{n}" for n in range(1, 10)]

    @pytest.mark.parametrize(("text", "more"), [("x" * 500, False), ("x" * 5000, True), ("\u00e4" * 2500, True)])
    def test_a_large_answer_asks_for_another_sync(
        self, socket: Socket, make_room: Any, text: str, *, more: bool
    ) -> None:
        make_room()
        actions.post_message(AnonymousUser(), "den", text, name="ann")
        socket.send(join("den"))
        assert socket.send(sync("room-den:0"))[-1]["more"] == more
        assert not socket.send(sync("room-den:1"))[-1]["more"]

    def test_sync_from_a_position_that_is_not_retained_is_a_reset(self, socket: Socket, make_room: Any) -> None:
        log(make_room(), 3)
        socket.send(join("den"))
        reset, reply = socket.send(sync("room-den:9"))
        assert reset == {"type": "stream-reset", "id": "room-den:3", "data": {"channels": ["room-den"]}}
        assert reply["last-event-id"] == "room-den:3"

    def test_sync_moves_to_the_channels_of_changed_rights(self, socket: Socket, make_room: Any) -> None:
        room = log(make_room(), 3)
        socket.send(join("den"))
        Room.objects.update(rights=2)
        [reply] = socket.send(sync("room-den:3"))
        assert reply["more"]
        assert socket.subscriptions() == [sealed(f"r{room.pk}.2"), f"c{room.pk}.2"]
        assert not socket.send(sync("room-den:3"))[0]["more"]

    def test_a_room_that_may_not_be_read_any_more_is_refused_at_sync(self, socket: Socket, make_room: Any) -> None:
        log(make_room(), 3)
        socket.send(join("den"))
        Room.objects.update(rights=2, visibility="private")
        assert [frame["code"] for frame in socket.send(sync("room-den:0"))] == ["ROOM_INVALID"]

    def test_a_room_can_be_joined_before_it_exists(self, socket: Socket) -> None:
        [joined] = socket.send(join("new"))
        assert joined["last-event-id"] == "room-new:0"
        assert socket.subscriptions() == ["n.new"]
        [reply] = socket.send({"command": "send", "id": "p", "room": "new", "from": "ann", "text": "hi"})
        event, synced = socket.send(sync("room-new:0"))
        assert (event["id"], event["data"], synced["more"]) == ("room-new:1", reply["message"], True)
        assert socket.subscriptions() == [sealed(f"r{Room.objects.get().pk}.1"), f"c{Room.objects.get().pk}.1"]

    def test_leave_ends_a_room(self, socket: Socket, make_room: Any) -> None:
        make_room("a"), make_room("b")
        socket.send(join("a"), join("b"))
        socket.send({"command": "leave", "id": "l", "room": "A"})
        assert len(socket.subscriptions()) == 2
        assert [frame["code"] for frame in socket.send(sync("room-a:0"))] == ["ROOM_ACCESS_DENIED"]

    def test_send_posts_once_even_when_the_frame_comes_twice(self, socket: Socket, make_room: Any) -> None:
        make_room()
        socket.send(join("den"))
        post = {"command": "send", "id": "p1", "room": "den", "from": "ann", "text": "hi"}
        [first], [again] = socket.send(post), socket.send(post)
        assert (first["created"], again["created"]) == (True, False)
        assert first["message"] == again["message"]
        [other] = socket.send(post | {"text": "changed"})
        assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
        keyed = post | {"client_id": "k"}
        assert [socket.send(keyed | {"id": n})[0]["created"] for n in ("x", "y")] == [True, False]
        assert Message.objects.count() == 2

    def test_send_to_a_room_not_joined_is_refused_before_all_else(self, socket: Socket) -> None:
        for room in ("den", "no such room", "x-hidden"):
            [error] = socket.send({"command": "send", "id": "p", "room": room, "text": ""})
            assert (error["to"], error["code"], error["status"]) == ("p", "ROOM_ACCESS_DENIED", 403)

    def test_at_most_fifty_rooms(self, socket: Socket) -> None:
        replies = socket.send(*(join(f"r{n}") for n in range(51)))
        assert [reply.get("code") for reply in replies[49:]] == [None, "CHANNEL_INVALID"]
        assert socket.send(join("r7"))[0]["type"] == "reply"


class TestBadFrames:
    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("{", "FRAME_INVALID"),
            ("[]", "FRAME_INVALID"),
            ("", "FRAME_INVALID"),
            ("[" * 9000, "FRAME_INVALID"),
            ({"command": "sync"}, "FRAME_INVALID"),
            ({"command": "sync", "id": 5}, "FRAME_INVALID"),
            ({"command": "sync", "id": "x" * 65}, "FRAME_INVALID"),
            ({"command": "sync", "id": "\n"}, "FRAME_INVALID"),
            ({"command": "sync", "id": "1"}, "FRAME_INVALID"),
            ({"command": "sync", "id": "1", "last-event-id": "x"}, "TOKEN_INVALID"),
            ({"command": "sync", "id": "1", "last-event-id": ""}, "TOKEN_INVALID"),
            ({"command": "dance", "id": "1"}, "COMMAND_INVALID"),
            ({"command": ["join"], "id": "1"}, "COMMAND_INVALID"),
            ({"command": "_join", "id": "1"}, "COMMAND_INVALID"),
            ({"id": "1"}, "COMMAND_INVALID"),
            ({"command": "join", "id": "1", "room": 5}, "FRAME_INVALID"),
            ({"command": "join", "id": "1", "room": "a b"}, "ROOM_INVALID"),
            ({"command": "join", "id": "1", "room": "\x07"}, "ROOM_INVALID"),
            ({"command": "leave", "id": "1", "room": "den"}, "ROOM_ACCESS_DENIED"),
            (json.dumps({"command": "join", "id": "1", "room": "x" * 17_000}), "FRAME_TOO_LARGE"),
        ],
    )
    def test_it_is_answered_with_its_code_and_the_socket_lives(self, socket: Socket, frame: Any, code: str) -> None:
        error, reply = socket.send(frame, join("den"))
        assert (error["type"], error["code"]) == ("error", code)
        assert reply["type"] == "reply"
        assert socket.closed is None

    def test_binary_is_refused(self, socket: Socket) -> None:
        [error] = socket.read(socket.request([WebSocketEvent("BINARY", b"\x00\xff")]))
        assert error["code"] == "FRAME_INVALID"

    def test_a_database_that_is_away_is_an_error_frame(
        self, socket: Socket, make_room: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_room()
        socket.send(join("den"))

        def fail(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(actions, "post_message", fail)
        [error] = socket.send({"command": "send", "id": "p", "room": "den", "text": "hi", "from": "ann"})
        assert (error["to"], error["code"]) == ("p", "SERVICE_UNAVAILABLE")


class TestSession:
    def test_a_session_that_ended_closes_the_socket(self, people: dict[str, User], make_room: Any) -> None:
        log(make_room("club", visibility="private", members=(people["bob"],)), 2)
        bob = sign_in(people["bob"], proxied=True)
        socket = Socket(bob, "/rooms/club/events/", **OWN_PAGE)
        socket.read(socket.opened)
        assert len(socket.send(sync("room-club:0"))) == 3
        bob.session.flush()
        [error] = socket.send(sync("room-club:0"))
        assert (error["code"], socket.closed) == ("USER_HAS_TO_LOGIN", 4401)

    def test_who_signs_in_on_an_open_socket_of_nobody_posts_as_before(self, reader: Client, make_room: Any) -> None:
        make_room()
        socket = Socket(reader)
        socket.read(socket.opened)
        assert socket.send(join("den"))[0]["type"] == "reply"

    def test_a_signed_in_person_posts_under_their_own_name(self, people: dict[str, User], make_room: Any) -> None:
        make_room()
        socket = Socket(sign_in(people["bob"], proxied=True), "/rooms/den/events/", **OWN_PAGE)
        socket.read(socket.opened)
        [reply] = socket.send({"command": "send", "id": "p", "room": "den", "from": "mallory", "text": "hi"})
        assert (reply["message"]["from"], reply["message"]["verified"]) == (people["bob"].shown_name, True)

    def test_closing_is_answered(self, socket: Socket) -> None:
        socket.read(socket.request([WebSocketEvent("CLOSE", (1001).to_bytes(2, "big"))]))
        assert socket.closed == 1001
        socket.closed = None
        assert socket.read(socket.request([WebSocketEvent("DISCONNECT")])) == []


def test_a_frame_takes_no_more_statements_than_a_request(
    socket: Socket, make_room: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    log(make_room(), 3)
    socket.send(join("den"))
    with django_assert_num_queries(2):
        socket.send(sync("room-den:1"))
    with django_assert_num_queries(6):
        socket.send({"command": "send", "id": "p", "room": "den", "from": "ann", "text": "hi"})


class TestBearer:
    def test_a_bad_token_is_refused_at_the_opening(self, reader: Client) -> None:
        socket = Socket(reader, "/events/", Authorization="Bearer bad")
        assert (socket.opened.status_code, socket.opened.json()["code"]) == (401, "USER_HAS_TO_LOGIN")

    def test_a_token_that_is_withdrawn_ends_the_socket(self, reader: Client, people: dict[str, User]) -> None:
        socket = Socket(reader, "/events/", Authorization=f"Bearer {actions.make_token(people['bob'])}")
        socket.read(socket.opened)
        ApiToken.objects.all().delete()
        [error] = socket.send(join("den"))
        assert (error["code"], socket.closed) == ("USER_HAS_TO_LOGIN", 4401)


def test_a_frame_that_is_no_utf8_is_an_error_and_the_socket_lives(socket: Socket) -> None:
    frames = [WebSocketEvent("TEXT", b"\xff\xfe"), WebSocketEvent("TEXT", json.dumps(join("den")))]
    error, reply = socket.read(socket.request(frames))
    assert (error["code"], reply["type"]) == ("FRAME_INVALID", "reply")
