"""A session lasts from its last use, whatever it is used for; and the cookie reaches the browser through Pushpin on
every answer that opens something."""

import http.client
import json
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from websockets.sync.client import connect

from tests.service import Service, free_port

JSON, SSE = "application/json", "text/event-stream"
Cookies = list[str]
DAYS = 14


def ask(service: Service, key: str, path: str, accept: str, **more: str) -> tuple[Cookies, bytes]:
    """The cookies that an answer sets, and its body, but of a stream."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=40)) as connection:
        headers = {"Cookie": f"sessionid={key}", "Accept": accept, "Origin": service.url, **more}
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            assert response.status == 200
            body = b"" if accept == SSE else response.read()
            return response.headers.get_all("Set-Cookie") or [], body


def cookies_of(service: Service, key: str, path: str, accept: str) -> Cookies:
    return ask(service, key, path, accept)[0]


def polled(service: Service, key: str, room: str, wait: int, *, speak: bool = False) -> Cookies:
    """The cookies of a long-poll that was held, until its time-out or until an event answers it."""
    token = service.token(room)
    if speak:
        timer = threading.Timer(1.5, service.say, (room, "hello"))
        timer.start()
    headers = {"Prefer": f"wait={wait}", "Last-Event-ID": token}
    cookies, body = ask(service, key, f"/rooms/{room}/events/", JSON, **headers)
    assert [event["data"]["text"] for event in json.loads(body)["events"]] == (["hello"] if speak else [])
    return cookies


def posted(service: Service, key: str, room: str) -> Cookies:
    headers = {"Cookie": f"sessionid={key}", "Origin": service.url, "Content-Type": "application/x-www-form-urlencoded"}
    answer = service.request("POST", f"/rooms/{room}/messages/", b"text=hi", headers)
    assert answer.status == 201
    return answer.headers.get_all("Set-Cookie") or []


def handshake(service: Service, key: str, room: str) -> Cookies:
    address = f"ws://127.0.0.1:{service.port}/rooms/{room}/events/"
    with connect(address, additional_headers={"Cookie": f"sessionid={key}", "Origin": service.url}) as socket:
        assert json.loads(socket.recv(10))["type"] == "stream-open"
        assert socket.response is not None
        return socket.response.headers.get_all("Set-Cookie")


WAYS: dict[str, Callable[[Service, str, str], Cookies]] = {
    "a page": lambda service, key, room: cookies_of(service, key, f"/{room}", "text/html"),
    "a history": lambda service, key, room: cookies_of(service, key, f"/rooms/{room}/messages/", JSON),
    "a look who one is": lambda service, key, room: cookies_of(service, key, "/accounts/me/", JSON),
    "a post": posted,
    "a stream": lambda service, key, room: cookies_of(service, key, f"/rooms/{room}/events/", SSE),
    "a stream of several rooms": lambda service, key, room: cookies_of(
        service, key, f"/events/?channel=room-{room}&channel=room-default", SSE
    ),
    "a presence": lambda service, key, room: cookies_of(service, key, f"/rooms/{room}/presence/", SSE),
    "a poll that is answered at once": lambda service, key, room: cookies_of(
        service, key, f"/rooms/{room}/events/", JSON
    ),
    "a poll that times out": lambda service, key, room: polled(service, key, room, 5),
    "a poll that an event answers": lambda service, key, room: polled(service, key, room, 20, speak=True),
    "a handshake": handshake,
}


def age(service: Service, key: str, days: float) -> None:
    """Let the session be used last so many days ago."""
    left = DAYS - days
    service.shell(f"Session.objects.filter(pk={key!r}).update(expire_date=timezone.now() + timedelta(days={left}))")


def days_left(service: Service, key: str) -> float:
    text = service.shell(f"print(Session.objects.get(pk={key!r}).expire_date.isoformat())").strip()
    return (datetime.fromisoformat(text) - datetime.now(UTC)) / timedelta(days=1)


@pytest.mark.parametrize("way", WAYS)
def test_every_use_renews_the_session_and_the_cookie_passes_pushpin(service: Service, room: str, way: str) -> None:
    service.say(room, "first")
    key = service.session(f"user{free_port()}")
    age(service, key, 2)
    cookies = WAYS[way](service, key, room)
    assert days_left(service, key) > DAYS - 0.1
    [cookie] = [one for one in cookies if one.startswith("sessionid=")]
    assert cookie.startswith(f"sessionid={key};")
    assert f"Max-Age={DAYS * 86_400}" in cookie
    assert "HttpOnly" in cookie


@pytest.mark.parametrize("way", ["a page", "a stream", "a handshake", "a poll that times out"])
def test_a_session_used_today_is_left_alone(service: Service, room: str, way: str) -> None:
    service.say(room, "first")
    key = service.session(f"user{free_port()}")
    age(service, key, 0.5)
    assert not [one for one in WAYS[way](service, key, room) if one.startswith("sessionid=")]
    assert days_left(service, key) < DAYS - 0.4


def test_a_frame_of_a_socket_renews_the_session(service: Service, room: str) -> None:
    service.say(room, "first")
    key = service.session(f"user{free_port()}")
    address = f"ws://127.0.0.1:{service.port}/rooms/{room}/events/"
    with connect(address, additional_headers={"Cookie": f"sessionid={key}", "Origin": service.url}) as socket:
        token = json.loads(socket.recv(10))["id"]
        age(service, key, 2)
        socket.send(json.dumps({"command": "sync", "id": "1", "last-event-id": token}))
        assert json.loads(socket.recv(10))["type"] == "reply"
    assert days_left(service, key) > DAYS - 0.1
