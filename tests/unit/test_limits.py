"""Limits: what counts under what, when it is refused, and for how long; and that a refusal costs nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions, limits
from chat.actions.limits import Limit, take
from chat.models import Event, Membership, Message, Room, Tally, User
from server.env import Rate
from tests.unit.conftest import OWN_PAGE, grip_headers, sign_in
from tests.unit.test_schema import check
from tests.unit.test_websocket import Socket, join

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/rooms/den/messages/"


@pytest.fixture(autouse=True)
def three(settings: Any) -> None:
    """Three posts a minute, and nothing else limited."""
    settings.POST_LIMIT = Rate(3, 60)
    settings.TOKEN_POST_LIMIT = settings.ADDRESS_POST_LIMIT = Rate(0, 1)
    settings.WRITE_LIMIT = settings.ADDRESS_WRITE_LIMIT = Rate(0, 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`clock(61)`: it is so many seconds later than at the start, and stays so."""
    start = timezone.now()

    def later(seconds: float) -> None:
        moment: datetime = start + timedelta(seconds=seconds)
        monkeypatch.setattr(timezone, "now", lambda: moment)

    later(0)
    return later


def at(address: str, **headers: str) -> Client:
    """A program at an address, as Pushpin tells of it."""
    return Client(headers=grip_headers(**{"X-Forwarded-For": address}, **headers))


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {actions.make_token(user)}"}


def post(client: Client, url: str = URL, **fields: Any) -> Any:
    headers = fields.pop("headers", None)
    return client.post(url, {"from": "ann", "text": "hi"} | fields, headers=headers)


def statuses(client: Client, number: int, **fields: Any) -> list[int]:
    return [post(client, **fields).status_code for _ in range(number)]


class TestRefusal:
    def test_one_too_many_is_refused_with_the_time_to_wait_and_leaves_nothing(
        self, curl: Client, published: list[Any], clock: Callable[[float], None]
    ) -> None:
        assert statuses(curl, 3) == [201] * 3
        clock(12.3)
        refused = post(curl)
        assert (refused.status_code, refused["Retry-After"]) == (429, "48")
        assert refused.json() == {
            "type": "about:blank",
            "title": "Rate limited",
            "status": 429,
            "code": "RATE_LIMITED",
            "detail": "That was too much in a short time. Try again in 48 seconds.",
            "retry_after": 48,
        }
        check("problem", refused.json())
        assert (Message.objects.count(), Event.objects.count(), Room.objects.get().counter, len(published)) == (3,) * 4

    @pytest.mark.parametrize("waited", [0.0, 12.3, 59.0, 59.999])
    def test_who_waits_as_long_as_it_says_is_accepted_however_often_it_was_tried(
        self, curl: Client, clock: Callable[[float], None], waited: float
    ) -> None:
        statuses(curl, 3)
        clock(waited)
        statuses(curl, 5)
        seconds = int(post(curl)["Retry-After"])
        assert 60 <= waited + seconds < 61
        clock(59.998)
        assert post(curl).status_code == 429
        clock(waited + seconds)
        assert statuses(curl, 4) == [201, 201, 201, 429]

    def test_the_window_begins_with_the_first_of_them(self, curl: Client, clock: Callable[[float], None]) -> None:
        assert statuses(curl, 1) == [201]
        clock(50)
        assert statuses(curl, 3) == [201, 201, 429]
        clock(60)
        assert statuses(curl, 1) == [201]
        clock(119)
        assert statuses(curl, 3) == [201, 201, 429]

    def test_the_longest_wait_is_said_when_several_limits_are_reached(
        self, settings: Any, curl: Client, clock: Callable[[float], None]
    ) -> None:
        settings.ADDRESS_POST_LIMIT = Rate(3, 600)
        statuses(curl, 3)
        assert post(curl).json()["detail"].endswith("Try again in 10 minutes.")
        clock(60)
        assert post(curl)["Retry-After"] == "540"

    def test_a_form_without_javascript_keeps_what_was_written(self, curl: Client) -> None:
        statuses(curl, 3)
        page = post(curl, headers={"Accept": "text/html"}, text="a long thought")
        assert (page.status_code, "Retry-After" in page.headers) == (429, True)
        assert "a long thought" in page.text
        assert "Try again in" in page.text

    def test_what_is_refused_for_another_reason_does_not_count(self, curl: Client, people: dict[str, User]) -> None:
        for fields in ({"from": "alice"}, {"text": ""}, {"url": "/rooms/x-none/messages/"}):
            assert 201 not in statuses(curl, 4, **fields)
        assert not Tally.objects.exists()
        assert statuses(curl, 4) == [201, 201, 201, 429]

    def test_another_limit_counts_anew_and_zero_is_none(self, curl: Client, settings: Any) -> None:
        statuses(curl, 4)
        settings.POST_LIMIT = Rate(5, 60)
        assert statuses(curl, 3) == [201, 201, 429]
        settings.POST_LIMIT = Rate(1, 3600)
        assert statuses(curl, 2) == [201, 429]
        settings.POST_LIMIT = Rate(0, 1)
        assert statuses(curl, 5) == [201] * 5


class TestWho:
    def test_who_has_no_account_is_one_with_all_at_the_same_address(self) -> None:
        assert statuses(at("192.0.2.1"), 2, **{"from": "ann"}) == [201, 201]
        assert statuses(at("192.0.2.1"), 2, **{"from": "ben"}) == [201, 429]
        assert statuses(at("192.0.2.2"), 1) == [201]

    @pytest.mark.parametrize(
        ("one", "other", "together"),
        [
            ("2001:db8::1", "2001:db8::ffff:2", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("1.1.1.1, 192.0.2.1", "2.2.2.2, 192.0.2.1", True),
        ],
    )
    def test_what_is_one_address(self, one: str, other: str, together: bool) -> None:
        statuses(at(one), 3)
        assert (post(at(other)).status_code == 429) == together

    def test_an_account_counts_wherever_it_is_and_in_whatever_room(self, people: dict[str, User]) -> None:
        browser = sign_in(people["alice"])
        assert [post(browser, f"/rooms/{room}/messages/").status_code for room in ("a", "b")] == [201, 201]
        program = at("192.0.2.9", **bearer(people["alice"]))
        assert statuses(program, 2) == [201, 429]
        assert statuses(sign_in(people["bob"]), 1) == [201]  # from the address of the first
        assert statuses(at("127.0.0.1"), 1) == [201]

    def test_a_token_has_a_limit_of_its_own_and_leaves_its_owner_the_rest(
        self, people: dict[str, User], settings: Any
    ) -> None:
        settings.TOKEN_POST_LIMIT = Rate(1, 60)
        one, other = at("192.0.2.1", **bearer(people["alice"])), at("192.0.2.1", **bearer(people["alice"]))
        assert statuses(one, 2) == [201, 429]
        assert statuses(other, 2) == [201, 429]
        assert statuses(sign_in(people["alice"]), 2) == [201, 429]

    def test_an_address_has_one_for_all_and_what_one_limit_refuses_counts_under_none(
        self, people: dict[str, User], settings: Any
    ) -> None:
        settings.ADDRESS_POST_LIMIT = Rate(5, 60)
        alice, bob, cleo = (at("192.0.2.1", **bearer(people[name])) for name in ("alice", "bob", "charlie"))
        assert statuses(alice, 9) == [201] * 3 + [429] * 6
        assert statuses(bob, 4) == [201, 201, 429, 429]
        assert statuses(cleo, 1) == [429]
        assert statuses(at("192.0.2.2", **bearer(people["charlie"])), 4) == [201, 201, 201, 429]

    def test_nothing_that_is_stored_tells_who_it_was(self, people: dict[str, User], settings: Any) -> None:
        settings.ADDRESS_POST_LIMIT = settings.TOKEN_POST_LIMIT = Rate(9, 60)
        post(at("192.0.2.1", **bearer(people["alice"])))
        assert [len(key) for key in Tally.objects.values_list("key", flat=True)] == [64] * 3


class TestRepeats:
    """A client that lost the answer asks again under the same key."""

    def test_a_message_that_is_stored_is_answered_in_spite_of_the_limit(self, curl: Client) -> None:
        first = post(curl, client_id="k").json()
        statuses(curl, 2)
        again = post(curl, client_id="k")
        assert (again.status_code, again.json()) == (200, first)
        assert post(curl, client_id="k", text="other").json()["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert post(curl, client_id="new")["Retry-After"]

    def test_a_repeat_counts_for_nothing(self, curl: Client) -> None:
        assert statuses(curl, 5, client_id="k") == [201] + [200] * 4
        assert statuses(curl, 3) == [201, 201, 429]

    def test_who_obeys_ends_up_with_exactly_one_message(self, curl: Client, clock: Callable[[float], None]) -> None:
        statuses(curl, 3)
        now = 0
        while (answer := post(curl, client_id="k", text="at last")).status_code == 429:
            now += int(answer["Retry-After"])
            clock(now)
        assert (answer.status_code, now) == (201, 60)
        assert Message.objects.filter(text="at last").count() == 1

    def test_who_was_removed_from_the_room_is_not_answered_any_more(
        self, people: dict[str, User], make_room: Any
    ) -> None:
        make_room("x-den", members=(people["alice"],), visibility="private")
        alice = sign_in(people["alice"])
        statuses(alice, 3, url="/rooms/x-den/messages/", client_id="k")
        statuses(alice, 3)
        assert post(alice, "/rooms/x-den/messages/", client_id="k").status_code == 200
        Membership.objects.all().delete()
        assert post(alice, "/rooms/x-den/messages/", client_id="k").json()["code"] == "ROOM_INVALID"


class TestSocket:
    def test_a_post_too_many_is_an_error_and_the_socket_lives(self, reader: Client, make_room: Any) -> None:
        make_room()
        socket = Socket(reader)
        socket.read(socket.opened)
        socket.send(join("den"))
        send = {"command": "send", "room": "den", "text": "hi", "from": "ann"}
        *accepted, refused = socket.send(*({**send, "id": str(number)} for number in range(4)))
        assert [frame["type"] for frame in accepted] == ["reply"] * 3
        check("frame", refused)
        assert (refused["type"], refused["to"], refused["code"]) == ("error", "3", "RATE_LIMITED")
        assert 58 <= refused["retry_after"] <= 60
        assert socket.send({"command": "sync", "id": "s", "last-event-id": "room-den:0"})[-1]["type"] == "reply"
        # The same command once more, as after a worker's death: its message is there.
        assert socket.send({**send, "id": "2"})[0]["created"] is False

    def test_frames_that_read_are_never_limited(self, reader: Client, make_room: Any, settings: Any) -> None:
        settings.WRITE_LIMIT = settings.ADDRESS_WRITE_LIMIT = Rate(1, 60)
        make_room()
        for _ in range(4):
            socket = Socket(reader)
            assert socket.read(socket.opened)[0]["type"] == "stream-open"
            assert socket.send(join("den"))[0]["type"] == "reply"


class TestOtherWrites:
    @pytest.fixture(autouse=True)
    def two(self, settings: Any) -> None:
        settings.WRITE_LIMIT = Rate(2, 60)

    def test_all_that_changes_something_counts_together(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        alice = sign_in(people["alice"])
        eid = post(alice, "/rooms/Open/messages/").json()["id"]
        message = f"/rooms/Open/messages/{eid}/"
        assert alice.patch(message, {"text": "better"}, "application/json").status_code == 200
        assert alice.delete(message).status_code == 204
        for refused in (
            alice.post("/rooms/", {"name": "another"}),
            alice.post("/rooms/Open/members/"),
            alice.post("/rooms/Open/invites/"),
            alice.delete("/rooms/Open/"),
            alice.post("/accounts/sign-out/"),
            alice.post("/rooms/Open/settings/room/", {"title": "x"}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
            assert 0 < int(refused["Retry-After"]) <= 60
        assert post(alice).status_code == 201  # messages are counted by themselves
        assert sign_in(people["bob"]).post("/rooms/Open/members/").status_code == 200

    def test_a_browser_gets_a_page(self, people: dict[str, User]) -> None:
        client = sign_in(people["alice"])
        for _ in range(3):
            page = client.post("/accounts/profile/", {"display_name": ""}, headers={"Accept": "text/html"})
        assert (page.status_code, page["Content-Type"]) == (429, "text/html; charset=utf-8")
        assert "Try again in" in page.text

    def test_reading_is_never_limited(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        reader = Client(headers={**OWN_PAGE, **grip_headers()})
        reader.force_login(people["alice"])
        for path in ("/rooms/Open/events/", "/events/?channel=room-Open", "/rooms/Open/messages/", "/Open", "/rooms/"):
            assert [reader.get(path).status_code for _ in range(5)] == [200] * 5
        assert not Tally.objects.exists()

    def test_who_is_nobody_counts_by_address_only(self, settings: Any) -> None:
        settings.ADDRESS_WRITE_LIMIT = Rate(4, 60)
        one = at("192.0.2.1")
        assert [one.post("/rooms/").status_code for _ in range(3)] == [401] * 3
        assert one.post("/rooms/", headers={"Authorization": "Bearer bad"}).status_code == 401
        assert one.post("/accounts/sign-in/", {"username": "x", "password": "y"}).status_code == 429
        assert at("192.0.2.2").post("/rooms/").status_code == 401

    def test_a_request_that_would_be_refused_by_its_origin_is_nobodys(self, people: dict[str, User]) -> None:
        alice = Client(headers={"Origin": "https://evil.example"})
        alice.force_login(people["alice"])
        assert [alice.delete("/rooms/Open/").json()["code"] for _ in range(4)] == ["ORIGIN_DENIED"] * 4

    def test_without_the_database_it_is_503_and_not_let_through(
        self, people: dict[str, User], rooms: dict[str, Room], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object) -> None:
            raise OperationalError("away")

        monkeypatch.setattr(limits, "attempt", fail)
        response = sign_in(people["alice"]).delete("/rooms/Open/")
        assert (response.status_code, response["Retry-After"]) == (503, "1")
        assert Room.objects.live().filter(name="Open").exists()


class TestStatements:
    """Counted as Django logs them, BEGIN and COMMIT among them: at most seven for a post."""

    @pytest.fixture(autouse=True)
    def all_limits(self, settings: Any) -> None:
        settings.POST_LIMIT = settings.TOKEN_POST_LIMIT = settings.ADDRESS_POST_LIMIT = Rate(100, 60)
        settings.WRITE_LIMIT = settings.ADDRESS_WRITE_LIMIT = Rate(100, 60)

    @pytest.mark.parametrize(("who", "number"), [("nobody", 6), ("program", 7), ("browser", 7)])
    def test_all_limits_of_a_post_are_one_statement(
        self,
        make_room: Any,
        people: dict[str, User],
        django_assert_num_queries: DjangoAssertNumQueries,
        who: str,
        number: int,
    ) -> None:
        make_room(visibility="open")
        client = {
            "nobody": at("192.0.2.1"),
            "program": at("192.0.2.1", **bearer(people["alice"])),
            "browser": sign_in(people["alice"]),
        }[who]
        post(client)  # makes the rows, and notes that the token is used
        with django_assert_num_queries(number) as captured:
            assert post(client).status_code == 201
        statements = [query["sql"].split()[0] for query in captured.captured_queries]
        assert statements[-6:] == ["BEGIN", "INSERT", "INSERT", "INSERT", "INSERT", "COMMIT"]

    def test_a_refusal_costs_one_statement_in_a_transaction(
        self, settings: Any, curl: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        settings.POST_LIMIT = Rate(1, 60)
        post(curl)
        with django_assert_num_queries(3):  # BEGIN, the count, ROLLBACK
            assert post(curl).status_code == 429

    def test_without_limits_there_is_no_statement(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            take([])


def test_one_key_twice_is_counted_once_and_rows_are_taken_in_one_order(db: None) -> None:
    mine, yours = Limit("x", "me", 5, 60), Limit("x", "you", 5, 60)
    take([mine, yours, mine])
    take([yours, mine])
    assert list(Tally.objects.values_list("count", flat=True)) == [2, 2]


def test_prune_removes_what_is_over(curl: Client, clock: Callable[[float], None]) -> None:
    post(curl)
    call_command("prune")
    assert Tally.objects.count() == 1
    clock(61)
    call_command("prune")
    assert not Tally.objects.exists()
