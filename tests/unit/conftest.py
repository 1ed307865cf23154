"""What the unit tests share: a recording proxy, clients with and without a proxy before them, and people."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from chat import publish
from chat.models import Membership, Room, User
from chat.names import room_key

OWN_PAGE = {"Origin": "http://testserver"}
JSON = "application/json"
HTML = {"Accept": "text/html"}
MakeRoom = Callable[..., Room]


class RecordingProxy:
    """Stands in for a proxy: keeps what is published. While `up` is false it takes nothing."""

    def __init__(self) -> None:
        self.up = True
        self.sends: list[list[dict[str, Any]]] = []
        self.delivered: list[list[dict[str, Any]]] = []

    def is_reachable(self) -> bool:
        return self.up

    def send(self, items: list[bytes]) -> None:
        self.sends.append([json.loads(item) for item in items])

    def deliver(self, items: list[bytes]) -> bool:
        if self.up:
            self.delivered.append([json.loads(item) for item in items])
        return self.up


@pytest.fixture
def proxy() -> RecordingProxy:
    """A proxy that keeps what it is given."""
    return RecordingProxy()


@pytest.fixture(autouse=True)
def published(proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, Any]]]:
    """What the requests of a test publish: one list of items for each send. Nothing leaves the process."""
    monkeypatch.setattr(publish, "proxies", lambda: [proxy])
    return proxy.sends


def grip_headers(**more: str) -> dict[str, str]:
    """The headers of a request that came through the proxy. They last for a day: tables of inputs are made before the
    first test, and the last one can run a quarter of an hour later."""
    signature = jwt.encode({"iss": "pushpin", "exp": int(time.time()) + 86400}, settings.GRIP_KEY, algorithm="HS256")
    return {"Grip-Sig": signature, **more}


@pytest.fixture
def reader() -> Client:
    """A client behind the proxy."""
    return Client(headers=grip_headers())


@pytest.fixture
def curl() -> Client:
    """A client that says nothing about itself."""
    return Client()


def sign_in(user: User, *, proxied: bool = False) -> Client:
    """The browser of `user`, on a page of ours."""
    client = Client(headers=OWN_PAGE | (grip_headers() if proxied else {}))
    client.force_login(user)
    return client


def code(response: Any) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return response.status_code, response.json()["code"]


def without_token(response: Any) -> str:
    """The page without the form's token and the service's time, which are others each time."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|data-now="[\w:.-]+"', "", response.text)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """Alice owns rooms, Bob is a member of them, Charlie is an outsider; Sam is staff."""
    return {name: User.objects.create_user(name, is_staff=name == "sam") for name in ("alice", "bob", "charlie", "sam")}


@pytest.fixture
def make_room(db: None) -> MakeRoom:
    """Makes rooms as they are in the database: `make_room("den", members=[bob], counter=5)`."""

    def make(name: str = "den", *, members: tuple[User, ...] = (), **fields: Any) -> Room:
        room = Room.objects.create(name=name, name_key=room_key(name), title=name, **fields)
        Membership.objects.bulk_create(Membership(room=room, user=user) for user in members)
        return room

    return make


@pytest.fixture
def rooms(make_room: Any, people: dict[str, User]) -> dict[str, Room]:
    """One of each kind; Alice owns and Bob is a member of the open and the private one."""
    alice, bob = people["alice"], people["bob"]
    made = {
        "Open": make_room("Open", members=(bob,)),
        "x-private": make_room("x-private", members=(bob,), visibility="private"),
        "team": make_room("team", visibility="staff"),
    }
    for name in ("Open", "x-private"):
        Membership.objects.create(room=made[name], user=alice, role="owner")
    make_room("gone", deleted_at=timezone.now())
    return made


@pytest.fixture
def den(make_room: MakeRoom, people: dict[str, User]) -> Room:
    """A private room: Alice owns it, Bob is a member."""
    room = make_room("x-den", members=(people["bob"],), visibility="private")
    Membership.objects.create(room=room, user=people["alice"], role="owner")
    return room
