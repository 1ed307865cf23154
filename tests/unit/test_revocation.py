"""Taking a right away: what is stored, published and repeated, and what a reader gets in the moments around it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions, eventlog
from chat.access import rooms as access_to_rooms
from chat.models import Closing, Event, Room, Session, User
from chat.relay import Relay
from chat.stream import sse
from tests.unit.conftest import OWN_PAGE, RecordingProxy, grip_headers, sign_in
from tests.unit.streams import ids, link, log, no_grip, parse, recover, sealed
from tests.unit.test_websocket import Socket, join, sync

pytestmark = pytest.mark.django_db
CLOSE = {
    "http-stream": {"action": "close"},
    "http-response": {"action": "hint"},
    "ws-message": {"action": "close", "code": 4403, "reason": "come back"},
}


def revoke(*rooms: Room) -> None:
    with transaction.atomic():
        actions.revoke(room.pk for room in rooms)


class TestRevoke:
    def test_one_publish_closes_the_old_control_channel_and_goes_on_under_the_next_version(
        self, people: dict[str, User], make_room: Any, published: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        room = make_room(visibility="private", members=(people["alice"],))
        with django_capture_on_commit_callbacks(execute=True):
            revoke(room)
        assert published == [[{"channel": f"c{room.pk}.1", "formats": CLOSE}]]
        assert Closing.objects.values_list("room_id", "rights").get() == (room.pk, 1)
        with django_capture_on_commit_callbacks(execute=True):
            actions.post_message(people["alice"], "den", "hi")
        assert {item["channel"] for item in published[1]} == {sealed(f"{family}{room.pk}.2") for family in "rmpq"}

    @pytest.mark.django_db(transaction=True)
    def test_a_change_that_is_rolled_back_closes_nothing(
        self, people: dict[str, User], make_room: Any, published: Any
    ) -> None:
        room = make_room(visibility="private", members=(people["bob"],))
        with transaction.atomic():
            actions.revoke([room.pk])
            transaction.set_rollback(True)
        assert (Room.objects.get().rights, Closing.objects.count(), published) == (1, 0, [])

    @pytest.mark.django_db(transaction=True)
    def test_it_needs_the_transaction_of_the_change(self, make_room: Any) -> None:
        with pytest.raises(transaction.TransactionManagementError):
            actions.revoke([make_room().pk])

    def test_it_takes_three_statements_and_none_for_no_rooms(
        self, make_room: Any, published: Any, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        rooms = [make_room(f"r{n}") for n in range(10)]
        for some, count in ((rooms[:1], 3), (rooms, 3), ([], 0)):
            with transaction.atomic(), django_assert_num_queries(count):
                actions.revoke([room.pk for room in some])
        assert set(Room.objects.values_list("rights", flat=True)) == {2, 3}

    def test_who_is_demoted_loses_staff_rooms_also_when_the_object_was_changed_before(
        self, people: dict[str, User], make_room: Any
    ) -> None:
        make_room(visibility="staff")
        people["sam"].is_staff = False  # as Django's forms do before anything is saved
        actions.set_staff(people["sam"], people["sam"], False)
        assert Room.objects.get().rights == 2

    def test_guests_who_are_pruned_lose_their_rooms(self, people: dict[str, User], make_room: Any) -> None:
        make_room(visibility="private", members=(people["bob"],))
        make_room("open", members=(people["bob"],))
        long_ago = timezone.now() - timedelta(days=90)
        User.objects.filter(username="bob").update(is_guest=True, date_joined=long_ago, left_at=long_ago)
        actions.people.prune_guests(timezone.now() - timedelta(days=30))
        assert dict(Room.objects.values_list("name", "rights"))["den"] == 2
        assert not User.objects.filter(username="bob").exists()

    def test_prune_forgets_old_closings(self, make_room: Any) -> None:
        room = make_room()
        for hours in (0, 0.5, 2):
            Closing.objects.create(room=room, rights=1, created=timezone.now() - timedelta(hours=hours))
        call_command("prune")
        assert Closing.objects.count() == 2


def demote(user: User, client: Client) -> None:
    actions.set_staff(user, user, False)


def close_account(user: User, client: Client) -> None:
    actions.close_account(user, user)


def sign_out(user: User, client: Client) -> None:
    Session.objects.all().delete()
    actions.sign_out(user)


def change_password(user: User, client: Client) -> None:
    actions.sign_out(user)
    User.objects.filter(pk=user.pk).update(password="another")


def withdraw_token(user: User, client: Client) -> None:
    actions.sign_out(user)
    user.tokens.all().delete()


class TestBetweenTwoLooks:
    """The person was looked at, the right goes, and the room is looked at: under the new version of its rights."""

    @pytest.fixture
    def meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
        """`meanwhile(do)` does it between the two looks."""

        def arm(do: Callable[[], None]) -> None:
            find_rooms = access_to_rooms.find_rooms

            def find_late(*args: Any) -> Any:
                do()
                return find_rooms(*args)

            monkeypatch.setattr(access_to_rooms, "find_rooms", find_late)

        return arm

    @pytest.mark.parametrize("take", [demote, close_account, sign_out, change_password, withdraw_token])
    @pytest.mark.parametrize("transport", ["sse", "long-poll", "websocket", "join"])
    def test_nobody_is_held_under_the_new_rights(
        self, people: dict[str, User], make_room: Any, meanwhile: Any, take: Any, transport: str
    ) -> None:
        sam = people["sam"]
        log(make_room("club", visibility="staff"), 1)
        log(make_room("cave", visibility="private", members=(sam,)), 1)
        name = "club" if take is demote else "cave"
        client = sign_in(sam, proxied=True)
        if take is withdraw_token:
            client = Client(headers=grip_headers(Authorization=f"Bearer {actions.make_token(sam)}"))
        if transport == "join":
            socket = Socket(client, "/events/", **OWN_PAGE)
            socket.read(socket.opened)
        meanwhile(lambda: take(sam, client))
        if transport == "join":
            [error] = socket.send(join(name))
            assert (error["type"], error["code"], socket.subscriptions()) == ("error", "USER_HAS_TO_LOGIN", [])
            return
        if transport == "websocket":
            answer = Socket(client, f"/rooms/{name}/events/", **OWN_PAGE).opened
        else:
            accept = {"Accept": "application/json"} if transport == "long-poll" else {}
            answer = client.get(f"/rooms/{name}/events/", headers={"Last-Event-ID": "earliest", **accept})
        assert (answer.status_code, answer.json()["code"]) == (401, "USER_HAS_TO_LOGIN")
        assert no_grip(answer)

    @pytest.mark.parametrize("transport", ["sse", "long-poll", "websocket", "recover", "batch"])
    def test_what_is_posted_after_the_check_is_not_read_under_it(
        self, people: dict[str, User], make_room: Any, monkeypatch: pytest.MonkeyPatch, transport: str
    ) -> None:
        room = log(make_room(visibility="private", members=(people["alice"], people["bob"])), 3)
        bob = sign_in(people["bob"], proxied=True)
        if transport == "websocket":
            socket = Socket(bob, "/rooms/den/events/", **OWN_PAGE)
            socket.read(socket.opened)
        read = eventlog.read_after

        def read_late(*args: Any) -> list[Event]:
            monkeypatch.setattr(eventlog, "read_after", read)
            room.memberships.filter(user=people["bob"]).delete()
            revoke(room)
            actions.post_message(people["alice"], "den", "secret")
            return read(*args)

        monkeypatch.setattr(eventlog, "read_after", read_late)
        if transport == "websocket":
            text = str(socket.send(sync("room-den:1")))
        elif transport == "recover":
            text = recover(room, 1).text
        elif transport == "batch":
            text = bob.get(f"/recover/{sse._signer().sign(sealed(f'r{room.pk}.1=1'))}/").text
        else:
            accept = {"Accept": "application/json"} if transport == "long-poll" else {}
            text = bob.get("/rooms/den/events/", headers={"Last-Event-ID": "room-den:1", **accept}).text
        assert "secret" not in text
        assert "room-den:4" not in text
        assert Room.objects.get().counter == 4

    def test_a_room_whose_rights_stayed_gives_its_events_beside_one_whose_rights_changed(self, make_room: Any) -> None:
        a, b = log(make_room("a"), 2), log(make_room("b"), 2)
        found = eventlog.read_after({a.pk: 0, b.pk: 0}, 10, {a.pk: 1, b.pk: 2})
        assert {event.room_id for event in found} == {a.pk}


class TestRefusedRooms:
    PATH = "/events/?channel=room-open&channel=room-Den&channel=room-cave&lastEventId=earliest"

    @pytest.fixture(autouse=True)
    def rooms(self, people: dict[str, User], make_room: Any) -> None:
        log(make_room("open"), 1)
        log(make_room("den", visibility="private"), 1)
        log(make_room("cave", visibility="staff"), 1)

    def test_a_stream_of_several_rooms_is_told_which_it_cant_have(self, people: dict[str, User]) -> None:
        bob = sign_in(people["bob"], proxied=True)
        [error] = parse(bob.get(self.PATH, headers={"Accept": "text/event-stream"}))
        refused = bob.get(self.PATH, headers={"Accept": "application/json"})
        for text in (error["data"], refused.text):
            problem = json.loads(text)
            assert set(problem["channels"]) == {"room-cave", "room-Den"}
            assert problem["code"] == "ROOM_INVALID"
        left = self.PATH.replace("&channel=room-Den&channel=room-cave", "")
        assert ids(bob.get(left)) == ["room-open:1"]

    def test_a_socket_loses_the_room_and_keeps_the_others(self, people: dict[str, User]) -> None:
        den = Room.objects.get(name="den")
        den.memberships.create(user=people["bob"])
        socket = Socket(sign_in(people["bob"], proxied=True), "/events/", **OWN_PAGE)
        socket.read(socket.opened)
        assert [frame["type"] for frame in socket.send(join("open"), join("den"))] == ["reply", "reply"]
        den.memberships.all().delete()
        revoke(den)
        [error] = socket.send(sync("room-open:0,room-den:0"))
        assert (error["code"], error["channels"]) == ("ROOM_INVALID", ["room-den"])
        assert [name[0] for name in socket.subscriptions()] == ["r", "c"]
        assert [frame["type"] for frame in socket.send(sync("room-open:0"))] == ["message", "reply"]
        assert socket.send(sync("room-den:0"))[0]["code"] == "ROOM_ACCESS_DENIED"

    def test_the_api_of_one_room_says_as_much_of_a_private_room_as_of_none(self, people: dict[str, User]) -> None:
        Room.objects.filter(name="den").update(name="x-den", name_key="x-den")
        bob = sign_in(people["bob"])
        assert bob.get("/rooms/x-den/messages/").content == bob.get("/rooms/x-none/messages/").content


class TestWaiting:
    """Readers may wait for a room that is not there yet. When it comes and is not for all, they learn no more."""

    def test_the_first_event_of_a_staff_room_ends_the_wait_and_says_nothing(
        self,
        people: dict[str, User],
        published: Any,
        proxy: RecordingProxy,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            room = actions.create_room(people["sam"], "den", visibility="staff")
            Room.objects.filter(pk=room.pk).update(name="den", name_key="den")
            actions.post_message(people["sam"], "den", "secret")
        waiting = [item for items in published for item in items if item["channel"].startswith("n.")]
        assert waiting == [{"channel": "n.den", "formats": CLOSE}]
        event = Event.objects.get()
        Relay(proxy, timezone.now()).step(event.created + timedelta(seconds=3))
        assert not [item for items in proxy.delivered for item in items if item["channel"].startswith("n.")]

    def test_who_waited_is_refused_when_the_link_is_followed(self, reader: Client, make_room: Any) -> None:
        waits = reader.get("/rooms/den/events/")
        assert link(waits)[0] == "/recover/"
        log(make_room(visibility="staff"), 1)
        assert no_grip(recover("a.den", 0))
