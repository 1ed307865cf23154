"""People with accounts in a browser, signed in by a session made in the service itself."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.service import Service, free_port

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
    return Party(service, service.sessions(*names))
