"""The pages of rooms: the list, a new room, the settings, and rooms side by side."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import access, actions
from chat.models import Invite, Membership, Message, Restriction, Room, User
from chat.pages.rooms import suggested_name
from tests.unit.conftest import HTML, OWN_PAGE, sign_in, without_token

pytestmark = pytest.mark.django_db
People = dict[str, User]


@pytest.fixture
def garden(people: People) -> Room:
    """An open room of Alice's; Bob is a member."""
    room = actions.create_room(people["alice"], "garden", title="The Garden")
    Membership.objects.create(room=room, user=people["bob"])
    return room


@pytest.fixture
def den(people: People) -> Room:
    """A private room of Alice's; Bob is a member."""
    room = actions.create_room(people["alice"], "", title="The Den", visibility="private")
    Membership.objects.create(room=room, user=people["bob"])
    return room


def browser(user: User) -> Client:
    """A browser on one of our pages."""
    client = sign_in(user)
    client.defaults["HTTP_ACCEPT"] = "text/html"
    return client


def settings_of(room: Room, part: str = "") -> str:
    return reverse(f"room-settings{'-' if part else ''}{part}", args=[room.name])


def titles(response: Any) -> list[str]:
    return [room.title for room in response.context["mine"] + response.context["others"]]


class TestList:
    def test_each_sees_the_rooms_that_they_may_know_of(self, people: People, garden: Room, den: Room) -> None:
        Room.objects.create(name="desk", name_key="desk", title="Staff desk", visibility="staff")
        gone = actions.create_room(people["alice"], "gone")
        actions.delete_room(people["alice"], access.known_room(people["alice"], gone.name))
        seen = {
            "alice": ["The Garden", "The Den"],
            "bob": ["The Garden", "The Den"],
            "charlie": ["The Garden"],
            "sam": ["Staff desk", "The Garden"],
        }
        for name, rooms in seen.items():
            assert titles(browser(people[name]).get("/rooms/")) == rooms
        nobody = Client().get("/rooms/", headers=HTML)
        assert titles(nobody) == ["The Garden"]
        assert "data-make-room" not in nobody.text

    def test_who_is_banned_from_a_room_does_not_see_it(self, people: People, garden: Room) -> None:
        room = access.known_room(people["alice"], "garden")
        actions.restrict(people["alice"], room, "ban", people["charlie"])
        assert titles(browser(people["charlie"]).get("/rooms/")) == []

    def test_any_number_of_rooms_costs_the_same_queries(
        self, people: People, make_room: Any, django_assert_num_queries: Any
    ) -> None:
        client = browser(people["bob"])
        for count in (1, 30):
            for number in range(count):
                make_room(f"room-{count}-{number}", members=(people["bob"],))
            with django_assert_num_queries(4):  # session with person, own rooms, others, numbers of members
                assert client.get("/rooms/").status_code == 200

    def test_many_rooms_come_in_pages_that_have_them_all(self, make_room: Any) -> None:
        Room.objects.bulk_create(Room(name=f"r{n:03}", name_key=f"r{n:03}", title=f"r{n:03}") for n in range(450))
        found, after = [], ""
        for _ in range(3):
            page = Client().get("/rooms/", {"after": after}, headers=HTML)
            found += titles(page)
            after = page.context["after"]
        assert (found, after) == ([f"r{n:03}" for n in range(450)], "")

    def test_programs_are_handed_over_to_the_api(self) -> None:
        for accept in ("application/json", "*/*"):
            response = Client().get("/rooms/", headers={"Accept": accept})
            assert not response["Content-Type"].startswith("text/html")


class TestMakeRoom:
    def make(self, client: Client, **form: str) -> Any:
        return client.post("/rooms/", {"title": "My room", "visibility": "open", **form})

    def test_the_name_is_made_of_the_title_and_the_maker_owns_it(self, people: People) -> None:
        response = self.make(browser(people["bob"]), title="Ärger & Öl  2", topic="t")
        assert (response.status_code, response["Location"]) == (303, "/arger-ol-2")
        room = Room.objects.get(name="arger-ol-2")
        assert (room.title, room.topic, room.memberships.get().role) == ("Ärger & Öl 2", "t", "owner")

    @pytest.mark.parametrize("title", ["", "東京", "---", "x" * 99])
    def test_a_suggested_name_is_one_or_nothing(self, title: str) -> None:
        assert suggested_name(title) in ("", "x" * 64)

    def test_a_private_room_gets_a_name_that_tells_nothing(self, people: People) -> None:
        response = self.make(browser(people["bob"]), name="secret", visibility="private")
        assert response.status_code == 303
        assert response["Location"].startswith("/x-")
        assert not Room.objects.filter(name="secret").exists()

    @pytest.mark.parametrize(
        ("form", "field", "status"),
        [
            ({"name": "garden"}, "name", 409),
            ({"name": "GARDEN"}, "name", 409),
            ({"name": "with space"}, "name", None),
            ({"name": "admin"}, "name", None),
            ({"title": "x" * 101, "name": "long"}, "title", 422),
            ({"visibility": "staff"}, "visibility", 403),
        ],
    )
    def test_a_refusal_is_said_beside_its_field_with_what_was_written(
        self, people: People, garden: Room, form: dict[str, str], field: str, status: int | None
    ) -> None:
        before = Room.objects.count()
        response = self.make(browser(people["bob"]), topic="keep me", **form)
        assert response.status_code == status or (status is None and response.status_code in (404, 422))
        assert response.context["error_field"] == field
        assert f'id="{field}-error"' in response.text
        assert 'value="keep me"' in response.text
        assert Room.objects.count() == before

    def test_nobody_is_asked_to_sign_in(self) -> None:
        response = Client(headers=OWN_PAGE | HTML).post("/rooms/", {"title": "x", "visibility": "open"})
        assert response.status_code == 401
        assert not Room.objects.exists()

    def test_a_form_of_another_site_makes_nothing(self, people: People) -> None:
        strict = Client(enforce_csrf_checks=True, headers=HTML | OWN_PAGE)
        strict.force_login(people["bob"])
        assert self.make(strict).status_code == 403
        foreign = sign_in(people["bob"])
        response = foreign.post("/rooms/", {"title": "x"}, headers=HTML | {"Origin": "https://evil.example"})
        assert response.status_code == 403
        assert not Room.objects.exists()


class TestMembership:
    def test_join_and_leave(self, people: People, garden: Room) -> None:
        client, url = browser(people["charlie"]), reverse("room-membership", args=["garden"])
        for field, count in (("join", 1), ("join", 1), ("leave", 0)):
            assert client.post(url, {field: "1"})["Location"] == "/rooms/"
            assert Membership.objects.filter(room=garden, user=people["charlie"]).count() == count

    def test_a_private_room_can_not_be_joined_without_an_invite(self, people: People, den: Room) -> None:
        client = browser(people["charlie"])
        answers = [
            client.post(reverse("room-membership", args=[name]), {"join": "1"}) for name in (den.name, "x-" + "0" * 24)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert without_token(answers[0]) == without_token(answers[1])


class TestSettings:
    def test_who_may_see_them(self, people: People, garden: Room, den: Room) -> None:
        expected = {"alice": 200, "bob": 403, "charlie": 403, "sam": 200}
        for name, status in expected.items():
            assert browser(people[name]).get(settings_of(garden)).status_code == status
        assert Client().get(settings_of(garden), headers=HTML).status_code in (401, 403)
        hidden = browser(people["charlie"]).get(settings_of(den))
        unknown = browser(people["charlie"]).get(reverse("room-settings", args=["x-" + "0" * 24]))
        assert (hidden.status_code, without_token(hidden)) == (404, without_token(unknown))

    def test_every_form_is_refused_to_who_may_not(self, people: People, garden: Room, den: Room) -> None:
        invite, _ = actions.invite(people["alice"], access.known_room(people["alice"], den.name))
        forms = {
            "room": {"title": "Mine now", "visibility": "open"},
            "members": {"username": "bob", "role": "owner"},
            "invites": {"days": "7"},
            "restrictions": {"lift": "1"},
            "delete": {"confirm": "The Den"},
        }
        for part, form in forms.items():
            assert browser(people["bob"]).post(settings_of(den, part), form).status_code == 403
            assert browser(people["charlie"]).post(settings_of(den, part), form).status_code == 404
            assert Client(headers=OWN_PAGE | HTML).post(settings_of(den, part), form).status_code == 404
            curl = Client(headers=HTML)
            curl.force_login(people["alice"])  # a session without a word of the browser counts for no write
            assert curl.post(settings_of(den, part), form).status_code == 404
        den.refresh_from_db()
        assert (den.title, Invite.objects.count()) == ("The Den", 1)
        assert Invite.objects.get() == invite

    def test_title_topic_and_archive(self, people: People, garden: Room) -> None:
        form = {"title": "  Our   Garden ", "topic": "Roses", "visibility": "open", "archived": "1"}
        client = browser(people["alice"])
        response = client.post(settings_of(garden, "room"), form)
        assert (response.status_code, response["Location"]) == (303, "/rooms/garden/settings/#room")
        garden.refresh_from_db()
        assert (garden.title, garden.topic, garden.archived_at is not None) == ("Our Garden", "Roses", True)
        assert "Saved." in client.get(settings_of(garden)).text
        del form["archived"]
        client.post(settings_of(garden, "room"), form)
        garden.refresh_from_db()
        assert garden.archived_at is None

    def test_a_room_made_private_goes_on_at_its_new_address(self, people: People, garden: Room) -> None:
        client = browser(people["alice"])
        form = {"title": "Ours", "topic": "", "visibility": "private"}
        response = client.post(settings_of(garden, "room"), form, follow=True)
        assert response.status_code == 200
        assert response.context["room"].name.startswith("x-")

    @pytest.mark.parametrize(
        ("form", "field"),
        [({"title": ""}, "title"), ({"topic": "x" * 301}, "topic"), ({"visibility": "staff"}, "visibility")],
    )
    def test_a_refused_change_is_said_beside_its_field(
        self, people: People, garden: Room, form: dict[str, str], field: str
    ) -> None:
        written = {"title": "T", "topic": "Roses", "visibility": "open", **form}
        response = browser(people["alice"]).post(settings_of(garden, "room"), written)
        assert response.status_code >= 400
        assert f'id="{field}-error"' in response.text
        garden.refresh_from_db()
        assert garden.title == "The Garden"

    def test_roles_and_removal(self, people: People, garden: Room) -> None:
        client, url = browser(people["alice"]), settings_of(garden, "members")
        assert client.post(url, {"username": "bob", "role": "moderator"}).status_code == 303
        assert Membership.objects.get(user=people["bob"]).role == "moderator"
        assert client.post(url, {"username": "bob", "role": "king"}).status_code == 400
        last = client.post(url, {"username": "alice", "role": "member"})
        assert last.status_code == 403
        assert "needs an owner" in last.text
        assert client.post(url, {"username": "bob", "remove": "1"}).status_code == 303
        assert client.post(url, {"username": "charlie\x07", "remove": "1"}).status_code == 404
        assert [one.user.username for one in Membership.objects.all()] == ["alice"]

    def test_the_link_of_an_invite_is_shown_once_and_works_until_it_is_withdrawn(
        self, people: People, den: Room
    ) -> None:
        client, url = browser(people["alice"]), settings_of(den, "invites")
        page = client.post(url, {"days": "3"}, follow=True)
        link = next(text for tag, text in page.context["notices"] if tag == "link")
        secret = link.rstrip("/").rpartition("/")[2]
        assert link.startswith("http://testserver/accounts/invites/")
        assert link in page.text
        assert secret not in client.get(settings_of(den)).text
        assert access.find_invite(people["charlie"], secret).room == den
        [(invite_id, _)] = page.context["invites"]
        assert client.post(url, {"withdraw": invite_id}).status_code == 303
        assert client.post(url, {"withdraw": invite_id}).status_code == 404
        assert client.get(settings_of(den)).context["invites"] == []

    @pytest.mark.parametrize("days", ["", "0", "91", "-1", "x", "9" * 50, "\u0663"])
    def test_bad_days_are_refused_in_words(self, people: People, garden: Room, days: str) -> None:
        response = browser(people["alice"]).post(settings_of(garden, "invites"), {"days": days})
        assert response.status_code == 400
        assert "1 to 90 days" in response.text

    def test_mutes_and_bans_are_lifted(self, people: People, garden: Room) -> None:
        room = access.known_room(people["alice"], "garden")
        for kind in ("mute", "ban"):
            actions.restrict(people["alice"], room, kind, people["charlie"])
        actions.restrict(people["alice"], room, "ban", "203.0.113.9")
        client = browser(people["alice"])
        shown = client.get(settings_of(garden)).context["restrictions"]
        assert len(shown) == 3
        for restriction_id, _ in shown:
            assert client.post(settings_of(garden, "restrictions"), {"lift": restriction_id}).status_code == 303
        assert not Restriction.objects.exists()
        assert client.post(settings_of(garden, "restrictions"), {"lift": "ban:nobody"}).status_code == 404

    @pytest.mark.parametrize("name", ["charlie", " charlie ", "Charlie the 1st", "charlie  THE ist"])
    def test_somebody_is_muted_or_banned_by_name(self, people: People, garden: Room, name: str) -> None:
        actions.change_name(people["charlie"], "Charlie the 1st")
        client, url = browser(people["alice"]), settings_of(garden, "restrictions")
        page = client.post(url, {"name": name, "kind": "mute", "minutes": "60"}, follow=True)
        mute = Restriction.objects.get()
        assert (mute.user, mute.kind) == (people["charlie"], "mute")
        assert mute.until
        assert timedelta(minutes=59) < mute.until - timezone.now() < timedelta(minutes=61)
        assert "Charlie the 1st: mute." in page.text
        client.post(url, {"name": name, "kind": "ban", "minutes": "0"})
        assert Restriction.objects.get(kind="ban").until is None
        assert titles(browser(people["charlie"]).get("/rooms/")) == []

    @pytest.mark.parametrize(
        ("form", "status"),
        [
            ({"name": "nobody at all"}, 404),
            ({"name": ""}, 404),
            ({"name": "charlie\x07"}, 404),
            ({"kind": "kick"}, 400),
            ({"minutes": "7"}, 400),
            ({"minutes": "x"}, 400),
            ({"name": "alice"}, 403),
            ({"name": "sam"}, 403),
        ],
    )
    def test_a_refused_mute_is_said_with_what_was_written(
        self, people: People, garden: Room, form: dict[str, str], status: int
    ) -> None:
        written = {"name": "charlie", "kind": "ban", "minutes": "60"} | form
        response = browser(people["alice"]).post(settings_of(garden, "restrictions"), written)
        assert response.status_code == status
        assert response.context["restricting"] == written
        assert response.text.count('role="alert"') == 1
        assert not Restriction.objects.exists()

    def test_a_moderator_by_name_has_no_power_over_the_owner(self, people: People, garden: Room) -> None:
        Membership.objects.filter(user=people["bob"]).update(role="moderator")
        form = {"name": "alice", "kind": "ban", "minutes": "0"}
        assert browser(people["bob"]).post(settings_of(garden, "restrictions"), form).status_code == 403
        assert not Restriction.objects.exists()

    def test_notices_are_switched_off_and_on_and_a_form_without_them_leaves_them(
        self, people: People, garden: Room
    ) -> None:
        client = browser(people["alice"])
        form = {"title": "The Garden", "topic": "", "visibility": "open"}
        for sent, expected in (
            ({"has_notices": "1"}, False),
            ({}, False),
            ({"has_notices": "1", "notices": "1"}, True),
            ({}, True),
        ):
            assert client.post(settings_of(garden, "room"), form | sent).status_code == 303
            garden.refresh_from_db()
            assert garden.notices is expected

    def test_deleting_asks_for_the_title_and_leads_to_the_list(self, people: People, garden: Room) -> None:
        client, url = browser(people["alice"]), settings_of(garden, "delete")
        for confirm in ("", "garden", "The garden"):
            refused = client.post(url, {"confirm": confirm})
            assert refused.status_code == 422
            assert "write its title, The Garden" in refused.text
        done = client.post(url, {"confirm": " The  Garden "}, follow=True)
        assert done.redirect_chain == [("/rooms/", 303)]
        assert "The Garden was deleted." in done.text
        assert titles(done) == []
        garden.refresh_from_db()
        assert garden.deleted_at is not None

    def test_a_moderator_deletes_no_room_and_nobody_the_first_one(
        self, people: People, garden: Room, make_room: Any
    ) -> None:
        Membership.objects.filter(user=people["bob"]).update(role="moderator")
        client = browser(people["bob"])
        assert "confirm" not in client.get(settings_of(garden)).text
        assert client.post(settings_of(garden, "delete"), {"confirm": "The Garden"}).status_code == 403
        first = make_room("default")
        staff = browser(people["sam"])
        assert 'name="confirm"' not in staff.get(settings_of(first)).text
        assert staff.post(settings_of(first, "delete"), {"confirm": "default"}).status_code == 403
        assert Room.objects.live().count() == 2

    def test_any_number_of_members_costs_the_same_queries(
        self, people: People, garden: Room, django_assert_num_queries: Any
    ) -> None:
        client = browser(people["alice"])
        more = User.objects.bulk_create(User(username=f"u{n}", name_key=f"u{n}") for n in range(30))
        Membership.objects.bulk_create(Membership(room=garden, user=user) for user in more)
        with django_assert_num_queries(5):  # session with person, room, members, invites, restrictions
            assert client.get(settings_of(garden)).status_code == 200


class TestSideBySide:
    def test_each_room_has_its_own_log_form_and_token(self, people: People, garden: Room, den: Room) -> None:
        actions.post_message(people["bob"], "garden", "in the garden")
        actions.post_message(people["bob"], den.name, "in the den")
        page = browser(people["alice"]).get("/-/", {"room": ["garden", den.name, "GARDEN"]})
        columns = page.context["columns"]
        assert [column["room"].title for column in columns] == ["The Garden", "The Den"]
        assert [[message["text"] for message in column["messages"]] for column in columns] == [
            ["in the garden"],
            ["in the den"],
        ]
        assert [column["last_event_id"] for column in columns] == ["room-garden:1", f"room-{den.name}:1"]
        assert page.text.count("data-composer") == 2
        assert page["Cache-Control"] == "no-store"

    def test_a_refused_room_is_said_and_the_others_are_there(self, people: People, garden: Room, den: Room) -> None:
        client = browser(people["charlie"])
        page = client.get("/-/", {"room": ["garden", den.name, "a b"]})
        assert page.status_code == 200
        assert [name for name, _ in page.context["refusals"]] == [den.name, "a b"]
        assert "The Den" not in page.text
        hidden, unknown = (client.get("/-/", {"room": name}) for name in (den.name, "x-" + "0" * 24))
        assert hidden.status_code == 404
        assert without_token(hidden).replace(den.name, "x") == without_token(unknown).replace("x-" + "0" * 24, "x")

    def test_who_has_no_name_is_asked_for_one(self, curl: Client, garden: Room) -> None:
        asked = curl.get("/-/", {"room": ["garden", "other"]})
        assert (asked.status_code, asked.templates[0].name) == (200, "board_join.html")
        assert 'value="other"' in asked.text
        assert curl.get("/-/", {"room": "garden", "user": "\u202eann"}).status_code == 422
        page = curl.get("/-/", {"room": ["garden", "other"], "user": "Ann"})
        assert page.templates[0].name == "board.html"
        assert page.context["change_url"] == "/-/?room=garden&room=other"
        assert not Room.objects.filter(name="other").exists()

    @pytest.mark.parametrize("name", ["bob", "BOB", "b\u043eb", "Gus the guest"])
    def test_a_visitor_with_somebodys_name_is_told_at_once(
        self, curl: Client, garden: Room, people: People, name: str
    ) -> None:
        actions.make_guest("Gus the guest")
        asked = curl.get("/-/", {"room": ["garden", "other"], "user": name})
        assert (asked.status_code, asked.templates[0].name) == (422, "board_join.html")
        assert "belongs to somebody here" in asked.text
        assert 'value="other"' in asked.text
        assert browser(people["bob"]).get("/-/", {"room": "garden", "user": name}).status_code == 200

    def test_too_many_rooms_and_bad_transports_are_refused(self, curl: Client) -> None:
        for query in ({"room": [f"r{n}" for n in range(11)]}, {"transport": "pigeon"}):
            assert curl.get("/-/", query | {"user": "ann"}, headers=HTML).status_code == 400

    def test_two_queries_a_room(self, people: People, make_room: Any, django_assert_num_queries: Any) -> None:
        client = browser(people["bob"])
        for count in (1, 5):
            names = [make_room(f"r{count}-{number}").name for number in range(count)]
            with django_assert_num_queries(3 + 2 * count):  # session with person, rooms to offer: own ones, others
                client.get("/-/", {"room": names})


class TestWhatTheHistoryShows:
    def page(self, client: Client) -> HttpResponse:
        return client.get("/garden", {"user": "Bo"})  # type: ignore[return-value]

    def test_edited_and_deleted(self, people: People, garden: Room) -> None:
        bob, room = people["bob"], access.known_room(people["bob"], "garden")
        first = actions.post_message(bob, "garden", "first words").message["id"]
        second = actions.post_message(bob, "garden", "second words").message["id"]
        actions.edit_message(bob, room, first, "better words")
        actions.delete_message(bob, room, second)
        text = self.page(Client()).text
        assert "first words" not in text
        assert "second words" not in text
        assert "better words" in text
        assert text.count('<p class="edited">') == 1
        assert text.count('<p class="deleted">') == 1

    def test_types_are_marked_and_break_the_row_of_an_author(self, people: People, garden: Room) -> None:
        for kind in (0, 1, 1, 2, 3):
            actions.post_message(people["alice"], "garden", "x", kind=kind)
        response = Client().get("/garden", {"user": "Bo"})
        assert [message["type"] for message in response.context["messages"]] == [0, 1, 1, 2, 3]
        assert response.text.count("data-continued") == 1

    def test_only_moderators_are_offered_types_and_settings(self, people: People, garden: Room) -> None:
        for name, is_offered in (("alice", True), ("bob", False), ("sam", True)):
            text = browser(people[name]).get("/garden", {"user": name}).text
            assert ('name="type"' in text, "/rooms/garden/settings/" in text) == (is_offered, is_offered)
        assert 'name="type"' not in self.page(Client()).content.decode()

    def test_an_archived_room_says_so_and_has_no_form(self, people: People, garden: Room) -> None:
        actions.change_room(people["alice"], access.known_room(people["alice"], "garden"), archived=True)
        text = self.page(Client()).content.decode()
        assert "<fieldset disabled>" in text
        assert "This room is archived" in text

    def test_hostile_titles_and_topics_are_text(self, people: People) -> None:
        hostile = "<script>alert(1)</script>\"'"
        room = actions.create_room(people["alice"], "odd", title=hostile, topic=hostile)
        actions.post_message(AnonymousUser(), "odd", hostile, name="<b>")
        client = browser(people["alice"])
        for url in ("/odd?user=x", "/rooms/", settings_of(room), "/-/?room=odd"):
            assert "<script>alert" not in client.get(url).text
        assert Message.objects.count() == 1


class TestInvite:
    @pytest.fixture
    def link(self, den: Room, people: People) -> str:
        room = access.known_room(people["alice"], den.name)
        return reverse("invite", args=[actions.invite(people["alice"], room)[1]])

    def test_looking_at_it_changes_nothing_and_accepting_leads_into_the_room(
        self, den: Room, people: People, link: str
    ) -> None:
        client = browser(people["charlie"])
        page = client.get(link)
        assert page.status_code == 200
        assert "The Den" in page.text
        assert not Membership.objects.filter(user=people["charlie"]).exists()
        accepted = client.post(link, headers=OWN_PAGE)
        assert (accepted.status_code, accepted["Location"]) == (303, f"/{den.name}")
        assert client.post(link, headers=OWN_PAGE).status_code == 303  # once more is no harm
        assert Membership.objects.filter(user=people["charlie"], room=den, role="member").count() == 1

    def test_a_program_gets_the_room(self, den: Room, people: People, link: str) -> None:
        token = actions.make_token(people["charlie"])
        answer = Client().post(link, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["room"], answer.json()["role"]) == (200, den.name, "member")

    def test_nobody_sees_the_ways_in_and_is_not_let_in(self, client: Client, link: str) -> None:
        page = client.get(link, headers=HTML)
        assert f"/accounts/sign-in/?next={link}" in page.text
        assert client.post(link, headers=HTML | OWN_PAGE).status_code == 401

    def test_a_form_of_another_site_is_refused(self, people: People, link: str) -> None:
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert browser(people["charlie"]).post(link, headers=foreign).status_code == 403
        assert not Membership.objects.filter(user=people["charlie"]).exists()

    def test_what_is_over_withdrawn_or_made_up_looks_the_same(self, den: Room, people: People, link: str) -> None:
        client = browser(people["charlie"])
        made_up = client.get(reverse("invite", args=["x" * 32]))
        assert (made_up.status_code, "INVITE_INVALID" in made_up.text) == (404, True)
        Invite.objects.update(withdrawn_at=timezone.now())
        withdrawn = client.get(link)
        Invite.objects.update(withdrawn_at=None, expires=timezone.now())
        over = client.get(link)
        Invite.objects.update(expires=timezone.now() + timedelta(days=1))
        Restriction.objects.create(room=den, user=people["charlie"], kind="ban")
        for page in (withdrawn, over, client.get(link), client.post(link, headers=OWN_PAGE)):
            assert page.status_code == 404
            assert without_token(page) == without_token(made_up)
