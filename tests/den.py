"""A private room of Alice's with people in it, for tests of who may read what: on a running service."""

import json
from typing import Any

from tests.console import Console
from tests.readers import NO_SYNC, Reader
from tests.service import Answer, Service
from tests.trio import Trio

PEOPLE = ("alice", "bob", "cleo", "sam")

_MAKE = """
people = {n: User.objects.create_user(f"{n}-{suffix}", is_staff=n == "sam", is_superuser=n == "sam") for n in names}
alice, bob, cleo, sam = people.values()
den = actions.create_room(alice, "den", title="The den", visibility="private")
Membership.objects.create(room=den, user=bob)
Membership.objects.create(room=den, user=cleo)
tokens = {name: actions.make_token(user) for name, user in people.items()}
cookies = {name: cookie(user) for name, user in people.items()}
result = den.name, tokens, cookies
"""
_FIND = """
alice, bob, cleo, sam = (person(f"{n}-{suffix}") for n in names)
"""


class Den:
    """Alice owns the room, Bob and Cleo are members, Sam is staff and not in it. `act` runs code that knows them."""

    def __init__(self, service: Service, console: Console, suffix: str) -> None:
        self.service = service
        self.console = console
        self._known = {"suffix": suffix, "names": PEOPLE}
        made = console.run(_MAKE, **self._known)
        self.room: str = made[0]
        self.tokens: dict[str, str] = made[1]
        self.cookies: dict[str, str] = made[2]

    def act(self, code: str, **values: Any) -> Any:
        """Run `code`, which knows alice, bob, cleo, sam and, by `room(name, user)`, rooms; its `result`."""
        return self.console.run(_FIND + code, name=self.room, **self._known, **values)

    def bearer(self, who: str) -> dict[str, str]:
        """The header by which somebody signs in."""
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def cookie(self, who: str) -> dict[str, str]:
        """The same by session."""
        return {"Cookie": f"sessionid={self.cookies[who]}"}

    def follow(self, who: str, transport: str, *others: str, headers: dict[str, str] | None = None) -> Reader:
        """A reader of the room from its beginning, with `others` on the same connection."""
        headers = self.bearer(who) if headers is None else headers
        path = self._path(others)
        return Reader(self.service.url, path, "earliest", transport=transport, headers=headers, sync=NO_SYNC)

    def follow_by_all(self, who: str, *others: str) -> Trio:
        """The same by every transport at once."""
        return Trio(self.service.url, self._path(others), "earliest", headers=self.bearer(who), sync=NO_SYNC)

    def _path(self, others: tuple[str, ...]) -> str:
        if others:
            return "/events/?" + "&".join(f"channel=room-{name}" for name in (self.room, *others))
        return f"/rooms/{self.room}/events/"

    def say(self, text: str, who: str = "alice", room: str = "") -> None:
        """Post a message that must be taken."""
        answer = self.post(text, who, room)
        assert answer.status == 201, answer.body

    def post(self, text: str, who: str = "alice", room: str = "") -> Answer:
        """Post a message."""
        body = json.dumps({"text": text}).encode()
        headers = self.bearer(who) | {"Content-Type": "application/json"}
        return self.service.request("POST", f"/rooms/{room or self.room}/messages/", body, headers)

    def remove(self, who: str) -> None:
        """Take somebody off the room."""
        self.act(f"actions.remove_member(alice, room(name, alice), {who})")

    def invite_back(self, who: str) -> None:
        """Invite somebody, who accepts."""
        self.act(f"actions.accept_invite({who}, actions.invite(alice, room(name, alice))[1])")
