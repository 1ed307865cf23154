"""Broadcast: who may, where it goes, once per room whatever is repeated, and what its answer tells."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.actions import broadcasts
from chat.models import AuditEntry, Event, Message, Restriction, Room, User
from tests.unit.conftest import JSON, code, sign_in

pytestmark = pytest.mark.django_db
PATH = "/api/broadcast/"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcasts, "PAUSE", 0)


@pytest.fixture
def world(rooms: dict[str, Room], people: dict[str, User], make_room: Any) -> dict[str, Room]:
    """The rooms, with an archived one and a conversation of two."""
    make_room("attic", archived_at=timezone.now())
    actions.open_direct_room(people["alice"], people["bob"])
    return rooms


@pytest.fixture
def sam(people: dict[str, User]) -> Client:
    return sign_in(people["sam"])


def heard() -> list[tuple[str, str]]:
    """What was said where."""
    return sorted(Message.objects.values_list("room__name", "text"))


def send(client: Client, key: str = "", **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(PATH, fields, JSON, headers=headers)


def test_it_reaches_every_room_but_archived_ones_and_conversations(
    sam: Client,
    people: dict[str, User],
    world: dict[str, Room],
    published: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = send(sam, text="Down at nine", type=2)
    assert (answer.status_code, answer.json()) == (200, {"rooms": 3, "sent": 3, "left": 0})
    assert heard() == [("Open", "Down at nine"), ("team", "Down at nine"), ("x-private", "Down at nine")]
    message = sign_in(people["bob"]).get("/rooms/x-private/messages/").json()["messages"][0]
    assert (message["from"], message["verified"], message["type"]) == ("sam", True, 2)
    assert Event.objects.filter(type="message").count() == 3
    channels = [item["channel"] for items in published for item in items]
    assert len([name for name in channels if name.startswith("r")]) == 3
    [entry] = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.detail) == (people["sam"], "broadcast", "to 3 rooms (all)")


def test_or_those_that_are_named(sam: Client, world: dict[str, Room]) -> None:
    assert send(sam, text="hi", rooms=["open", "team", "OPEN"]).json() == {"rooms": 2, "sent": 2, "left": 0}
    form = sam.post(PATH, {"text": "ho", "rooms": "Open, team"})
    assert form.json() == {"rooms": 2, "sent": 2, "left": 0}
    assert [name for name, _ in heard()] == ["Open", "Open", "team", "team"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rooms": ["Open", "x-private"]}, (404, "ROOM_INVALID")),
        ({"rooms": ["x-nobody"]}, (404, "ROOM_INVALID")),
        ({"rooms": ["nobody-was-here"]}, (404, "ROOM_INVALID")),
        ({"rooms": ["gone"]}, (404, "ROOM_INVALID")),
        ({"rooms": ["attic"]}, (403, "ROOM_ACCESS_DENIED")),
        ({"rooms": []}, (400, "PARAMETER_INVALID")),
        ({"rooms": [f"r{n}" for n in range(201)]}, (400, "PARAMETER_INVALID")),
        ({"rooms": ["not a name"]}, (404, "ROOM_INVALID")),
        ({"rooms": ["\x07"]}, (404, "ROOM_INVALID")),
        ({"rooms": 7}, (400, "BODY_INVALID")),
        ({"type": 4}, (400, "PARAMETER_INVALID")),
        ({"text": " "}, (422, "TEXT_INVALID")),
        ({"text": "x" * 8001}, (422, "TEXT_INVALID")),
    ],
)
def test_what_is_wrong_reaches_nobody(
    sam: Client, world: dict[str, Room], fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert (code(send(sam, **{"text": "hi", **fields})), heard()) == (expected, [])
    assert not AuditEntry.objects.exists()


def test_only_staff_do(people: dict[str, User], world: dict[str, Room], curl: Client) -> None:
    assert code(send(curl, text="hi")) == (401, "USER_HAS_TO_LOGIN")
    for name in ("x-private", "nobody-was-here", "Open"):
        assert code(send(sign_in(people["alice"]), text="hi", rooms=[name])) == (403, "ROOM_ACCESS_DENIED")
    post = actions.issue_token(people["sam"], people["sam"], "x", ["read", "post"], 1)[1]
    assert code(send(Client(headers={"Authorization": f"Bearer {post}"}), text="hi")) == (403, "SCOPE_INSUFFICIENT")
    manage = actions.issue_token(people["sam"], people["sam"], "x", ["manage"], 1)[1]
    assert send(Client(headers={"Authorization": f"Bearer {manage}"}), text="hi").status_code == 200


def test_neither_a_ban_nor_a_mute_stops_it(sam: Client, people: dict[str, User], world: dict[str, Room]) -> None:
    for kind in ("ban", "mute"):
        Restriction.objects.create(room=world["x-private"], user=people["sam"], kind=kind)
    assert send(sam, text="hi").json()["sent"] == 3


class TestKeys:
    def test_repeated_it_reaches_nobody_twice_and_new_rooms_too(
        self, sam: Client, world: dict[str, Room], make_room: Any
    ) -> None:
        send(sam, "one", text="hi")
        assert send(sam, "one", text="hi").json() == {"rooms": 3, "sent": 0, "left": 0}
        make_room("new")
        assert send(sam, "one", text="hi").json() == {"rooms": 4, "sent": 1, "left": 0}
        assert len(heard()) == 4
        assert code(send(sam, "one", text="other")) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert send(sam, "two", text="hi").json()["sent"] == 4

    def test_one_that_broke_off_is_completed(
        self, sam: Client, world: dict[str, Room], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append, calls = broadcasts.log, []

        def breaks(*args: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt  # as a worker that is killed
            return append(*args)

        monkeypatch.setattr(broadcasts, "log", breaks)
        with pytest.raises(KeyboardInterrupt):
            send(sam, "one", text="hi")
        assert len(heard()) == 1
        assert send(sam, "one", text="hi").json() == {"rooms": 3, "sent": 2, "left": 0}
        assert len(heard()) == 3
        counters = Room.objects.filter(name__in=["Open", "team", "x-private"]).values_list("counter", flat=True)
        assert list(counters) == [1, 1, 1]

    def test_two_at_once_are_one(self, sam: Client, world: dict[str, Room], monkeypatch: pytest.MonkeyPatch) -> None:
        send(sam, "one", text="hi")
        monkeypatch.setattr(broadcasts, "_done", lambda *_: set())  # as it looked to the other a moment before
        assert send(sam, "one", text="hi").status_code == 200
        assert len(heard()) == 3
        assert Room.objects.get(name="Open").counter == 1

    def test_many_rooms_take_several_requests(
        self, sam: Client, world: dict[str, Room], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(broadcasts, "BATCH", 2)
        first = send(sam, "one", text="hi")
        assert (first.status_code, first.json()) == (202, {"rooms": 3, "sent": 2, "left": 1})
        assert send(sam, "one", text="hi").json() == {"rooms": 3, "sent": 1, "left": 0}
        monkeypatch.setattr(broadcasts, "SECONDS", -1)
        assert send(sam, "two", text="hi").json() == {"rooms": 3, "sent": 1, "left": 2}

    def test_what_was_deleted_meanwhile_is_not_sent_again(self, sam: Client, world: dict[str, Room]) -> None:
        send(sam, "one", text="hi")
        message = Message.objects.get(room=world["Open"])
        assert sam.delete(f"/rooms/Open/messages/{message.eid}/").status_code == 204
        assert send(sam, "one", text="hi").json()["sent"] == 0


def test_a_room_costs_five_statements(
    sam: Client, world: dict[str, Room], make_room: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(
        5 + 3 * 5
    ):  # session and person, rooms, done twice, audit; begin, claim, message, event, end
        send(sam, text="hi")


class TestPage:
    def test_it_asks_before_it_sends(self, sam: Client, world: dict[str, Room]) -> None:
        assert 'href="/-/broadcast/"' in sam.get("/rooms/", headers={"Accept": "text/html"}).text
        assert "All rooms" in sam.get("/-/broadcast/").text
        form = {"text": "Down at <nine>", "type": "1", "which": "all", "key": "k"}
        asked = sam.post("/-/broadcast/", form).text
        assert "<strong>3 rooms</strong>" in asked
        assert "Down at &lt;nine&gt;" in asked
        assert heard() == []
        sent = sam.post("/-/broadcast/", {**form, "sure": "1"}).text
        assert "It is in 3 rooms now" in sent
        assert "had it already" in sam.post("/-/broadcast/", {**form, "sure": "1"}).text
        assert len(heard()) == 3
        assert Message.objects.first().type == 1  # type: ignore[union-attr]

    def test_chosen_rooms_and_the_way_back(self, sam: Client, world: dict[str, Room]) -> None:
        form = {"text": "hi", "type": "0", "which": "some", "room": ["Open"], "key": "k"}
        assert "x-private" not in sam.get("/-/broadcast/").text
        assert "<strong>1 room</strong>" in sam.post("/-/broadcast/", form).text
        back = sam.post("/-/broadcast/", {**form, "back": "1"}).text
        assert 'value="Open" checked' in back
        sam.post("/-/broadcast/", {**form, "sure": "1"})
        assert heard() == [("Open", "hi")]

    def test_what_is_refused_is_said(self, sam: Client, world: dict[str, Room]) -> None:
        for form in ({"text": ""}, {"text": "kept", "which": "some"}, {"text": "kept", "type": "9", "sure": "1"}):
            refused = sam.post("/-/broadcast/", {"type": "0", **form})
            assert refused.status_code in (400, 422)
            assert 'role="alert"' in refused.text
        assert ">kept</textarea>" in refused.text

    def test_it_is_for_staff(self, people: dict[str, User], world: dict[str, Room]) -> None:
        alice = sign_in(people["alice"])
        assert alice.get("/-/broadcast/").status_code == 403
        assert alice.post("/-/broadcast/", {"text": "hi", "sure": "1"}).status_code == 403
        assert "broadcast" not in alice.get("/rooms/", headers={"Accept": "text/html"}).text
        assert Client().get("/-/broadcast/").status_code == 303
        assert heard() == []

    def test_who_is_signed_out_meanwhile_gets_the_text_back(self, world: dict[str, Room], curl: Client) -> None:
        fields = {"text": "long and dear", "which": "all", "sure": "1"}
        refused = curl.post("/-/broadcast/", fields, headers={"Accept": "text/html"})
        assert (refused.status_code, "long and dear" in refused.text) == (401, True)
        assert "/accounts/sign-in/" in refused.text
        assert not Message.objects.exists()
