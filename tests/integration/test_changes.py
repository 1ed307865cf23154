"""Edits, deletions and changes of a room on real parts: old state + events = fresh state, on every transport."""

import copy
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.readers import NO_SYNC, Reader
from tests.service import Answer, Service, wait_until
from tests.trio import follow

pytestmark = pytest.mark.timeout(120)
Ask = Callable[..., Answer]


@pytest.fixture
def ask(service: Service, room: str) -> Ask:
    """Makes a request as an operator."""
    code = (
        "from chat import actions; from chat.models import User;"
        f"print(actions.make_token(User.objects.create_user('op-{room}', is_staff=True, is_superuser=True)))"
    )
    token = service.shell(code).strip()

    def ask(method: str, path: str, **fields: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return service.request(method, path, json.dumps(fields).encode() if fields else None, headers)

    return ask


class State:
    """What a client knows of a room: loaded once, then kept true by events alone."""

    def __init__(self, ask: Ask, room: str) -> None:
        history = ask("GET", f"/rooms/{room}/messages/?limit=100").json()
        self.messages: dict[int, dict[str, Any]] = {message["id"]: message for message in history["messages"]}
        self.room = ask("GET", f"/rooms/{room}/").json()
        self.token = history["last-event-id"]

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """docs/protocol.md says what each event does."""
        if kind == "message" or (kind == "message-edited" and data["id"] in self.messages):
            self.messages[data["id"]] = data
        elif kind == "message-deleted" and data["id"] in self.messages:
            self.messages[data["id"]] |= {"text": "", "deleted": True}
        elif kind == "room-changed":
            self.room |= data


def change_everything(ask: Ask, room: str) -> int:
    """Posts, edits, deletions and changes of the room; how many events they make."""
    ids = [ask("POST", f"/rooms/{room}/messages/", text=f"new {n}").json()["id"] for n in range(4)]
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"messages/{ids[0]}/", {"text": "edited"}),
        ("PATCH", f"messages/{ids[0]}/", {"text": "edited 100 % “again”"}),
        ("PATCH", f"messages/{ids[1]}/", {"text": "edited, then deleted"}),
        ("DELETE", f"messages/{ids[1]}/", {}),
        ("PATCH", "messages/1/", {"text": "an old one, edited"}),
        ("DELETE", "messages/2/", {}),
        ("PATCH", "", {"title": "Another title", "topic": "100 %"}),
        ("DELETE", f"messages/{ids[3]}/", {}),
        ("PATCH", "", {"archived": True}),
    ]
    for method, path, fields in requests:
        assert ask(method, f"/rooms/{room}/{path}", **fields).status in (200, 204)
    return len(ids) + len(requests)


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "resumed"])
def test_old_state_and_events_make_the_fresh_state(service: Service, ask: Ask, room: str, is_live: bool) -> None:
    for number in range(3):
        assert ask("POST", f"/rooms/{room}/messages/", text=f"old {number}").status == 201
    old = State(ask, room)
    count = 0 if is_live else change_everything(ask, room)
    with follow(service, room, old.token, sync=NO_SYNC) as readers:
        count = change_everything(ask, room) if is_live else count
        readers.wait(lambda reader: len([seen for seen in list(reader.seen) if seen.number]) >= count, 15, "all events")
        assert [reader.is_exact() for reader in readers] == [True] * 3
    fresh = State(ask, room)
    for reader in readers:
        state = copy.deepcopy(old)
        for _ in range(2):  # once more changes nothing
            for seen in reader.seen:
                if seen.number:
                    state.apply(seen.type, seen.json())
            assert (state.messages, state.room) == (fresh.messages, fresh.room), reader.transport


def test_a_replay_after_a_deletion_has_no_byte_of_the_text(service: Service, ask: Ask, room: str) -> None:
    said = ask("POST", f"/rooms/{room}/messages/", text="marmalade").json()["id"]
    ask("PATCH", f"/rooms/{room}/messages/{said}/", text="kaleidoscope")
    ask("DELETE", f"/rooms/{room}/messages/{said}/")
    with follow(service, room) as readers:
        readers.wait_for_type("message-deleted")
    for reader in readers:
        got = " ".join(seen.data for seen in reader.seen)
        assert "marmalade" not in got
        assert "kaleidoscope" not in got
        assert [seen.number for seen in reader.seen if seen.number] == [1, 2, 3]


@pytest.mark.both_databases
def test_many_who_edit_and_delete_at_once_leave_no_hole_and_one_deletion(service: Service, ask: Ask, room: str) -> None:
    said = ask("POST", f"/rooms/{room}/messages/", text="it").json()["id"]
    start = threading.Barrier(12)

    def act(number: int) -> int:
        start.wait()
        if number % 3 == 0:
            return ask("DELETE", f"/rooms/{room}/messages/{said}/").status
        if number % 3 == 1:
            return ask("PATCH", f"/rooms/{room}/messages/{said}/", text=f"edit {number}").status
        return ask("POST", f"/rooms/{room}/messages/", text="more").status

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(act, range(12)))
    assert set(statuses) <= {200, 201, 204, 404}
    assert statuses.count(204) == 1
    with Reader(service.url, f"/rooms/{room}/events/", "earliest") as reader:
        last = 1 + len([status for status in statuses if status < 300])
        wait_until(lambda: [seen.number for seen in list(reader.seen) if seen.number] == list(range(1, last + 1)), 10)


@pytest.mark.both_databases
def test_of_two_owners_who_leave_at_once_one_stays(service: Service) -> None:
    code = (
        "from chat import actions; from chat.models import *;"
        "users = [User.objects.create_user(f'owner{n}.changes') for n in range(2)];"
        "print(*map(actions.make_token, users));"
        "[Membership.objects.create(room=Room.objects.get_or_create(name=f'twins{r}', name_key=f'twins{r}',"
        " defaults={'title': 't'})[0], user=user, role='owner') for user in users for r in range(10)]"
    )
    tokens = service.shell(code).split()

    def leave(number: int, room: str, start: threading.Barrier) -> int:
        start.wait()
        headers = {"Authorization": f"Bearer {tokens[number]}"}
        return service.request("DELETE", f"/rooms/{room}/members/owner{number}.changes/", headers=headers).status

    with ThreadPoolExecutor(2) as pool:
        for turn in range(10):
            start = threading.Barrier(2)
            statuses = sorted(pool.map(lambda number: leave(number, f"twins{turn}", start), range(2)))  # noqa: B023
            assert statuses == [204, 403]
