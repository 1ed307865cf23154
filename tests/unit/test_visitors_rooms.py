"""Rooms that visitors make by their first message: on no list until somebody with an account comes, bound in number,
and emptied when they are quiet. And names that no room has yet."""

import importlib
import json
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from chat import access, actions, eventlog
from chat.actions import operators
from chat.models import Event, Membership, Message, Room, Tally, User
from server.env import Rate
from tests.unit.conftest import HTML, JSON, MakeRoom, grip_headers, sign_in
from tests.unit.test_websocket import Socket, join

pytestmark = [pytest.mark.sampled(3), pytest.mark.django_db]
NOTE = "There is no room of this name yet"
People = dict[str, User]


@pytest.fixture
def people(people: People) -> People:
    """With a guest, and an administrator."""
    root = User.objects.create_superuser("root")
    return people | {"gina": actions.make_guest("Gina"), "root": root}


def lists(client: Client) -> dict[str, str]:
    """Every list of rooms that somebody sees, as text."""
    html = {
        "page": client.get("/rooms/", headers=HTML).text.partition('id="make"')[0],
        "datalist": client.get("/-/?user=zed").text.partition("<datalist")[2].partition("</datalist>")[0],
        "broadcast": client.get("/-/broadcast/", headers=HTML).text,
        "bots": client.get("/accounts/bots/", headers=HTML).text,
    }
    return html | {query: client.get(f"/rooms/{query}").text for query in ("", "?mine=none", "?after=a", "?limit=1")}


def listed_to(people: People, name: str) -> set[str]:
    """The people, of those who are no members, who find the room on a list."""
    clients = {who: sign_in(people[who]) for who in ("bob", "sam", "root")} | {"nobody": Client()}
    return {who for who, client in clients.items() if any(name in text for text in lists(client).values())}


def by_visitor(people: People) -> None:
    Client().post("/rooms/grove/messages/", {"from": "vera", "text": "hi"})


def by_visitors_page(people: People) -> None:
    Client(headers={"Accept": "text/html"}).post("/rooms/grove/messages/", {"from": "vera", "text": "hi"})


def by_guest(people: People) -> None:
    sign_in(people["gina"]).post("/rooms/grove/messages/", {"text": "hi"}, JSON)


def by_socket(people: People) -> None:
    socket = Socket(Client(headers=grip_headers()))
    socket.send(join("grove"))
    socket.send({"command": "send", "id": "s", "room": "grove", "text": "hi", "from": "vera"})


MAKERS = [by_visitor, by_visitors_page, by_guest, by_socket]


@pytest.mark.parametrize("make", MAKERS)
def test_a_room_that_visitors_made_is_on_no_list_and_works_as_any(
    make: Callable[[People], None], people: People
) -> None:
    make(people)
    assert listed_to(people, "grove") == set()
    for client in (Client(headers=grip_headers()), sign_in(people["bob"], proxied=True)):
        assert client.get("/rooms/grove/").json()["visibility"] == "open"
        assert len(client.get("/rooms/grove/messages/").json()["messages"]) == 1
        assert "Grip-Hold" in client.get("/rooms/grove/events/").headers
        assert client.get("/grove?user=zed").templates[0].name == "chat.html"
        assert NOTE not in client.get("/grove?user=zed").text
        assert client.get("/rooms/grove/members/").status_code == 200
    assert Client().post("/rooms/grove/messages/", {"from": "wim", "text": "ho"}).status_code == 201
    assert listed_to(people, "grove") == set()


def post(who: str) -> Callable[[People, Room], object]:
    return lambda people, room: actions.post_message(people[who], room.name, "here")


def known(person: User, room: Room) -> Room:
    return access.known_room(person, room.name)


def add_bot(people: People, room: Room) -> None:
    actions.add_bot(people["sam"], known(people["sam"], room), actions.make_bot(people["sam"], "robo"))


def make_incoming(people: People, room: Room) -> None:
    sam = sign_in(people["sam"])
    assert sam.post(f"/rooms/{room.name}/hooks/", {"kind": "incoming", "name": "CI"}, JSON).status_code == 201


def add_by_operator(who: str) -> Callable[[People, Room], object]:
    def add(people: People, room: Room) -> None:
        found = access.room_for_operator(people["root"], room.pk, "chat.add_membership")
        operators.add_member(people["root"], found, people[who], "member")

    return add


def accept_invite(who: str) -> Callable[[People, Room], object]:
    def accept(people: People, room: Room) -> None:
        _, secret = actions.invite(people["sam"], known(people["sam"], room))
        actions.accept_invite(people[who], secret)

    return accept


def become_account(people: People, room: Room) -> None:
    actions.join_room(people["gina"], known(people["gina"], room))
    actions.become_account(people["gina"], "regina", "a long enough password")


LISTING: dict[str, tuple[bool, Callable[[People, Room], object]]] = {
    "a post by an account": (True, post("bob")),
    "a post by staff": (True, post("sam")),
    "joining by the API": (True, lambda people, room: sign_in(people["bob"]).post(f"/rooms/{room.name}/members/")),
    "joining by the page": (
        True,
        lambda people, room: sign_in(people["bob"]).post(f"/rooms/{room.name}/membership/", {"join": "1"}),
    ),
    "an invitation": (True, accept_invite("bob")),
    "a bot that is added": (True, add_bot),
    "a webhook that posts there": (True, make_incoming),
    "a guest who joined and makes an account": (True, become_account),
    "an operator who adds an account": (True, add_by_operator("bob")),
    "a post by a visitor": (False, lambda people, room: by_visitor(people)),
    "a post by a guest": (False, post("gina")),
    "a guest who joins": (False, lambda people, room: actions.join_room(people["gina"], known(people["gina"], room))),
    "a guest who is invited": (False, accept_invite("gina")),
    "an operator who adds a guest": (False, add_by_operator("gina")),
    "a broadcast to all": (False, lambda people, room: actions.broadcast(people["sam"], "all")),
    "a post that is refused": (
        False,
        lambda people, room: sign_in(people["bob"]).post(f"/rooms/{room.name}/messages/", {"text": ""}),
    ),
    "a mute by staff": (
        False,
        lambda people, room: actions.restrict(people["sam"], known(people["sam"], room), "mute", people["gina"]),
    ),
    "reading by an account": (False, lambda people, room: sign_in(people["bob"]).get(f"/{room.name}")),
}


@pytest.mark.parametrize("what", LISTING)
def test_it_is_listed_when_somebody_with_an_account_joins_or_posts_and_stays_so(what: str, people: People) -> None:
    by_visitor(people)
    room = Room.objects.get(name="grove")
    is_listed, act = LISTING[what]
    act(people, room)
    for _ in range(2):
        everybody = {"nobody", "bob", "sam", "root"}
        assert listed_to(people, "grove") == (everybody if is_listed else set())
        Client().post("/rooms/grove/messages/", {"from": "vera", "text": "again"})


def test_who_belongs_to_it_finds_it_among_their_own(people: People) -> None:
    by_visitor(people)
    gina = sign_in(people["gina"])
    gina.post("/rooms/grove/members/")
    found = lists(gina)
    assert all("grove" in found[name] for name in ("page", "datalist", "", "?after=a"))
    assert "grove" not in found["?mine=none"]
    assert listed_to(people, "grove") == set()


def test_who_is_staff_and_whoever_makes_a_room_on_purpose_is_listed_at_once(people: People) -> None:
    for name, who in (("one", "bob"), ("two", "gina")):
        assert sign_in(people[who]).post("/rooms/", {"name": f"grove-{name}"}, JSON).status_code == 201
    form = {"title": "grove-three", "name": "grove-three"}
    assert sign_in(people["gina"]).post("/rooms/", form, headers=HTML).status_code == 303
    fields = {"title": "t", "new_name": "grove-four", "topic": "", "visibility": "open"}
    assert sign_in(people["root"]).post("/admin/chat/room/add/", fields).status_code == 302
    actions.post_message(people["bob"], "grove-five", "hi")
    names = ["grove-five", "grove-four", "grove-one", "grove-three", "grove-two"]
    assert [room["room"] for room in Client().get("/rooms/").json()["rooms"]] == names


def test_the_first_room_is_always_listed(people: People) -> None:
    Client().post("/rooms/Default/messages/", {"from": "vera", "text": "hi"})
    assert listed_to(people, "Default") == {"nobody", "bob", "sam", "root"}


def test_operators_find_it_in_the_admin(people: People) -> None:
    by_visitor(people)
    assert "grove" in sign_in(people["root"]).get("/admin/chat/room/").text


def test_the_migration_takes_them_off_lists_and_no_others(people: People, make_room: MakeRoom) -> None:
    kept = ["default", "joined", "made", "said", "team"]
    for name in (*kept, "guests", "visitors"):
        make_room(name, visibility="staff" if name == "team" else "open")
    Room.objects.filter(name="made").update(created_by=people["bob"])
    Room.objects.filter(name="guests").update(created_by=people["gina"])
    Membership.objects.create(room=Room.objects.get(name="joined"), user=people["bob"])
    Membership.objects.create(room=Room.objects.get(name="guests"), user=people["gina"])
    actions.post_message(people["bob"], "said", "hi")
    actions.post_message(people["gina"], "guests", "hi")
    importlib.import_module("chat.migrations.0016_rooms").take_off_lists(apps, None)
    assert sorted(Room.objects.filter(listed=True).values_list("name", flat=True)) == kept


class TestUnknownName:
    """A mistyped address is no room."""

    def test_a_visitor_is_told_so_and_can_go_on_with_a_name(self, curl: Client) -> None:
        page = curl.get("/groove")
        assert (page.status_code, page.templates[0].name) == (200, "join.html")
        assert NOTE in page.text
        assert 'name="user"' in page.text
        chat = curl.get("/groove?user=vera")
        assert (chat.status_code, chat.templates[0].name) == (200, "chat.html")
        assert f"{NOTE}: the first message makes it." in chat.text
        assert not Room.objects.exists()

    def test_who_is_signed_in_can_make_it(self, people: People) -> None:
        bob = sign_in(people["bob"])
        page = bob.get("/groove", headers=HTML)
        assert (page.status_code, page.templates[0].name) == (200, "no_room.html")
        assert NOTE in page.text
        assert '<input type="hidden" name="name" value="groove">' in page.text
        assert not Room.objects.exists()
        made = bob.post("/rooms/", {"name": "groove", "title": "The groove"}, headers=HTML)
        assert (made.status_code, made["Location"]) == (303, "/groove")
        assert bob.get("/groove").templates[0].name == "chat.html"
        assert NOTE not in bob.get("/groove").text

    def test_with_a_name_it_is_the_chat_page_for_who_is_signed_in_too(self, people: People) -> None:
        page = sign_in(people["bob"]).get("/groove?user=bob")
        assert page.templates[0].name == "chat.html"
        assert NOTE in page.text

    @pytest.mark.parametrize(
        ("who", "setting", "words"),
        [
            (None, "accounts", "Sign in to make a room."),
            (None, "staff", "Sign in to make a room."),
            ("gina", "accounts", "Only people with an account make rooms here."),
            ("bob", "staff", "Only staff make rooms here."),
        ],
    )
    def test_who_may_not_make_rooms_is_offered_none(
        self, who: str | None, setting: str, words: str, people: People, settings: Any
    ) -> None:
        settings.ROOM_CREATION = setting
        client = sign_in(people[who]) if who else Client()
        for url in ("/groove", "/groove?user=vera", "/-/?room=groove&user=vera"):
            page = client.get(url, headers=HTML)
            assert page.status_code == 200
            assert f"{NOTE}. {words}" in page.text
        page = client.get("/groove").text
        assert 'name="title"' not in page
        assert 'name="user"' not in page

    def test_side_by_side_it_is_said_in_its_column(self, curl: Client, make_room: MakeRoom) -> None:
        make_room("den")
        page = curl.get("/-/?room=groove&room=den&user=vera").text
        assert page.count(NOTE) == 1
        assert "Nothing is pinned here yet. Say hello." in page

    def test_its_history_and_streams_are_as_ever(self, curl: Client, reader: Client) -> None:
        assert curl.get("/rooms/groove/messages/").json() == {"messages": [], "last-event-id": "room-groove:0"}
        assert "Grip-Hold" in reader.get("/rooms/groove/events/").headers
        assert curl.get("/rooms/groove/").json()["code"] == "ROOM_INVALID"
        assert not Room.objects.exists()

    @pytest.mark.parametrize("name", ["x-groove", "gone", "a%20b", "api", "%E2%80%A6"])
    def test_a_name_that_nobody_can_give_offers_nothing(self, name: str, people: People, make_room: MakeRoom) -> None:
        make_room("gone", deleted_at=timezone.now())
        for client in (Client(), sign_in(people["bob"])):
            page = client.get(f"/{name}", headers=HTML)
            assert page.status_code == 404
            assert NOTE not in page.text

    def test_the_first_room_is_no_mistake(self, curl: Client, people: People) -> None:
        for client in (curl, sign_in(people["bob"])):
            for url in ("/", "/default", "/default?user=vera"):
                assert NOTE not in client.get(url).text

    def test_a_refused_form_keeps_what_was_written(self, curl: Client) -> None:
        page = curl.post("/rooms/groove/messages/", {"from": "", "text": "a long thought"}, headers=HTML)
        assert (page.status_code, page.templates[0].name) == (422, "chat.html")
        assert "a long thought" in page.text


@pytest.fixture
def two(settings: Any) -> None:
    """Two new rooms an hour from an address."""
    settings.ADDRESS_ROOM_LIMIT = Rate(2, 3600)


def at(address: str) -> Client:
    return Client(headers=grip_headers(**{"X-Forwarded-For": address}))


@pytest.mark.usefixtures("two")
class TestLimit:
    def say(self, client: Client, room: str, **fields: Any) -> Any:
        return client.post(f"/rooms/{room}/messages/", {"from": "vera", "text": "hi"} | fields)

    def test_new_rooms_are_bound_by_address_and_nothing_of_one_too_many_is_stored(self) -> None:
        one = at("192.0.2.1")
        assert [self.say(one, f"r{number}").status_code for number in range(2)] == [201, 201]
        refused = self.say(one, "r2")
        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
        assert refused.json()["detail"].startswith("Too many rooms were made from your address. Try again in ")
        assert 3590 <= int(refused["Retry-After"]) == refused.json()["retry_after"] <= 3600
        assert sorted(Room.objects.values_list("name", flat=True)) == ["r0", "r1"]
        assert (Message.objects.count(), Event.objects.count()) == (2, 2)
        assert self.say(at("192.0.2.2"), "r2").status_code == 201

    def test_posts_into_rooms_that_are_there_go_on(self) -> None:
        one = at("192.0.2.1")
        for number in range(2):
            self.say(one, f"r{number}")
        assert [self.say(one, f"r{number % 2}").status_code for number in range(8)] == [201] * 8
        self.say(at("192.0.2.2"), "r2")
        assert self.say(one, "r2").status_code == 201

    def test_it_is_one_count_for_all_ways_to_make_a_room(self, people: People) -> None:
        sam = sign_in(people["sam"])
        makers: list[Callable[[str], Any]] = [
            lambda name: self.say(Client(), name),
            lambda name: sam.post("/rooms/", {"name": name}, JSON),
            lambda name: sam.post("/rooms/", {"title": name, "name": name}, headers=HTML),
            lambda name: sam.post("/rooms/", {"title": name, "visibility": "private"}, JSON),
            lambda name: self.say(sam, name),
        ]
        for first, third in product(makers, makers):
            Room.objects.all().delete()
            Tally.objects.all().delete()
            assert first("a").status_code in (201, 303)
            assert makers[0]("b").status_code == 201
            refused = third("c")
            assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
            assert Room.objects.count() == 2

    def test_a_socket_is_told_so(self, people: People) -> None:
        socket = Socket(Client(headers=grip_headers()))
        send = {"command": "send", "text": "hi", "from": "vera"}
        for number in range(3):
            socket.send(join(f"r{number}"))
        frames = [socket.send({**send, "id": f"s{n}", "room": f"r{n}"})[-1] for n in range(3)]
        assert [frame["type"] for frame in frames] == ["reply", "reply", "error"]
        assert (frames[2]["code"], frames[2]["retry_after"]) == ("RATE_LIMITED", frames[2]["retry_after"])
        assert Room.objects.count() == 2

    def test_a_browser_keeps_what_was_written(self, people: People) -> None:
        bob = sign_in(people["bob"])
        for number in range(2):
            bob.post("/rooms/", {"name": f"r{number}"}, JSON)
        page = bob.post("/rooms/", {"title": "The third", "name": "r2"}, headers=HTML)
        assert (page.status_code, page["Retry-After"] > "") == (429, True)
        assert "Too many rooms were made" in page.text
        assert 'value="The third"' in page.text

    def test_what_is_refused_for_another_reason_does_not_count(self, people: People) -> None:
        one = at("192.0.2.1")
        for fields in ({"from": "alice"}, {"text": ""}, {"type": "1"}):
            assert [self.say(one, "r0", **fields).status_code < 400 for _ in range(3)] == [False] * 3
        sign_in(people["bob"]).post("/rooms/", {"name": "api", "title": "t"}, JSON)
        assert not Room.objects.exists()
        assert [self.say(one, f"r{number}").status_code for number in range(3)] == [201, 201, 429]

    def test_a_room_that_was_made_is_found_by_the_key_of_its_first_message(self) -> None:
        one = at("192.0.2.1")
        answers = [
            one.post("/rooms/r0/messages/", {"from": "vera", "text": "hi"}, headers={"Idempotency-Key": "k"})
            for _ in range(5)
        ]
        assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200]
        assert self.say(one, "r1").status_code == 201

    def test_operators_are_not_bound(self, people: People) -> None:
        root = sign_in(people["root"])
        for number in range(4):
            fields = {"title": "t", "new_name": f"r{number}", "topic": "", "visibility": "open"}
            assert root.post("/admin/chat/room/add/", fields).status_code == 302

    def test_zero_is_no_limit(self, settings: Any) -> None:
        settings.ADDRESS_ROOM_LIMIT = Rate(0, 1)
        assert [self.say(Client(), f"r{number}").status_code for number in range(40)] == [201] * 40
        assert not Tally.objects.filter(count__gt=40).exists()

    def test_a_post_into_a_room_that_is_there_takes_no_statement_more(
        self, people: People, django_assert_num_queries: Any, settings: Any
    ) -> None:
        actions.make_room("den")
        with django_assert_num_queries(6):  # limits, savepoint twice, claim, message, event
            self.say(Client(), "den")
        with django_assert_num_queries(7):  # and the count of new rooms
            self.say(Client(), "new")


class TestQuiet:
    """What manage.py prune does."""

    @pytest.fixture
    def grove(self, people: People) -> Room:
        for text in ("one", "two", "three"):
            Client().post("/rooms/grove/messages/", {"from": "vera", "text": text})
        self.age(31)
        return Room.objects.get(name="grove")

    def age(self, days: int) -> None:
        Room.objects.update(last_event_at=timezone.now() - timedelta(days=days))

    def test_a_quiet_room_loses_what_was_said_and_keeps_its_row(
        self, grove: Room, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("prune")
        assert "1 visitors' rooms emptied" in capsys.readouterr().out
        assert (Message.objects.count(), Event.objects.count()) == (0, 0)
        found = Room.objects.get()
        assert (found.pk, found.name, found.deleted_at, found.rights) == (grove.pk, "grove", None, grove.rights)
        assert found.pruned_through == found.counter > grove.counter
        call_command("prune")
        assert "0 visitors' rooms emptied" in capsys.readouterr().out
        assert Room.objects.get().counter == found.counter

    def test_a_post_brings_it_back_and_no_position_of_before_is_good(self, grove: Room, reader: Client) -> None:
        call_command("prune")
        said = Client().post("/rooms/grove/messages/", {"from": "wim", "text": "anybody?"}).json()
        assert said["id"] > grove.counter
        assert Client().get("/rooms/grove/messages/").json()["messages"] == [said]
        for position in range(grove.counter + 1):
            answer = reader.get("/rooms/grove/events/", {"lastEventId": f"room-grove:{position}"})
            assert "event: stream-reset" in answer.text, position
            assert "anybody?" not in answer.text
            poll = reader.get(
                "/rooms/grove/events/", {"lastEventId": f"room-grove:{position}"}, headers={"Accept": JSON}
            )
            assert poll.json()["reset"] is True
        from_there = reader.get("/rooms/grove/events/", {"lastEventId": f"room-grove:{said['id'] - 1}"}).text
        assert "anybody?" in from_there
        assert "stream-reset" not in from_there
        assert "anybody?" in reader.get("/rooms/grove/events/", {"lastEventId": "earliest"}).text

    def test_who_follows_it_is_told_to_ask_again(
        self, grove: Room, published: list[Any], django_capture_on_commit_callbacks: Any
    ) -> None:
        published.clear()
        with django_capture_on_commit_callbacks(execute=True):
            actions.empty_quiet_rooms(timezone.now() - timedelta(days=30))
        [[item]] = published
        assert item["formats"]["http-stream"] == item["formats"]["http-response"] == {"action": "hint"}
        assert "id" not in item
        frame = json.loads(item["formats"]["ws-message"]["content"])
        assert frame == {"type": "newest", "data": {"room": "grove", "id": f"room-grove:{grove.counter + 1}"}}

    @pytest.mark.parametrize(
        "change",
        [
            lambda room: Room.objects.update(last_event_at=timezone.now() - timedelta(days=29)),
            lambda room: Room.objects.update(listed=True),
            lambda room: Room.objects.update(archived_at=timezone.now()),
            lambda room: Room.objects.update(deleted_at=timezone.now()),
            lambda room: Room.objects.update(kind="direct"),
            lambda room: Membership.objects.create(room=room, user=User.objects.get(display_name="Gina")),
            lambda room: actions.post_message(AnonymousUser(), "grove", "still here", name="vera"),
            lambda room: actions.post_message(User.objects.get(username="bob"), "grove", "hello"),
        ],
    )
    def test_others_stay_as_they_are(self, grove: Room, change: Callable[[Room], object]) -> None:
        change(grove)
        before = list(Message.objects.values()), list(Event.objects.values()), list(Room.objects.values())
        assert actions.empty_quiet_rooms(timezone.now() - timedelta(days=30)) == 0
        assert (list(Message.objects.values()), list(Event.objects.values()), list(Room.objects.values())) == before

    def test_the_number_of_days_is_a_setting(self, grove: Room, settings: Any) -> None:
        settings.VISITOR_ROOM_DAYS = 32
        call_command("prune")
        assert Message.objects.count() == 3
        settings.VISITOR_ROOM_DAYS = 31
        call_command("prune")
        assert Message.objects.count() == 0

    def test_what_is_posted_while_it_goes_on_stays(self, grove: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = eventlog.prune_room

        def prune_room(room_id: int, through: int) -> int:
            actions.post_message(AnonymousUser(), "grove", "in between", name="vera")
            return whole(room_id, through)

        monkeypatch.setattr(eventlog, "prune_room", prune_room)
        assert actions.empty_quiet_rooms(timezone.now() - timedelta(days=30)) == 1
        assert list(Message.objects.values_list("text", flat=True)) == ["in between"]
        assert list(Event.objects.values_list("eid", flat=True)) == [Room.objects.get().counter]

    def test_what_was_broken_off_is_finished_by_the_next_one(
        self, grove: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(eventlog, "prune_room", lambda *args: 1 / 0)
        before = timezone.now() - timedelta(days=30)
        with pytest.raises(ZeroDivisionError):
            actions.empty_quiet_rooms(before)
        assert Message.objects.count() == 3
        monkeypatch.undo()
        assert actions.empty_quiet_rooms(before) == 1
        assert (Message.objects.count(), Event.objects.count()) == (0, 0)

    def test_many_messages_go_in_batches(self, grove: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chat.actions.quiet.BATCH", 2)
        assert actions.empty_quiet_rooms(timezone.now() - timedelta(days=30)) == 1
        assert not Message.objects.exists()
