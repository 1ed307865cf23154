"""Mutes and bans: whom they stop, where, and how long."""

import importlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from chat.models import AuditEntry, Closing, Invite, Membership, Message, Restriction, Room, User
from tests.unit.conftest import JSON, code, grip_headers, sign_in

pytestmark = pytest.mark.django_db
URL = "/rooms/open/restrictions/"


@pytest.fixture
def open_room(make_room: Any, people: dict[str, User]) -> Room:
    """Alice owns it, Bob is a member."""
    room: Room = make_room("open", members=(people["bob"],))
    Membership.objects.create(room=room, user=people["alice"], role="owner")
    return room


@pytest.fixture
def alice(open_room: Room, people: dict[str, User]) -> Client:
    return sign_in(people["alice"])


@pytest.fixture
def bob(open_room: Room, people: dict[str, User]) -> Client:
    return sign_in(people["bob"])


def say(client: Client, **fields: Any) -> Any:
    return client.post("/rooms/open/messages/", {"text": "hi", **fields}, JSON)


def visitor(address: str) -> Client:
    """Somebody without an account, behind the proxy, who makes up an address before their own."""
    return Client(headers=grip_headers(**{"X-Forwarded-For": f"10.9.9.9, {address}"}))


class TestPeople:
    def test_a_mute_stops_posting_and_not_reading_until_it_is_lifted(self, alice: Client, bob: Client) -> None:
        made = alice.post(URL, {"kind": "mute", "username": "bob"}, JSON)
        assert made.status_code == 201
        assert made.json() == {"id": "mute:bob", "kind": "mute", "username": "bob", "address": None, "until": None}
        assert alice.get(URL).json() == {"restrictions": [made.json()]}
        assert code(say(bob)) == (403, "ROOM_ACCESS_DENIED")
        assert bob.get("/rooms/open/messages/").status_code == 200
        assert not Closing.objects.exists()
        assert alice.delete(f"{URL}mute:bob/").status_code == 204
        assert say(bob).status_code == 201
        assert code(alice.delete(f"{URL}mute:bob/")) == (404, "NOT_FOUND")
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["mute", "lift mute"]

    def test_a_ban_ends_reading_as_that_person_and_the_membership(
        self, alice: Client, bob: Client, curl: Client, people: dict[str, User], open_room: Room
    ) -> None:
        Invite.objects.create(
            room=open_room, digest="a" * 64, created_by=people["bob"], expires=timezone.now() + timedelta(days=1)
        )
        assert alice.post(URL, {"kind": "ban", "username": "bob"}, JSON).status_code == 201
        for url in ("/rooms/open/", "/rooms/open/messages/", "/rooms/open/members/"):
            assert code(bob.get(url)) == (403, "ROOM_ACCESS_DENIED")
        assert code(bob.post("/rooms/open/members/")) == (403, "ROOM_ACCESS_DENIED")
        assert code(say(bob)) == (403, "ROOM_ACCESS_DENIED")
        assert curl.get("/rooms/open/").status_code == 200
        assert (Closing.objects.count(), Room.objects.get().rights) == (1, 2)
        assert not Invite.objects.filter(withdrawn_at=None).exists()
        assert [member["username"] for member in alice.get("/rooms/open/members/").json()["members"]] == ["alice"]

    def test_it_ends_by_itself_and_a_second_one_gives_it_another_end(self, alice: Client, bob: Client) -> None:
        for minutes in (5, 10, None):
            body = {"kind": "mute", "username": "bob"} | ({"minutes": minutes} if minutes else {})
            until = alice.post(URL, body, JSON).json()["until"]
            assert (until is None) == (minutes is None)
        assert Restriction.objects.count() == 1
        Restriction.objects.update(until=timezone.now())
        assert say(bob).status_code == 201
        assert alice.get(URL).json() == {"restrictions": []}

    def test_it_is_of_this_room_only(self, alice: Client, bob: Client, make_room: Any) -> None:
        make_room("other")
        alice.post(URL, {"kind": "ban", "username": "bob"}, JSON)
        assert bob.post("/rooms/other/messages/", {"text": "hi"}, JSON).status_code == 201
        sam = sign_in(User.objects.get(username="sam"))
        assert sam.get("/rooms/other/restrictions/").json() == {"restrictions": []}
        assert code(sam.delete("/rooms/other/restrictions/ban:bob/")) == (404, "NOT_FOUND")

    def test_nobody_is_over_their_own_kind(self, alice: Client, bob: Client, people: dict[str, User]) -> None:
        Membership.objects.filter(user=people["bob"]).update(role="moderator")
        Membership.objects.create(room=Room.objects.get(), user=people["charlie"], role="moderator")
        for name in ("alice", "charlie", "sam", "bob"):
            for kind in ("mute", "ban"):
                assert code(bob.post(URL, {"kind": kind, "username": name}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        for name in ("alice", "sam"):
            assert code(alice.post(URL, {"kind": "ban", "username": name}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        assert alice.post(URL, {"kind": "ban", "username": "charlie"}, JSON).status_code == 201

    def test_staff_can_ban_no_last_owner(self, open_room: Room, people: dict[str, User]) -> None:
        sam = sign_in(people["sam"])
        assert code(sam.post(URL, {"kind": "ban", "username": "alice"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        assert sam.post(URL, {"kind": "mute", "username": "alice"}, JSON).status_code == 201

    def test_who_is_banned_from_a_private_room_is_told_of_none(
        self, people: dict[str, User], alice: Client, bob: Client
    ) -> None:
        Room.objects.update(visibility="private")
        assert alice.post(URL, {"kind": "ban", "username": "bob"}, JSON).status_code == 201
        assert bob.get("/rooms/open/").content == bob.get("/rooms/x-none/").content

    @pytest.mark.parametrize(
        ("body", "status", "refused"),
        [
            ({"kind": "mute"}, 400, "PARAMETER_INVALID"),
            ({"kind": "mute", "username": "bob", "message_id": 1}, 400, "PARAMETER_INVALID"),
            ({"kind": "kick", "username": "bob"}, 400, "PARAMETER_INVALID"),
            ({"username": "bob"}, 400, "BODY_INVALID"),
            ({"kind": "mute", "username": "bob", "minutes": 0}, 400, "PARAMETER_INVALID"),
            ({"kind": "mute", "username": "bob", "minutes": 525_601}, 400, "PARAMETER_INVALID"),
            ({"kind": "mute", "username": "bob", "minutes": 10**40}, 400, "PARAMETER_INVALID"),
            ({"kind": "mute", "username": "bob", "minutes": "soon"}, 400, "BODY_INVALID"),
            ({"kind": "mute", "username": "ghost"}, 404, "NOT_FOUND"),
            ({"kind": "mute", "username": "a\x07b"}, 404, "NOT_FOUND"),
            ({"kind": "mute", "username": "\x07"}, 404, "NOT_FOUND"),
            ({"kind": "mute", "message_id": 1}, 404, "MESSAGE_INVALID"),
            ({"kind": "mute", "message_id": -(10**40)}, 404, "MESSAGE_INVALID"),
            ({"kind": "mute", "message_id": 10**40}, 404, "MESSAGE_INVALID"),
        ],
    )
    def test_bad_fields_are_refused(self, alice: Client, body: Any, status: int, refused: str) -> None:
        assert code(alice.post(URL, json.dumps(body), JSON)) == (status, refused)
        assert not Restriction.objects.exists()

    @pytest.mark.parametrize("restriction", ["7", "ban", "ban:", "ban::", "mute:bob%07", "%F0%9F%8E%88"])
    def test_what_is_none_can_not_be_lifted(self, alice: Client, restriction: str) -> None:
        alice.post(URL, {"kind": "mute", "username": "bob"}, JSON)
        assert code(alice.delete(f"{URL}{restriction}/")) == (404, "NOT_FOUND")

    def test_a_moderator_does_not_lift_their_own(
        self, alice: Client, bob: Client, open_room: Room, people: dict[str, User]
    ) -> None:
        Membership.objects.filter(room=open_room, user=people["bob"]).update(role="moderator")
        alice.post(URL, {"kind": "mute", "username": "bob"}, JSON)
        assert code(bob.delete(f"{URL}mute:bob/")) == (403, "ROOM_ACCESS_DENIED")
        assert code(say(bob)) == (403, "ROOM_ACCESS_DENIED")
        assert alice.delete(f"{URL}mute:bob/").status_code == 204

    def test_there_is_a_most(self, alice: Client, open_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chat.actions.moderation.RESTRICTIONS_MAX", 1)
        alice.post(URL, {"kind": "mute", "username": "charlie"}, JSON)
        assert code(alice.post(URL, {"kind": "mute", "username": "bob"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        Restriction.objects.update(until=timezone.now())  # what is over counts no more: nobody could lift it
        assert alice.post(URL, {"kind": "mute", "username": "bob"}, JSON).status_code == 201


class TestAddresses:
    def test_who_has_no_account_is_stopped_by_the_address_whatever_name_they_take(
        self, alice: Client, bob: Client
    ) -> None:
        bad, good = visitor("203.0.113.7"), visitor("203.0.113.8")
        eid = say(bad, **{"from": "zoe"}).json()["id"]
        made = alice.post(URL, {"kind": "ban", "message_id": eid}, JSON).json()
        assert (made["id"], made["username"], made["address"]) == ("ban::203.0.113.7", None, "203.0.113.7")
        assert code(say(bad, **{"from": "other"})) == (403, "ROOM_ACCESS_DENIED")
        assert say(good, **{"from": "other"}).status_code == 201
        assert alice.delete(f"{URL}ban::203.0.113.7/").status_code == 204
        assert say(bad, **{"from": "other"}).status_code == 201

    def test_an_account_at_that_address_is_not_touched(self, alice: Client, people: dict[str, User]) -> None:
        eid = say(visitor("2001:db8::7"), **{"from": "zoe"}).json()["id"]
        made = alice.post(URL, {"kind": "mute", "message_id": eid}, JSON).json()
        assert (made["id"], made["address"]) == ("mute::2001:db8::", "2001:db8::/64")
        charlie = sign_in(people["charlie"], proxied=True)
        answer = charlie.post("/rooms/open/messages/", {"text": "hi"}, JSON, headers={"X-Forwarded-For": "2001:db8::7"})
        assert answer.status_code == 201
        assert alice.delete(f"{URL}mute::2001:db8::/").status_code == 204

    @pytest.mark.parametrize(
        ("banned", "other", "together"),
        [
            ("2001:db8::7", "2001:db8:0:0:ffff::1", True),
            ("2001:db8::7", "2001:db8:0:1::7", False),
            ("::ffff:203.0.113.7", "203.0.113.7", True),
            ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ],
    )
    def test_of_ipv6_it_is_the_network_that_one_customer_has(
        self, alice: Client, banned: str, other: str, together: bool
    ) -> None:
        eid = say(visitor(banned), **{"from": "zoe"}).json()["id"]
        alice.post(URL, {"kind": "ban", "message_id": eid}, JSON)
        assert (say(visitor(other), **{"from": "other"}).status_code == 403) == together

    def test_a_message_that_kept_a_single_address_leads_to_the_network(self, alice: Client) -> None:
        eid = say(visitor("2001:db8::7"), **{"from": "zoe"}).json()["id"]
        Message.objects.filter(eid=eid).update(address="2001:db8::7")  # as it was stored before
        assert alice.post(URL, {"kind": "ban", "message_id": eid}, JSON).json()["address"] == "2001:db8::/64"
        assert code(say(visitor("2001:db8::8"), **{"from": "other"})) == (403, "ROOM_ACCESS_DENIED")

    def test_bans_of_single_addresses_of_before_hold_for_their_networks(self, open_room: Room) -> None:
        module = importlib.import_module("chat.migrations.0013_networks")
        soon, later = timezone.now() + timedelta(hours=1), timezone.now() + timedelta(hours=2)
        for number, until in enumerate((soon, None, later)):
            Restriction.objects.create(room=open_room, kind="ban", address=f"2001:db8::{number + 1}", until=until)
        Restriction.objects.create(room=open_room, kind="mute", address="2001:db8::1", until=soon)
        Restriction.objects.create(room=open_room, kind="ban", address="203.0.113.7")
        module.widen(apps, None)
        found = {(one.kind, one.address, one.until) for one in Restriction.objects.all()}
        assert found == {
            ("ban", "2001:db8::/64", None),
            ("mute", "2001:db8::/64", soon),
            ("ban", "203.0.113.7", None),
        }

    def test_a_guest_is_stopped_by_name_and_by_address(self, alice: Client) -> None:
        gina = sign_in(User.objects.create_user("gina", is_guest=True), proxied=True)
        eid = say(gina).json()["id"]
        Message.objects.filter(eid=eid).update(address="203.0.113.9")
        assert alice.post(URL, {"kind": "ban", "message_id": eid}, JSON).json()["id"] == "ban:gina"
        listed = [one["id"] for one in alice.get(URL).json()["restrictions"]]
        assert listed == ["ban::203.0.113.9", "ban:gina"]
        assert code(say(visitor("203.0.113.9"), **{"from": "anew"})) == (403, "ROOM_ACCESS_DENIED")

    def test_an_account_is_taken_by_name_only(self, alice: Client, bob: Client) -> None:
        eid = say(bob).json()["id"]
        assert alice.post(URL, {"kind": "mute", "message_id": eid}, JSON).json()["id"] == "mute:bob"
        assert Restriction.objects.count() == 1

    def test_addresses_are_shown_to_moderators_only(self, alice: Client, bob: Client) -> None:
        say(visitor("203.0.113.7"), **{"from": "zoe"})
        for client in (alice, bob):
            assert b"203.0.113.7" not in client.get("/rooms/open/messages/").content
        assert code(bob.get(URL)) == (403, "ROOM_ACCESS_DENIED")
