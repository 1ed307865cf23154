"""People with accounts in a browser, signed in by a session made in the service itself."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.service import Service, free_port

_SIGN_IN = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from chat.sessions import SessionStore
from chat.models import User
sessions = {}
for name in %r:
    user = User.objects.create_user(name, password='x', is_staff=name.startswith('sam'))
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = 'chat.signin.SignIn'
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    sessions[name] = store.session_key
print(json.dumps(sessions))
"""
# What a test does as somebody: `as_('alice')`, `room_of(alice, 'den')`.
_PRELUDE = """
import json
from chat import access, actions
from chat.models import Invite, Membership, Message, Room, User
def as_(name): return User.objects.get(username=name)
def room_of(person, name): return access.find_room(person, name)
"""


@dataclass(frozen=True)
class Party:
    """Alice, Bob and the others of one test: their user names, and the sessions they are signed in with."""

    service: Service
    sessions: dict[str, str]

    def name(self, who: str) -> str:
        """The user name of `who` in this test."""
        return next(name for name in self.sessions if name.startswith(who))

    def do(self, code: str, **names: str) -> str:
        """Run code in the service; each of `names` is a variable there, and so is each person."""
        people = {name.rpartition("-")[0]: name for name in self.sessions}
        given = "".join(f"{key} = as_({name!r})\n" for key, name in people.items())
        given += "".join(f"{key} = {value!r}\n" for key, value in names.items())
        return self.service.shell(_PRELUDE + given + code).strip()

    def cookie(self, who: str) -> Any:
        """The cookie that signs `who` in."""
        return {"name": "sessionid", "value": self.sessions[self.name(who)], "url": self.service.url}


@pytest.fixture
def party(service: Service) -> Party:
    """Alice, Bob and Charlie, with accounts of their own in each test."""
    number = free_port()
    names = [f"{name}-{number}" for name in ("alice", "bob", "charlie")]
    return Party(service, json.loads(service.shell(_SIGN_IN % names)))


def has_address(party: Party, path: str) -> bool:
    """Whether the service's API has this address."""
    return path in party.service.get("/api/openapi.json").json()["paths"]


def stub_api(page: Page, party: Party, who: str) -> None:
    """Answer what the service's API has no address for, from the actions that the address would call."""
    paths = party.service.get("/api/openapi.json").json()["paths"]
    if any(path.startswith("/rooms/{") and "messages/{" in path for path in paths):
        return

    def answer(route: Route) -> None:
        _, room, _, eid = route.request.url.removeprefix(party.service.url).strip("/").split("/")
        code = (
            f"from chat.problems import Problem\ntry:\n room = room_of({who}, {room!r})\n"
            f" change = actions.edit_message if text else actions.delete_message\n"
            f" data = change({who}, room, {eid}, *([text] if text else []))\n"
            " print(json.dumps([200 if text else 204, data]))\n"
            "except Problem as problem: print(json.dumps([problem.status, problem.as_dict()]))"
        )
        text = (route.request.post_data_json or {}).get("text", "")
        status, data = json.loads(party.do(code, text=text))
        route.fulfill(status=status, json=data) if data else route.fulfill(status=status)

    def restrict(route: Route) -> None:
        room = route.request.url.removeprefix(party.service.url).strip("/").split("/")[1]
        body = route.request.post_data_json
        code = (
            f"room = room_of({who}, {room!r})\n"
            f"author = Message.objects.get(room=room, eid={body['message_id']}).author\n"
            f"actions.restrict({who}, room, {body['kind']!r}, author)"
        )
        party.do(code)
        route.fulfill(status=201, json={})

    def change(route: Route) -> None:
        if route.request.method in ("PATCH", "DELETE"):
            answer(route)
        else:
            route.fallback()

    page.route("**/messages/*/", change)
    page.route("**/restrictions/", restrict)
