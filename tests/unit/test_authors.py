"""Who wrote a message is told by an id, on every way that a message goes; names tell nothing of it."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from chat import actions, aliases, requester
from chat.models import Event, Message, Room, User
from chat.names import is_room_name
from tests.unit.conftest import HTML, OWN_PAGE, code, sign_in

pytestmark = pytest.mark.django_db
URL = "/rooms/den/messages/"


def person_of(who: str, people: dict[str, User]) -> tuple[Client, str | None]:
    """The browser of an account, a guest or a visitor, and the id that their messages name."""
    if who == "visitor":
        return Client(), None
    if who == "guest":
        client = Client(headers=OWN_PAGE)
        client.post("/accounts/guest/", {"display_name": "Gina"})
        return client, User.objects.get(display_name="Gina").public_id
    return sign_in(people["alice"]), people["alice"].public_id


@pytest.mark.parametrize("who", ["account", "guest", "visitor"])
class TestEveryWay:
    """The id is in the answer, in history, and in the event."""

    def test_a_post_names_its_author(self, people: dict[str, User], who: str) -> None:
        client, author = person_of(who, people)
        fields = {"from": "somebody", "text": "hi"}
        said = client.post(URL, fields, headers={"Idempotency-Key": "k"}).json()
        repeated = client.post(URL, fields, headers={"Idempotency-Key": "k"})
        assert (said["author"], repeated.json()["author"], repeated.status_code) == (author, author, 200)
        assert said == Client().get(URL).json()["messages"][0]
        assert json.loads(Event.objects.get().data) == said

    def test_an_edit_and_a_deletion_name_it_still(self, people: dict[str, User], who: str) -> None:
        client, author = person_of(who, people)
        said = client.post(URL, {"from": "somebody", "text": "hi"}).json()
        changed = client.patch(f"{URL}{said['id']}/", {"text": "ho"}, "application/json")
        if author is None:
            assert code(changed) == (401, "USER_HAS_TO_LOGIN")
            return
        assert changed.json()["author"] == author
        assert client.delete(f"{URL}{said['id']}/").status_code == 204
        assert Client().get(URL).json()["messages"][0]["author"] == author
        told = [json.loads(event.data) for event in Event.objects.exclude(type="message-deleted")]
        assert {one["author"] for one in told} == {author}

    def test_the_page_marks_ones_own_by_it(self, people: dict[str, User], who: str) -> None:
        client, author = person_of(who, people)
        client.post(URL, {"from": "somebody", "text": "mine"})
        Client().post(URL, {"from": "bob" if who == "visitor" else "somebody", "text": "not mine"})
        page = client.get("/den?user=somebody", headers=HTML).text
        assert page.count("data-own") == (0 if author is None else 1)  # what a visitor's tab posted, only the tab knows
        assert f'data-acting-as="{author or "visitor"}"' in page


def test_an_id_stays_when_the_names_change_and_names_nobody(people: dict[str, User]) -> None:
    client, alice = sign_in(people["alice"]), people["alice"]
    first = client.post(URL, {"text": "one"}).json()
    client.post("/accounts/profile/", {"display_name": "Alba"})
    second = client.post(URL, {"text": "two"}).json()
    assert (first["from"], second["from"], first["author"]) == ("alice", "Alba", second["author"])
    assert client.get("/accounts/me/").json()["id"] == first["author"]
    assert str(alice.pk) != first["author"] not in ("alice", "Alba")
    assert len(first["author"]) == 16


def test_the_next_holder_of_a_name_owns_nothing_of_the_last_one(people: dict[str, User]) -> None:
    alice = sign_in(people["alice"])
    said = alice.post(URL, {"text": "mine"}).json()
    actions.change_name(people["alice"], "Alba")
    User.objects.filter(pk=people["alice"].pk).update(username="alba", username_key="alba")
    actions.held_names.HeldName.objects.all().delete()  # a month later
    newcomer = User.objects.create_user("alice")
    other = sign_in(newcomer)
    page = other.get("/den", headers=HTML).text
    assert "data-own" not in page
    assert code(other.patch(f"{URL}{said['id']}/", {"text": "x"}, "application/json")) == (403, "ROOM_ACCESS_DENIED")
    assert alice.patch(f"{URL}{said['id']}/", {"text": "still mine"}, "application/json").status_code == 200


def test_bylines_are_joined_by_author_and_not_by_name(people: dict[str, User]) -> None:
    alice = sign_in(people["alice"])
    alice.post(URL, {"text": "one"})
    alice.post(URL, {"text": "two"})
    actions.change_name(people["alice"], "Alba")
    alice.post(URL, {"text": "three"})  # the same author, and a byline that says so
    actions.post_message(people["bob"], "den", "four")
    Message.objects.filter(text="four").update(name="Alba")  # somebody else who is called so
    page = alice.get("/den", headers=HTML).text
    assert page.count("data-continued") == 1


def test_lists_of_people_say_whose_messages_are_whose(people: dict[str, User], den: Room) -> None:
    alice = sign_in(people["alice"])
    members = alice.get("/rooms/x-den/members/").json()["members"]
    assert {one["username"]: one["id"] for one in members} == {
        name: people[name].public_id for name in ("alice", "bob")
    }


def test_every_person_has_an_id_of_their_own(people: dict[str, User]) -> None:
    made = [*people.values(), actions.make_guest("Gina"), actions.make_bot(people["alice"], "robo")]
    ids = {one.public_id for one in made}
    assert len(ids) == len(made)
    assert all(len(one) == 16 and one.isalnum() for one in ids)


def test_an_account_that_is_gone_leaves_messages_of_nobody(people: dict[str, User]) -> None:
    sign_in(people["alice"]).post(URL, {"text": "hi"})
    people["alice"].delete()
    said = Client().get(URL).json()["messages"][0]
    assert (said["author"], said["verified"], said["from"]) == (None, False, "alice")


@pytest.mark.parametrize("room", ["x-" + "0" * 24, "x-" + "f" * 24])
def test_an_id_among_strangers_is_of_the_pair(room: str) -> None:
    one, other = User(), User()
    ids = {aliases.id_in_pair(name, user.public_id) for name in (room, "x-1") for user in (one, other)}
    assert len(ids | {one.public_id, other.public_id}) == 6
    assert all(len(found) == 16 and is_room_name(found) for found in ids)
    assert aliases.id_in_pair(room, one.public_id) == aliases.id_in_pair(room, one.public_id)


class TestActingAs:
    """A page says for whom it was loaded: what was written there is nobody else's."""

    WAYS = ("header", "field")

    def say(self, client: Client, way: str, said: str, **fields: str) -> Any:
        body = {"from": "Vera", "text": "hi", **fields, **({"acting_as": said} if way == "field" else {})}
        return client.post(URL, body, headers={"Acting-As": said} if way == "header" else {})

    @pytest.mark.parametrize("way", WAYS)
    def test_the_person_themselves_may(self, people: dict[str, User], way: str) -> None:
        alice = people["alice"]
        assert self.say(sign_in(alice), way, alice.public_id).status_code == 201
        assert self.say(Client(headers=OWN_PAGE), way, "visitor").status_code == 201
        assert self.say(sign_in(alice), way, "").json()["from"] == "alice"  # who says nothing is compared with nothing

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("now", ["bob", "nobody", "guest"])
    @pytest.mark.parametrize("loaded", ["alice", "visitor"])
    def test_nobody_else_speaks_what_was_written_there(
        self, people: dict[str, User], way: str, now: str, loaded: str
    ) -> None:
        said = "visitor" if loaded == "visitor" else people["alice"].public_id
        if now == "nobody":
            client = Client(headers=OWN_PAGE)
        elif now == "guest":
            client, _ = person_of("guest", people)
        else:
            client = sign_in(people["bob"])
        answer = self.say(client, way, said)
        if (loaded, now) == ("visitor", "nobody"):
            assert answer.status_code == 201
            return
        expected = (401, "USER_HAS_TO_LOGIN") if now == "nobody" else (409, "PERSON_CHANGED")
        assert code(answer) == expected
        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PATCH", "/rooms/open/messages/1/"),
            ("DELETE", "/rooms/open/messages/1/"),
            ("POST", "/rooms/open/members/"),
            ("DELETE", "/rooms/open/members/bob/"),
            ("POST", "/rooms/open/restrictions/"),
            ("PATCH", "/rooms/open/"),
            ("DELETE", "/rooms/open/"),
            ("POST", "/accounts/direct/"),
            ("POST", "/strangers/"),
            ("POST", "/strangers/next/"),
            ("POST", "/strangers/report/"),
            ("DELETE", "/strangers/block/"),
        ],
    )
    def test_whatever_changes_something_is_refused_to_others(
        self, people: dict[str, User], make_room: Any, method: str, path: str
    ) -> None:
        room = make_room("open", members=(people["bob"],))
        actions.post_message(people["bob"], room.name, "mine")
        client = sign_in(people["bob"])
        body = json.dumps({"text": "x", "username": "alice", "kind": "mute", "message_id": 1, "title": "x"})
        headers = {"Acting-As": people["alice"].public_id}
        answer = client.generic(method, path, body, "application/json", headers=headers)
        assert code(answer) == (409, "PERSON_CHANGED")

    def test_a_page_without_script_keeps_the_text_and_whose_it_is(self, people: dict[str, User]) -> None:
        alice = people["alice"]
        body = {"text": "long and dear", "acting_as": alice.public_id, "from": "alice"}
        for client, status in ((Client(headers=OWN_PAGE), 401), (sign_in(people["bob"]), 409)):
            answer = client.post(URL, body, headers=HTML)
            assert (answer.status_code, "long and dear" in answer.text) == (status, True)
            assert f'name="acting_as" value="{alice.public_id}"' in answer.text
        assert not Message.objects.exists()

    def test_a_page_without_script_of_a_private_room_keeps_the_text_too(
        self, people: dict[str, User], den: Room
    ) -> None:
        body = {"text": "long and dear", "acting_as": people["alice"].public_id, "from": "alice"}
        answer = Client(headers=OWN_PAGE).post("/rooms/x-den/messages/", body, headers=HTML)
        assert (answer.status_code, "long and dear" in answer.text) == (404, True)
        assert "/accounts/sign-in/" in answer.text


def test_a_visitor_has_no_id() -> None:
    assert requester.id_of(AnonymousUser()) == "visitor"
