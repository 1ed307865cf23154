"""History: pages by id in both directions, and the token that a stream starts from."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.models import Message, MessageQuerySet, Room, User
from tests.unit.conftest import sign_in

pytestmark = pytest.mark.django_db
URL = "/rooms/den/messages/"


@pytest.fixture
def den(make_room: Any) -> Room:
    """A room with messages 2, 4, 6 … 20: events of other kinds have the ids between."""
    room: Room = make_room("Den", counter=21)
    Message.objects.bulk_create(
        Message(room=room, eid=eid, name="ann", text=str(eid), poster="n:ann") for eid in range(2, 21, 2)
    )
    return room


def page(client: Client, query: str = "") -> tuple[list[int], dict[str, str]]:
    response = client.get(URL + query)
    links = {rel: url for url, rel in re.findall(r'<(.+?)>; rel="(\w+)"', response.headers.get("Link", ""))}
    assert response["Cache-Control"] == "no-store"
    return [message["id"] for message in response.json()["messages"]], links


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [20, 18, 16, 14, 12, 10, 8, 6, 4, 2]),
        ("?limit=3", [20, 18, 16]),
        ("?before=16&limit=3", [14, 12, 10]),
        ("?before=15&limit=3", [14, 12, 10]),
        ("?before=2", []),
        ("?after=4&limit=3", [10, 8, 6]),
        ("?after=15&limit=3", [20, 18, 16]),
        ("?after=20", []),
        ("?after=0&limit=100", [20, 18, 16, 14, 12, 10, 8, 6, 4, 2]),
        ("?limit=3&limit=1", [20]),
    ],
)
def test_a_page_is_newest_first_wherever_it_starts(curl: Client, den: Room, query: str, ids: list[int]) -> None:
    assert page(curl, query)[0] == ids


@pytest.mark.parametrize(("start", "rel", "order"), [("?limit=3", "next", -1), ("?after=0&limit=3", "prev", 1)])
def test_following_the_links_reads_everything_once(curl: Client, den: Room, start: str, rel: str, order: int) -> None:
    seen: list[int] = []
    query: str | None = start
    while query is not None:
        ids, links = page(curl, query)
        seen += ids[::-1] if order == 1 else ids
        query = links[rel].removeprefix(URL) if rel in links else None
    assert seen == sorted(range(2, 21, 2), reverse=order == -1)


def test_the_token_is_the_newest_event_not_the_newest_message(curl: Client, den: Room) -> None:
    assert curl.get(URL).json()["last-event-id"] == "room-Den:21"


def test_the_token_is_taken_before_the_messages_are_read(
    curl: Client, den: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = MessageQuerySet.before

    def after_another_post(self: MessageQuerySet, eid: int | None) -> MessageQuerySet:
        Message.objects.create(room=den, eid=22, name="bo", text="late", poster="n:bo")
        Room.objects.update(counter=22)
        return before(self, eid)

    monkeypatch.setattr(MessageQuerySet, "before", after_another_post)
    body = curl.get(URL).json()
    assert (body["last-event-id"], body["messages"][0]["id"]) == ("room-Den:21", 22)


def test_a_room_that_does_not_exist_yet_is_empty_and_is_not_made(curl: Client) -> None:
    assert curl.get("/rooms/New/messages/").json() == {"messages": [], "last-event-id": "room-New:0"}
    assert not Room.objects.exists()


@pytest.mark.parametrize(
    ("fields", "who", "status", "code"),
    [
        ({"visibility": "private"}, "", 404, "ROOM_INVALID"),
        ({"visibility": "private"}, "charlie", 404, "ROOM_INVALID"),
        ({"visibility": "private"}, "bob", 200, None),
        ({"visibility": "staff"}, "", 401, "USER_HAS_TO_LOGIN"),
        ({"visibility": "staff"}, "bob", 403, "ROOM_ACCESS_DENIED"),
        ({"visibility": "staff"}, "sam", 200, None),
        ({"deleted_at": "2026-01-01T00:00Z"}, "sam", 404, "ROOM_INVALID"),
        ({"archived_at": "2026-01-01T00:00Z"}, "", 200, None),
    ],
)
def test_who_may_read(
    curl: Client,
    people: dict[str, User],
    make_room: Any,
    fields: dict[str, str],
    who: str,
    status: int,
    code: str | None,
) -> None:
    make_room(members=(people["bob"],), **fields)
    client = sign_in(people[who]) if who else curl
    response = client.get(URL)
    assert (response.status_code, response.json().get("code")) == (status, code)
    assert client.get("/den", {"user": "x"}).status_code == status
    assert client.get("/den").status_code == status


def test_a_private_room_looks_exactly_like_one_that_cant_exist(curl: Client, make_room: Any) -> None:
    make_room("x-there", visibility="private")
    answers = [curl.get(f"/rooms/{name}/messages/").content for name in ("x-there", "x-not-there")]
    assert answers[0] == answers[1]


class TestStatements:
    def test_a_page_of_history_takes_two_and_signed_in_three(
        self, curl: Client, den: Room, people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        alice = sign_in(people["alice"])
        for query in ("", "?before=9", "?after=9"):
            with django_assert_num_queries(2):
                curl.get(URL + query)
            with django_assert_num_queries(3):
                alice.get(URL + query)

    def test_the_chat_page_takes_three_and_signed_in_too(
        self, curl: Client, den: Room, people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        alice = sign_in(people["alice"])
        with django_assert_num_queries(3):  # one of them asks whether the name is somebody's
            assert "ann" in curl.get("/den", {"user": "bo"}).text
        with django_assert_num_queries(3):
            alice.get("/den", {"user": "bo"})
