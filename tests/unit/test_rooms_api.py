"""Rooms: who is told of which, making, changing and deleting them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.models import AuditEntry, Event, Invite, Restriction, Room, User
from tests.unit.conftest import JSON, sign_in

pytestmark = pytest.mark.django_db


def names(client: Client, query: str = "") -> list[str]:
    return [room["room"] for room in client.get(f"/rooms/{query}").json()["rooms"]]


class TestList:
    def test_everybody_is_told_of_the_rooms_that_they_may_read(
        self, curl: Client, rooms: dict[str, Room], people: dict[str, User]
    ) -> None:
        assert names(curl) == ["Open"]
        assert names(sign_in(people["charlie"])) == ["Open"]
        assert names(sign_in(people["bob"])) == ["Open", "x-private"]
        assert names(sign_in(people["sam"])) == ["Open", "team"]

    def test_it_says_what_one_is_in_them_and_is_stored_nowhere(
        self, rooms: dict[str, Room], people: dict[str, User]
    ) -> None:
        response = sign_in(people["alice"]).get("/rooms/")
        assert [room["role"] for room in response.json()["rooms"]] == ["owner", "owner"]
        assert response["Cache-Control"] == "no-store"
        assert [room["role"] for room in sign_in(people["bob"]).get("/rooms/").json()["rooms"]] == ["member"] * 2

    def test_who_is_banned_is_not_told_until_it_is_over(self, rooms: dict[str, Room], people: dict[str, User]) -> None:
        ban = Restriction.objects.create(room=rooms["Open"], user=people["bob"], kind="ban")
        assert names(sign_in(people["bob"])) == ["x-private"]
        ban.until = timezone.now()
        ban.save()
        assert names(sign_in(people["bob"])) == ["Open", "x-private"]

    def test_pages_go_by_name(self, curl: Client, make_room: Any) -> None:
        for number in range(7):
            make_room(f"Room{number}")
        url, seen = "/rooms/?limit=3", []
        while url:
            response = curl.get(url)
            seen += [room["room"] for room in response.json()["rooms"]]
            url = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert seen == [f"Room{number}" for number in range(7)]
        assert names(curl, "?after=rOOM4") == ["Room5", "Room6"]

    @pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?limit=x", "?after=%00", f"?after={'x' * 65}"])
    def test_a_bad_parameter_is_refused(self, curl: Client, query: str) -> None:
        response = curl.get(f"/rooms/{query}")
        assert (response.status_code, response.json()["code"]) == (400, "PARAMETER_INVALID")

    def test_it_takes_two_statements_however_many_rooms(
        self,
        curl: Client,
        make_room: Any,
        people: dict[str, User],
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        alice = sign_in(people["alice"])
        for count in range(1, 40, 13):
            for number in range(count):
                if not Room.objects.filter(name=f"r{number}").exists():
                    make_room(f"r{number}", members=(people["alice"],), visibility=("open", "private")[number % 2])
            with django_assert_num_queries(1):
                curl.get("/rooms/")
            with django_assert_num_queries(3):  # session with person, one's own, the others
                alice.get("/rooms/")


class TestMake:
    def test_who_makes_a_room_owns_it(self, people: dict[str, User]) -> None:
        response = sign_in(people["charlie"]).post("/rooms/", {"name": "Garden", "topic": " to  dig "}, JSON)
        assert response.status_code == 201
        assert response["Location"] == "/rooms/Garden/"
        assert response.json() == {
            "room": "Garden",
            "title": "Garden",
            "topic": "to dig",
            "visibility": "open",
            "kind": "room",
            "archived": False,
            "notices": True,
            "role": "owner",
        }

    def test_a_private_room_gets_a_name_that_tells_nothing(self, people: dict[str, User]) -> None:
        body = {"name": "merger", "title": "The merger", "visibility": "private"}
        room = sign_in(people["charlie"]).post("/rooms/", body, JSON).json()
        assert room["room"].startswith("x-")
        assert (len(room["room"]), room["title"]) == (26, "The merger")

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({}, 422, "TEXT_INVALID"),
            ({"title": "t"}, 422, "NAME_INVALID"),
            ({"name": "a b"}, 422, "NAME_INVALID"),
            ({"name": "api"}, 422, "NAME_INVALID"),
            ({"name": "X-mine"}, 422, "NAME_INVALID"),
            ({"name": "n" * 65}, 422, "NAME_INVALID"),
            ({"name": "a\x07b"}, 422, "TEXT_INVALID"),  # the title is the name
            ({"name": "a\x07b", "title": "t"}, 422, "NAME_INVALID"),
            ({"name": "\x07", "title": "t"}, 422, "NAME_INVALID"),
            ({"name": 7}, 422, "NAME_INVALID"),
            ({"name": "a", "title": "t" * 101}, 422, "TEXT_INVALID"),
            ({"name": "a", "topic": "t" * 301}, 422, "TEXT_INVALID"),
            ({"name": "a", "topic": "\x1b[2J"}, 422, "TEXT_INVALID"),
            ({"name": "a", "topic": []}, 422, "TEXT_INVALID"),
            ({"name": "a", "visibility": "secret"}, 400, "PARAMETER_INVALID"),
            ({"name": "a", "visibility": None}, 400, "BODY_INVALID"),
            ({"visibility": "private"}, 422, "TEXT_INVALID"),
            ({"name": "a", "visibility": "staff"}, 403, "ROOM_ACCESS_DENIED"),
            ({"name": "api", "visibility": "staff"}, 403, "ROOM_ACCESS_DENIED"),
        ],
    )
    def test_bad_fields_are_refused(self, people: dict[str, User], body: Any, status: int, code: str) -> None:
        response = sign_in(people["charlie"]).post("/rooms/", json.dumps(body), JSON)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert not Room.objects.exists()

    def test_a_name_that_is_or_was_in_use_is_taken(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        for name in ("oPEN", "team", "gone"):
            response = sign_in(people["charlie"]).post("/rooms/", {"name": name}, JSON)
            assert (response.status_code, response.json()["code"]) == (409, "ROOM_TAKEN")

    @pytest.mark.parametrize(
        ("who", "charlie", "gina", "sam"),
        [("anyone", 201, 201, 201), ("accounts", 201, 403, 201), ("staff", 403, 403, 201)],
    )
    def test_who_may_is_a_setting(
        self, people: dict[str, User], settings: Any, who: str, charlie: int, gina: int, sam: int
    ) -> None:
        settings.ROOM_CREATION = who
        people["gina"] = User.objects.create_user("gina", is_guest=True)
        for name, status in (("charlie", charlie), ("gina", gina), ("sam", sam)):
            client = sign_in(people[name])
            assert client.post("/rooms/", {"name": f"by-{name}"}, JSON).status_code == status
            assert client.post("/rooms/", {"title": "t", "visibility": "private"}, JSON).status_code == status
            assert client.post(f"/rooms/first-of-{name}/messages/", {"text": "hi"}, JSON).status_code == status

    def test_nobody_learns_of_a_private_room_by_posting_where_making_rooms_needs_an_account(
        self, curl: Client, rooms: dict[str, Room], settings: Any
    ) -> None:
        for who in ("anyone", "accounts", "staff"):
            settings.ROOM_CREATION = who
            there, not_there = (
                curl.post(f"/rooms/{name}/messages/", {"from": "ann", "text": "hi"})
                for name in ("x-private", "x-nothing")
            )
            assert (there.status_code, there.content) == (not_there.status_code, not_there.content)


WRITES = [
    ("post", "/rooms/", {"name": "new"}),
    ("patch", "/rooms/open/", {"title": "t"}),
    ("delete", "/rooms/open/?confirm=open", None),
    ("post", "/rooms/open/members/", None),
    ("post", "/rooms/open/invites/", None),
    ("post", "/rooms/open/restrictions/", {"kind": "mute", "username": "bob"}),
    ("patch", "/rooms/open/messages/1/", {"text": "t"}),
    ("delete", "/rooms/open/messages/1/", None),
    ("post", "/accounts/direct/", {"username": "bob"}),
]


@pytest.mark.parametrize(("method", "url", "body"), WRITES)
def test_a_write_from_another_site_is_refused_and_one_that_says_nothing_is_nobodys(
    rooms: dict[str, Room], people: dict[str, User], method: str, url: str, body: Any
) -> None:
    alice = sign_in(people["alice"])
    call = getattr(alice, method)
    foreign = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
    for headers in foreign:
        answer = call(url, body, JSON, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_DENIED")
    curl = Client()
    curl.cookies = alice.cookies
    answer = getattr(curl, method)(url, body, JSON)
    assert (answer.status_code, answer.json()["code"]) == (401, "USER_HAS_TO_LOGIN")
    assert not Event.objects.exists()
    assert not AuditEntry.objects.exists()


# The statements of each request, by Alice with a token: it and the room take two; a transaction begins and ends.
STATEMENTS = [
    (1, "get", "/accounts/me/", None),
    (3, "get", "/rooms/", None),  # one's own, the others
    (2, "get", "/rooms/open/", None),
    (3, "get", "/rooms/open/members/", None),
    (3, "get", "/rooms/open/invites/", None),
    (3, "get", "/rooms/open/restrictions/", None),
    (9, "post", "/rooms/", {"name": "new"}),
    (10, "patch", "/rooms/open/", {"topic": "t"}),
    (18, "patch", "/rooms/open/", {"visibility": "private"}),
    (21, "delete", "/rooms/open/?confirm=Open", None),  # one for each thing that goes
    (8, "post", "/rooms/open/members/", None),
    (11, "patch", "/rooms/open/members/bob/", {"role": "moderator"}),
    (13, "delete", "/rooms/open/members/bob/", None),
    (9, "post", "/rooms/open/invites/", None),
    (7, "delete", "/rooms/open/invites/aaaaaaaaaaaaaaaa/", None),
    (15, "post", "/rooms/open/restrictions/", {"kind": "mute", "username": "bob"}),
    (22, "post", "/rooms/open/restrictions/", {"kind": "ban", "username": "bob"}),
    (8, "delete", "/rooms/open/restrictions/mute:charlie/", None),
    (10, "post", "/accounts/direct/", {"username": "bob"}),
    (6, "post", "/accounts/direct/", {"username": "charlie"}),
]


@pytest.mark.parametrize(("count", "method", "url", "body"), STATEMENTS)
def test_each_request_takes_what_it_took(
    rooms: dict[str, Room],
    people: dict[str, User],
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    method: str,
    url: str,
    body: Any,
) -> None:
    alice = people["alice"]
    tomorrow = timezone.now() + timedelta(days=1)
    Invite.objects.create(room=rooms["Open"], digest="a" * 64, created_by=alice, expires=tomorrow)
    Restriction.objects.create(room=rooms["Open"], user=people["charlie"], kind="mute")
    actions.open_direct_room(alice, people["charlie"])
    client = Client(headers={"Authorization": f"Bearer {actions.make_token(alice)}"})
    client.get("/rooms/")  # once an hour it is noted that the token is used, after the answer
    with django_assert_num_queries(count):
        assert getattr(client, method)(url, **({"data": body, "content_type": JSON} if body else {})).status_code < 300
