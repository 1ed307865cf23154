"""Editing and deleting messages: who may, what replays show, and that nothing of a deleted text is left."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.models import AuditEntry, Event, Membership, Message, Restriction, Room, User
from tests.unit.conftest import JSON, code, sign_in
from tests.unit.streams import parse

pytestmark = pytest.mark.django_db
SECRET = 'the % "secret" plan \\ {"id":2,'


@pytest.fixture
def bob(den: Room, people: dict[str, User]) -> Client:
    return sign_in(people["bob"], proxied=True)


@pytest.fixture
def alice(den: Room, people: dict[str, User]) -> Client:
    return sign_in(people["alice"])


def say(client: Client, text: str = "hi", **fields: Any) -> str:
    """Post, and say where the message is."""
    answer = client.post("/rooms/x-den/messages/", {"text": text, **fields}, JSON)
    assert answer.status_code == 201, answer.content
    return f"/rooms/x-den/messages/{answer.json()['id']}/"


def replay(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """All events from the earliest on, without the opening."""
    events = parse(client.get("/rooms/x-den/events/?lastEventId=earliest"))
    return [(event["event"], json.loads(event["data"])) for event in events if event["event"] != "stream-open"]


def history(client: Client) -> list[dict[str, Any]]:
    return client.get("/rooms/x-den/messages/").json()["messages"][::-1]  # type: ignore[no-any-return]


class TestEdit:
    def test_the_new_text_is_in_the_answer_the_history_and_every_replay(self, bob: Client) -> None:
        say(bob, "first")
        url = say(bob, SECRET)
        say(bob, "last")
        for text in ("second", "third"):
            answer = bob.patch(url, {"text": text}, JSON).json()
            assert (answer["text"], answer["id"], "edited" in answer) == (text, 2, True)
        assert history(bob)[1] == answer
        events = replay(bob)
        assert [kind for kind, _ in events] == ["message"] * 3 + ["message-edited"] * 2
        assert [data for _, data in events if data["id"] == 2] == [answer] * 3
        assert SECRET not in all_texts()

    def test_the_same_text_makes_no_event_and_leaves_no_hole(self, bob: Client) -> None:
        url = say(bob, "same")
        answer = bob.patch(url, {"text": "same"}, JSON)
        assert (answer.status_code, answer.json()) == (200, history(bob)[0])
        assert "edited" not in answer.json()
        assert Event.objects.count() == 1
        assert say(bob, "next").endswith("/2/")

    @pytest.mark.parametrize("text", ["", " \n", "x" * 8001, "a\x07b", None, 7])
    def test_a_bad_text_is_refused(self, bob: Client, text: Any) -> None:
        url = say(bob)
        assert code(bob.patch(url, {"text": text}, JSON)) == (422, "TEXT_INVALID")
        assert history(bob)[0]["text"] == "hi"

    def test_nobody_edits_what_another_wrote_owners_and_staff_included(self, alice: Client, bob: Client) -> None:
        url = say(bob)
        assert code(alice.patch(url, {"text": "Bob says"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        assert history(bob)[0]["text"] == "hi"

    def test_who_may_not_post_may_not_edit(self, bob: Client, den: Room, people: dict[str, User]) -> None:
        url = say(bob)
        mute = Restriction.objects.create(room=den, user=people["bob"], kind="mute")
        assert code(bob.patch(url, {"text": "x"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        mute.delete()
        Room.objects.update(archived_at=timezone.now())
        assert code(bob.patch(url, {"text": "x"}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        assert bob.delete(url).status_code == 204

    def test_who_left_edits_and_deletes_nothing_more(self, bob: Client) -> None:
        url = say(bob)
        assert bob.delete("/rooms/x-den/members/bob/").status_code == 204
        assert code(bob.patch(url, {"text": "x"}, JSON)) == (404, "ROOM_INVALID")
        assert code(bob.delete(url)) == (404, "ROOM_INVALID")

    def test_the_time_is_a_setting(self, alice: Client, bob: Client, settings: Any) -> None:
        url = say(bob)
        settings.EDIT_MINUTES = 10
        Message.objects.update(created=timezone.now() - timedelta(minutes=9))
        assert bob.patch(url, {"text": "x"}, JSON).status_code == 200
        Message.objects.update(created=timezone.now() - timedelta(minutes=11))
        assert code(bob.patch(url, {"text": "y"}, JSON)) == (403, "TOO_LATE")
        assert code(bob.delete(url)) == (403, "TOO_LATE")
        settings.EDIT_MINUTES = 0
        mine = say(bob)
        assert code(bob.delete(mine)) == (403, "TOO_LATE")
        assert alice.delete(mine).status_code == 204

    @pytest.mark.parametrize("number", ["0", "-1", "99", "9" * 19, "9" * 40, "-" + "9" * 40])
    def test_what_is_no_message_answers_so(self, bob: Client, number: str) -> None:
        say(bob)
        url = f"/rooms/x-den/messages/{number}/"
        assert code(bob.patch(url, {"text": "x"}, JSON)) == (404, "MESSAGE_INVALID")
        assert code(bob.delete(url)) == (404, "MESSAGE_INVALID")
        assert Room.objects.get().counter == 1


def all_texts() -> str:
    """Everything that the tables hold, as one text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [str(row) for row in cursor.fetchall()]
    return "\n".join(found)


class TestDelete:
    def test_no_byte_of_the_text_is_left_anywhere(self, alice: Client, bob: Client) -> None:
        texts = ["marmalade", "kaleidoscope", "xylophone"]
        url = say(bob, texts[0])
        for text in texts[1:]:
            bob.patch(url, {"text": text}, JSON)
        assert texts[2] in all_texts()
        assert alice.delete(url).status_code == 204
        assert AuditEntry.objects.get().action == "delete message"
        left = all_texts()
        assert [text for text in texts if text in left] == []

    def test_replays_show_the_frame_then_the_deletion(self, bob: Client) -> None:
        url = say(bob, SECRET)
        bob.patch(url, {"text": "other"}, JSON)
        say(bob, "last")
        assert bob.delete(url).status_code == 204
        frame = history(bob)[0]
        assert (frame["text"], frame["deleted"], frame["from"]) == ("", True, "bob")
        assert replay(bob) == [
            ("message", frame),
            ("message-edited", frame),
            ("message", history(bob)[1]),
            ("message-deleted", {"id": 1, "room": "x-den"}),
        ]

    def test_only_this_message_loses_its_text(self, bob: Client) -> None:
        urls = [say(bob, f'{{"id":1, text {number} {{"id":2,') for number in range(12)]
        for url in urls:
            bob.patch(url, {"text": f"edited {url} " + '{"id":1,'}, JSON)
        bob.delete(urls[0])
        bob.delete(urls[1])
        for _, data in replay(bob):
            if "text" in data:
                assert (data["text"] == "") == (data["id"] in (1, 2)), data

    def test_a_second_time_it_is_not_there(self, alice: Client, bob: Client) -> None:
        url = say(bob)
        assert bob.delete(url).status_code == 204
        for client in (bob, alice):
            assert code(client.delete(url)) == (404, "MESSAGE_INVALID")
            assert code(client.patch(url, {"text": "back"}, JSON)) == (404, "MESSAGE_INVALID")
        assert Event.objects.count() == 2

    def test_what_nobody_wrote_is_nobodys_and_moderators_delete_it(
        self, make_room: Any, people: dict[str, User], curl: Client
    ) -> None:
        room = make_room("open", members=(people["bob"],))
        curl.post("/rooms/open/messages/", {"from": "zoe", "text": "spam"})
        url = "/rooms/open/messages/1/"
        bob = sign_in(people["bob"])
        assert code(curl.delete(url)) == (401, "USER_HAS_TO_LOGIN")
        assert code(bob.delete(url)) == (403, "ROOM_ACCESS_DENIED")
        Membership.objects.filter(room=room).update(role="moderator")
        assert bob.delete(url).status_code == 204
        assert AuditEntry.objects.get().detail == "message 1"

    def test_one_who_deletes_their_own_is_not_audited(self, bob: Client) -> None:
        bob.delete(say(bob))
        assert not AuditEntry.objects.exists()


class TestRepeatedPosts:
    def test_a_post_repeated_after_its_message_changed_answers_the_message_as_it_is(self, bob: Client) -> None:
        url = say(bob, "one", client_id="k")
        for change in (lambda: bob.patch(url, {"text": "two"}, JSON), lambda: bob.delete(url)):
            change()
            again = bob.post("/rooms/x-den/messages/", {"text": "one", "client_id": "k"}, JSON)
            assert (again.status_code, again.json()) == (200, history(bob)[0])

    def test_the_same_key_with_another_type_is_another_message(self, alice: Client) -> None:
        say(alice, "one", client_id="k")
        again = alice.post("/rooms/x-den/messages/", {"text": "one", "client_id": "k", "type": 1}, JSON)
        assert code(again) == (422, "IDEMPOTENCY_KEY_REUSED")


class TestTypes:
    @pytest.mark.parametrize("kind", [1, 2, 3])
    def test_moderators_post_warnings_and_alerts(self, alice: Client, bob: Client, curl: Client, kind: int) -> None:
        say(alice, type=kind)
        assert history(alice)[0]["type"] == kind
        refused = bob.post("/rooms/x-den/messages/", {"text": "hi", "type": kind}, JSON)
        assert code(refused) == (403, "ROOM_ACCESS_DENIED")
        refused = curl.post("/rooms/open/messages/", {"from": "zoe", "text": "hi", "type": kind})
        assert code(refused) == (401, "USER_HAS_TO_LOGIN")
        assert not Room.objects.filter(name="open").exists()

    @pytest.mark.parametrize("kind", [4, 5, 6, -1, 10**30])
    def test_other_types_are_nobodys(self, alice: Client, kind: int) -> None:
        refused = alice.post("/rooms/x-den/messages/", {"text": "hi", "type": kind}, JSON)
        assert code(refused) == (400, "PARAMETER_INVALID")


def test_each_request_takes_what_it_took(
    alice: Client, bob: Client, people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = Client(headers={"Authorization": f"Bearer {actions.make_token(people['bob'])}"})
    client.get("/rooms/")  # once an hour it is noted that the token is used, after the answer
    with django_assert_num_queries(7):  # token; begin, limits, claim, message, event, end
        url = say(client)
    with django_assert_num_queries(9):  # token, room; begin, claim, message, save, rewrite, event, end
        client.patch(url, {"text": "other"}, JSON)
    with django_assert_num_queries(9):
        client.delete(url)
