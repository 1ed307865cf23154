"""Rooms that are changed and deleted: what readers get, and what is left."""

import json
from typing import Any

import pytest
from django.test import Client

from chat import actions
from chat.models import AuditEntry, Closing, Event, Membership, Message, Room, User
from tests.unit.conftest import JSON, sign_in
from tests.unit.streams import holds, log, sealed, types

pytestmark = pytest.mark.django_db


class TestChange:
    @pytest.fixture
    def alice(self, rooms: dict[str, Room], people: dict[str, User]) -> Client:
        return sign_in(people["alice"])

    def test_a_change_is_answered_logged_and_audited(self, alice: Client) -> None:
        response = alice.patch("/rooms/open/", {"title": "The den", "archived": True}, JSON)
        room = response.json()
        assert (room["title"], room["archived"], room["role"]) == ("The den", True, "owner")
        event = Event.objects.get()
        assert (event.type, event.eid) == ("room-changed", 1)
        assert json.loads(event.data) | {"role": "owner"} == room == alice.get("/rooms/open/").json()
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.detail, entry.actor.username) == ("change room", "archived, title", "alice")
        assert not Closing.objects.exists()

    def test_what_changes_nothing_makes_no_event(self, alice: Client) -> None:
        for body in ({"title": "Open"}, {"archived": False}, {"visibility": "open", "topic": ""}, {"title": None}):
            assert alice.patch("/rooms/open/", body, JSON).status_code == 200
        assert not Event.objects.exists()
        assert Room.objects.get(name="Open").counter == 0

    def test_what_was_meant_for_a_part_of_it_is_refused_and_a_whole_room_is_taken(self, alice: Client) -> None:
        for body in ({}, {"role": "owner"}, {"text": "hi"}, {"enabled": False}, {"tittle": "x", "name": "y"}):
            response = alice.patch("/rooms/open/", body, JSON)
            assert (response.status_code, response.json()["code"]) == (400, "PARAMETER_INVALID")
        read = alice.get("/rooms/open/").json()
        assert alice.patch("/rooms/open/", read | {"title": "As read"}, JSON).json() == read | {"title": "As read"}

    def test_a_form_will_do(self, alice: Client) -> None:
        form = "application/x-www-form-urlencoded"
        room = alice.patch("/rooms/open/", "title=Caf%C3%A9+2&archived=true", form).json()
        assert (room["title"], room["archived"]) == ("Café 2", True)
        response = alice.patch("/rooms/open/", "--x\r\n", "multipart/form-data; boundary=x")
        assert (response.status_code, response.json()["code"]) == (415, "CONTENT_TYPE_UNSUPPORTED")

    def test_an_archived_room_is_read_and_not_posted_in_until_it_is_opened_again(
        self, alice: Client, curl: Client
    ) -> None:
        alice.patch("/rooms/open/", {"archived": True}, JSON)
        for client in (alice, curl):
            answer = client.post("/rooms/open/messages/", {"from": "zoe", "text": "hi"}, JSON)
            assert (answer.status_code, answer.json()["code"]) == (403, "ROOM_ACCESS_DENIED")
        assert curl.get("/rooms/open/messages/").status_code == 200
        alice.patch("/rooms/open/", {"archived": False}, JSON)
        assert curl.post("/rooms/open/messages/", {"from": "zoe", "text": "hi"}, JSON).status_code == 201

    def test_made_private_it_gets_another_name_and_nothing_is_left_under_the_old_one(
        self, alice: Client, curl: Client, people: dict[str, User]
    ) -> None:
        curl.post("/rooms/open/messages/", {"from": "zoe", "text": "in the open"})
        room = alice.patch("/rooms/open/", {"visibility": "private"}, JSON).json()
        assert room["room"].startswith("x-")
        bob = sign_in(people["bob"])
        for client in (curl, alice, bob, sign_in(people["sam"])):
            for url in ("/rooms/open/", "/rooms/open/messages/"):
                assert client.get(url).json()["code"] == "ROOM_INVALID"
        assert curl.post("/rooms/open/messages/", {"from": "zoe", "text": "again"}).status_code == 404
        [message] = bob.get(f"/rooms/{room['room']}/messages/").json()["messages"]
        assert (message["room"], message["text"]) == (room["room"], "in the open")
        assert Closing.objects.count() == 1
        assert not Event.objects.filter(data__contains="in the open").exists()

    def test_members_resume_in_it_with_a_reset(self, alice: Client, people: dict[str, User]) -> None:
        log(Room.objects.get(name="Open"), 3)
        room = alice.patch("/rooms/open/", {"visibility": "private"}, JSON).json()["room"]
        bob = sign_in(people["bob"], proxied=True)
        response = bob.get(f"/rooms/{room}/events/?lastEventId=room-{room}:2")
        assert types(response) == ["stream-open", "stream-reset"]
        assert sealed(f"r{Room.objects.get(name=room).pk}.2") in holds(response)

    def test_a_private_room_that_is_opened_keeps_its_name_and_ends_no_stream(self, alice: Client, curl: Client) -> None:
        assert alice.patch("/rooms/x-private/", {"visibility": "open"}, JSON).json()["room"] == "x-private"
        assert curl.get("/rooms/x-private/").status_code == 200
        assert not Closing.objects.exists()

    def test_only_staff_make_it_one_of_staff(self, alice: Client, people: dict[str, User], curl: Client) -> None:
        assert alice.patch("/rooms/open/", {"visibility": "staff"}, JSON).status_code == 403
        room = sign_in(people["sam"]).patch("/rooms/open/", {"visibility": "staff"}, JSON).json()
        assert (room["room"], room["visibility"]) == ("Open", "staff")
        assert alice.get("/rooms/open/").json()["code"] == "ROOM_ACCESS_DENIED"
        assert curl.get("/rooms/open/").json()["code"] == "USER_HAS_TO_LOGIN"

    def test_staff_who_close_a_room_that_nobody_owned_become_its_owner(
        self, people: dict[str, User], make_room: Any
    ) -> None:
        make_room("ad-hoc")
        sam = sign_in(people["sam"])
        room = sam.patch("/rooms/ad-hoc/", {"visibility": "private"}, JSON).json()
        assert room["role"] == "owner"
        assert sam.get(f"/rooms/{room['room']}/").status_code == 200

    def test_staff_are_what_their_role_says_in_a_private_room(
        self, rooms: dict[str, Room], people: dict[str, User]
    ) -> None:
        sam = sign_in(people["sam"])
        assert sam.patch("/rooms/x-private/", {"title": "Mine"}, JSON).json()["code"] == "ROOM_INVALID"
        Membership.objects.create(room=rooms["x-private"], user=people["sam"])
        assert sam.patch("/rooms/x-private/", {"title": "Mine"}, JSON).json()["code"] == "ROOM_ACCESS_DENIED"
        url = "/rooms/x-private/restrictions/"
        assert sam.post(url, {"kind": "ban", "username": "bob"}, JSON).json()["code"] == "ROOM_ACCESS_DENIED"

    def test_the_first_room_stays(self, people: dict[str, User]) -> None:
        actions.make_room("default")
        sam = sign_in(people["sam"])
        for visibility in ("private", "staff"):
            assert sam.patch("/rooms/default/", {"visibility": visibility}, JSON).status_code == 403
        assert sam.delete("/rooms/default/?confirm=default").status_code == 403
        room = Room.objects.get()
        assert (room.name, room.visibility, room.deleted_at, room.rights) == ("default", "open", None, 1)

    @pytest.mark.parametrize("body", [{"title": " "}, {"title": "x" * 101}, {"topic": "a\x07"}, {"visibility": "x"}])
    def test_bad_fields_change_nothing(self, alice: Client, body: dict[str, str]) -> None:
        assert alice.patch("/rooms/open/", {"topic": "new", **body}, JSON).status_code in (400, 422)
        assert Room.objects.get(name="Open").topic == ""


class TestDelete:
    def test_everything_said_in_it_is_gone_and_its_name_is_never_given_again(
        self, rooms: dict[str, Room], people: dict[str, User], curl: Client
    ) -> None:
        curl.post("/rooms/open/messages/", {"from": "zoe", "text": "hi"})
        alice = sign_in(people["alice"])
        assert alice.delete("/rooms/open/?confirm=open").status_code == 204
        assert (Message.objects.count(), Event.objects.count(), Closing.objects.count()) == (0, 0, 1)
        assert alice.delete("/rooms/open/?confirm=open").json()["code"] == "ROOM_INVALID"
        assert curl.get("/rooms/open/messages/").status_code == 404
        assert curl.post("/rooms/open/messages/", {"from": "zoe", "text": "hi"}).status_code == 404
        assert alice.post("/rooms/", {"name": "open"}, JSON).json()["code"] == "ROOM_TAKEN"
        assert [room["room"] for room in alice.get("/rooms/").json()["rooms"]] == ["x-private"]
