"""The hold by which a person is present, the list of people, and who may be in it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chat import access
from chat.channels import PersonChannel, parse_person
from chat.models import Presence, Restriction, Room, User
from chat.problems import Problem
from tests.unit.conftest import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def den(make_room: Callable[..., Room]) -> Room:
    return make_room("den")


@pytest.fixture
def alice(people: dict[str, User]) -> User:
    return people["alice"]


@pytest.fixture
def bob(people: dict[str, User]) -> User:
    return people["bob"]


class TestHold:
    def test_it_carries_the_person_and_needs_no_link(self, alice: User, den: Room) -> None:
        response = sign_in(alice, proxied=True).get("/rooms/DEN/presence/")
        assert response.status_code == 200
        assert "event: stream-open\n" in response.text
        assert response["Grip-Hold"] == "stream"
        names = [part.split(";")[0].strip() for part in response["Grip-Channel"].split(",")]
        assert names == [f"u{alice.pk}.{den.pk}.1", "all"]
        assert "prev-id" not in response["Grip-Channel"]
        assert "Grip-Link" not in response
        assert [parse_person(name) for name in names] == [PersonChannel(alice.pk, den.pk, 1), None]

    def test_several_rooms_and_long_polls(self, alice: User, den: Room, make_room: Callable[..., Room]) -> None:
        attic = make_room("attic")
        url = "/presence/?channel=room-den&channel=room-attic"
        response = sign_in(alice, proxied=True).get(url, headers={"Accept": "application/json"})
        assert (response.json(), response["Grip-Hold"], response["Grip-Timeout"]) == ({}, "response", "20")
        for room in (den, attic):
            assert f"u{alice.pk}.{room.pk}.1" in response["Grip-Channel"]

    def test_a_get_stores_nothing(
        self, alice: User, den: Room, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        client = sign_in(alice, proxied=True)
        with django_assert_num_queries(2):  # session with person, room
            client.get("/rooms/den/presence/")
        assert not Presence.objects.exists()

    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("/rooms/nobody-was-here/presence/", "ROOM_INVALID"),
            ("/rooms/a%20b/presence/", "ROOM_INVALID"),
            ("/rooms/secret/presence/", "ROOM_INVALID"),
            ("/rooms/office/presence/", "ROOM_ACCESS_DENIED"),
            ("/presence/", "CHANNEL_INVALID"),
            ("/presence/?channel=den", "CHANNEL_INVALID"),
            ("/presence/?channel=room-den&channel=room-office", "ROOM_ACCESS_DENIED"),
            ("/presence/?" + "&".join(f"channel=room-r{n}" for n in range(51)), "CHANNEL_INVALID"),
        ],
    )
    def test_refusals(self, alice: User, den: Room, make_room: Callable[..., Room], url: str, code: str) -> None:
        make_room("office", visibility="staff")
        make_room("secret", visibility="private")
        client = sign_in(alice, proxied=True)
        refused = client.get(url, headers={"Accept": "application/json"})
        assert refused.json()["code"] == code
        assert "Grip-Hold" not in refused
        as_stream = client.get(url, headers={"Accept": "text/event-stream"})
        assert "event: stream-error" in as_stream.text
        assert f'"code": "{code}"' in as_stream.text

    def test_visitors_and_pages_of_others_are_nobody(self, reader: Client, alice: User, den: Room) -> None:
        assert reader.get("/rooms/den/presence/").json()["code"] == "USER_HAS_TO_LOGIN"
        client = sign_in(alice, proxied=True)
        foreign = client.get("/rooms/den/presence/", headers={"Origin": "https://evil.example"})
        assert foreign.json()["code"] == "USER_HAS_TO_LOGIN"

    def test_it_is_served_through_the_proxy_only(self, alice: User, den: Room) -> None:
        assert sign_in(alice).get("/rooms/den/presence/").json()["code"] == "PROXY_REQUIRED"

    def test_only_get(self, alice: User, den: Room) -> None:
        for url in ("/rooms/den/presence/", "/presence/", "/rooms/den/people/"):
            assert sign_in(alice, proxied=True).post(url).status_code in (403, 405)


class TestPeople:
    def enter(self, room: Room, *users: User, until: int = 60) -> None:
        for user in users:
            Presence.objects.create(user=user, room=room, until=timezone.now() + timedelta(seconds=until))

    def test_who_is_there_in_the_order_they_came(
        self, curl: Client, people: dict[str, User], den: Room, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        self.enter(den, people["bob"], people["alice"])
        self.enter(den, people["sam"], until=-1)
        with django_assert_num_queries(2):
            answer = curl.get("/rooms/den/people/").json()
        assert answer["count"] == 2
        assert [person["username"] for person in answer["people"]] == ["bob", "alice"]
        assert set(answer["people"][0]) == {"id", "username", "name", "guest", "since"}

    def test_a_closed_account_is_not_listed(self, curl: Client, alice: User, den: Room) -> None:
        self.enter(den, alice)
        User.objects.update(is_active=False)
        assert curl.get("/rooms/den/people/").json() == {"count": 0, "people": []}

    def test_of_many_the_first_200_are_named(self, curl: Client, den: Room) -> None:
        users = User.objects.bulk_create(User(username=f"u{n}", name_key=f"u{n}") for n in range(205))
        self.enter(den, *users)
        answer = curl.get("/rooms/den/people/").json()
        assert (answer["count"], len(answer["people"])) == (205, 200)

    def test_who_may_not_read_may_not_ask(
        self, people: dict[str, User], alice: User, bob: User, make_room: Callable[..., Room]
    ) -> None:
        secret = make_room("secret", visibility="private", members=(alice,))
        self.enter(secret, alice)
        unknown = sign_in(bob).get("/rooms/nothing/people/")
        assert sign_in(bob).get("/rooms/secret/people/").content == unknown.content
        assert unknown.status_code == 404
        assert sign_in(alice).get("/rooms/secret/people/").json()["count"] == 1


def test_who_may_read_is_the_same_for_one_and_for_many(people: dict[str, User], make_room: Callable[..., Room]) -> None:
    """readers_among says of many what find_rooms says of each."""
    rooms = [make_room(kind, visibility=kind, members=(people["bob"],)) for kind in ("open", "private", "staff")]
    for room in rooms:
        Restriction.objects.create(room=room, user=people["charlie"], kind="ban")
        allowed = set()
        for user in people.values():
            try:
                access.find_rooms(user, [room.name])
                allowed.add(user.pk)
            except Problem:
                pass
        assert access.readers_among(room, {user.pk for user in people.values()}) == allowed
