"""Posting: what is stored, answered and published, once and in order."""

import json
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, OperationalError, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat import actions, eventlog, publish
from chat.models import Event, Membership, Message, Room, User
from chat.names import person_keys
from tests.unit.conftest import OWN_PAGE, sign_in

# Publishing waits for a commit, so these tests commit for real.
pytestmark = pytest.mark.django_db(transaction=True)
URL = "/rooms/den/messages/"


def post(client: Client, url: str = URL, **fields: Any) -> tuple[int, dict[str, Any]]:
    headers = fields.pop("headers", None)
    response = client.post(url, {"from": "ann", "text": "hi"} | fields, "application/json", headers=headers)
    return response.status_code, response.json()


@pytest.mark.parametrize(
    "body",
    [
        {"data": '{"from": "ann", "text": "hi"}', "content_type": "application/json"},
        {"data": '{"from": "ann", "text": "hi"}', "content_type": "application/json; charset=utf-8"},
        {"data": "from=ann&text=hi", "content_type": "application/x-www-form-urlencoded"},
        {"data": {"from": "ann", "text": "hi"}},  # multipart
    ],
    ids=["json", "json with charset", "form", "multipart"],
)
def test_the_first_post_makes_the_room_in_every_body_format(curl: Client, body: dict[str, Any]) -> None:
    response = curl.post(URL, **body)
    message = response.json()
    assert response.status_code == 201
    assert message == {
        "id": 1,
        "room": "den",
        "from": "ann",
        "author": None,
        "date": actions.iso(Message.objects.get().created),
        "text": "hi",
        "type": 0,
        "verified": False,
    }
    assert message["date"].endswith("Z")
    room = Room.objects.get(name="den")
    assert (room.counter, room.visibility, room.title) == (1, "open", "den")


def test_the_event_holds_exactly_the_answer(curl: Client) -> None:
    _, message = post(curl, text='100% "sure"\nnext <b>line</b> \u2028 é')
    event = Event.objects.get()
    assert (event.eid, event.type, json.loads(event.data)) == (1, "message", message)


def test_ids_count_per_room_and_names_have_no_case(curl: Client) -> None:
    answers = [post(curl, f"/rooms/{name}/messages/")[1] for name in ("Den", "other", "DEN", "den", "other")]
    assert [(answer["room"], answer["id"]) for answer in answers] == [
        ("Den", 1),
        ("other", 1),
        ("Den", 2),
        ("Den", 3),
        ("other", 2),
    ]


def test_each_post_is_published_once_after_its_commit(
    curl: Client, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_in_transaction = []
    append = eventlog.append

    def spy(*args: Any) -> Event:
        event = append(*args)
        seen_in_transaction.append(len(published))
        return event

    monkeypatch.setattr(eventlog, "append", spy)
    post(curl)
    post(curl)
    assert seen_in_transaction == [0, 1]
    assert [send[0]["id"] for send in published] == ["1", "2"]


def test_an_outer_transaction_that_rolls_back_publishes_nothing_and_gives_the_id_back(published: list[Any]) -> None:
    def fail() -> None:
        with transaction.atomic():
            actions.post_message(AnonymousUser(), "den", "never", name="ann")
            raise ZeroDivisionError

    actions.post_message(AnonymousUser(), "den", "one", name="ann")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail()
    actions.post_message(AnonymousUser(), "den", "two", name="ann")
    assert [send[0]["id"] for send in published] == ["1", "2"]
    assert list(Event.objects.values_list("eid", flat=True)) == [1, 2]


def test_a_failure_halfway_leaves_nothing(curl: Client, published: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "append", mock.Mock(side_effect=OperationalError("disk full")))
    status, problem = post(curl)
    assert (status, problem["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert (Room.objects.count(), Message.objects.count(), Event.objects.count(), published) == (0, 0, 0, [])


def test_a_publish_that_fails_does_not_fail_the_post(curl: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "send", mock.Mock(side_effect=RuntimeError("a bug")))
    assert post(curl)[0] == 201


def test_a_broken_constraint_of_another_kind_is_not_taken_for_a_repeat(
    curl: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Message.objects, "create", mock.Mock(side_effect=IntegrityError))
    assert post(curl)[0] == 503
    assert post(curl, client_id="k")[0] == 503


class TestIdempotency:
    @pytest.mark.parametrize("by", ["header", "body"])
    def test_the_same_post_again_answers_the_first_message(self, curl: Client, published: list[Any], by: str) -> None:
        again = {"headers": {"Idempotency-Key": "k"}} if by == "header" else {"client_id": "k"}
        first, second = post(curl, **again), post(curl, **again)
        assert (first[0], second[0]) == (201, 200)
        assert first[1] == second[1]
        assert (len(published), Room.objects.get().counter, Message.objects.count()) == (1, 1, 1)

    def test_another_text_under_the_key_is_refused_and_the_counter_stays(self, curl: Client) -> None:
        post(curl, client_id="k")
        assert post(curl, client_id="k", text="other")[1]["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert post(curl, text="next")[1]["id"] == 2

    def test_the_header_wins_over_the_body(self, curl: Client) -> None:
        post(curl, client_id="a", headers={"Idempotency-Key": "k"})
        assert post(curl, client_id="a")[0] == 201
        assert post(curl, client_id="b", headers={"Idempotency-Key": "k"})[0] == 200

    def test_keys_are_scoped_by_room_and_poster(self, curl: Client, people: dict[str, User]) -> None:
        alice, bob = sign_in(people["alice"]), sign_in(people["bob"])
        posts = [(curl, {}), (curl, {"from": "ben"}), (alice, {}), (bob, {}), (curl, {"url": "/rooms/b/messages/"})]
        assert [post(client, client_id="k", **fields)[0] for client, fields in posts] == [201] * 5
        assert [post(client, client_id="k", **fields)[0] for client, fields in posts] == [200] * 5

    def test_a_post_without_a_key_is_never_a_repeat(self, curl: Client) -> None:
        assert [post(curl, headers={"Idempotency-Key": ""})[0] for _ in range(2)] == [201, 201]

    @pytest.mark.parametrize("key", ["k" * 129, "kéy", "a\tb", "\x7f"])
    def test_a_key_that_is_too_long_or_not_printable_is_refused(self, curl: Client, key: str) -> None:
        assert post(curl, client_id=key)[1]["code"] == "IDEMPOTENCY_KEY_INVALID"


class TestRooms:
    @pytest.mark.parametrize(
        ("fields", "who", "status", "code"),
        [
            ({"deleted_at": "2026-01-01T00:00Z"}, "alice", 404, "ROOM_INVALID"),
            ({"archived_at": "2026-01-01T00:00Z"}, "alice", 403, "ROOM_ACCESS_DENIED"),
            ({"visibility": "private"}, "charlie", 404, "ROOM_INVALID"),
            ({"visibility": "private"}, "", 404, "ROOM_INVALID"),
            ({"visibility": "private"}, "alice", 201, None),
            ({"visibility": "staff"}, "", 401, "USER_HAS_TO_LOGIN"),
            ({"visibility": "staff"}, "alice", 403, "ROOM_ACCESS_DENIED"),
            ({"visibility": "staff"}, "sam", 201, None),
            ({"visibility": "private", "name": "x-1"}, "alice", 201, None),
        ],
    )
    def test_who_may_not_post_leaves_no_trace(
        self,
        curl: Client,
        people: dict[str, User],
        make_room: Any,
        fields: dict[str, str],
        who: str,
        status: int,
        code: str | None,
    ) -> None:
        room = make_room(members=(people["alice"],), counter=7, **fields)
        client = sign_in(people[who]) if who else curl
        answer = post(client, f"/rooms/{room.name}/messages/")
        assert (answer[0], answer[1].get("code")) == (status, code)
        room.refresh_from_db()
        assert (room.counter, Event.objects.count()) == ((8, 1) if status == 201 else (7, 0))

    def test_nobody_makes_a_room_under_the_hidden_prefix(self, curl: Client, people: dict[str, User]) -> None:
        for client in (curl, sign_in(people["sam"])):
            for name in ("x-secret", "X-secret"):
                assert post(client, f"/rooms/{name}/messages/")[1]["code"] == "ROOM_INVALID"

    @pytest.mark.parametrize(
        ("rule", "who", "status"),
        [
            ("anyone", "", 201),
            ("accounts", "", 401),
            ("accounts", "bob", 201),
            ("staff", "", 401),
            ("staff", "bob", 403),
            ("staff", "sam", 201),
        ],
    )
    def test_room_creation_says_who_makes_rooms(
        self, curl: Client, people: dict[str, User], settings: Any, rule: str, who: str, status: int
    ) -> None:
        settings.ROOM_CREATION = rule
        assert post(sign_in(people[who]) if who else curl)[0] == status
        owner = people.get(who)
        assert list(Room.objects.values_list("created_by", flat=True)) == ([owner and owner.pk] * (status == 201))


class TestNames:
    def test_an_account_posts_under_its_own_name_whatever_from_says(self, people: dict[str, User]) -> None:
        _, message = post(sign_in(people["alice"]), **{"from": "bob"})
        assert (message["from"], message["verified"]) == ("alice", True)

    @pytest.mark.parametrize(
        "name", ["alice", "ALICE", " alice ", "a l i c e", "ａｌｉｃｅ", "ali\u200dce", "alic\u0308e"]
    )
    def test_a_look_alike_of_an_account_is_taken(self, curl: Client, people: dict[str, User], name: str) -> None:
        status, problem = post(curl, **{"from": name})
        assert (status, problem["code"]) == (409, "NAME_TAKEN")
        assert not Room.objects.exists()

    def test_a_user_name_longer_than_a_name_is_cut(self, db: None) -> None:
        user = User.objects.create_user("u" * 150)
        assert post(sign_in(user))[1]["from"] == "u" * 64


class TestOrigin:
    @pytest.mark.parametrize(
        ("headers", "outcome"),
        [
            ({}, "ann"),  # curl: the session is ignored
            ({"Origin": "http://testserver"}, "alice"),
            ({"Sec-Fetch-Site": "same-origin"}, "alice"),
            ({"Sec-Fetch-Site": "none"}, "alice"),
            ({"Origin": "https://evil.example"}, "ORIGIN_DENIED"),
            ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, "ORIGIN_DENIED"),
            ({"Origin": "http://testserver.evil.example"}, "ORIGIN_DENIED"),
            ({"Origin": "http://testserver@evil.example"}, "ORIGIN_DENIED"),
            ({"Origin": "http://testserver:1234"}, "ORIGIN_DENIED"),
            ({"Origin": "file://testserver"}, "ORIGIN_DENIED"),
            ({"Origin": "null"}, "ORIGIN_DENIED"),
            ({"Origin": ""}, "ORIGIN_DENIED"),
            ({"Origin": "http://[::1"}, "ORIGIN_DENIED"),
            ({"Sec-Fetch-Site": "cross-site"}, "ORIGIN_DENIED"),
            ({"Sec-Fetch-Site": "same-site"}, "ORIGIN_DENIED"),
            ({"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"}, "ORIGIN_DENIED"),
        ],
    )
    def test_the_session_counts_only_on_our_own_pages(
        self, people: dict[str, User], headers: dict[str, str], outcome: str
    ) -> None:
        client = Client(headers=headers)
        client.force_login(people["alice"])
        _, answer = post(client)
        assert answer.get("code", answer.get("from")) == outcome

    def test_a_foreign_page_is_refused_even_without_a_session(self, curl: Client) -> None:
        assert post(curl, headers={"Origin": "https://evil.example"})[0] == 403
        assert not Room.objects.exists()

    def test_the_public_url_is_an_own_origin(self, curl: Client, settings: Any) -> None:
        settings.PUBLIC_URL = "https://chat.example.org"
        assert post(curl, headers={"Origin": "https://chat.example.org"})[0] == 201


class TestHtmlForm:
    HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", **OWN_PAGE}

    def form(self, **fields: str) -> Any:
        return Client(headers=self.HTML).post(URL, {"from": "ann", "text": "hi"} | fields)

    def test_a_post_goes_back_to_the_page(self) -> None:
        response = self.form(**{"from": "Ann & Bo"})
        assert (response.status_code, response["Location"]) == (303, "/den?user=Ann+%26+Bo")

    def test_an_account_goes_back_under_its_own_name(self, people: dict[str, User]) -> None:
        client = Client(headers=self.HTML)
        client.force_login(people["alice"])
        assert client.post(URL, {"text": "hi"})["Location"] == "/den?user=alice"

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"text": "<b>draft</b>" + "x" * 9000}, 422),
            ({"from": "<i>", "text": "<b>draft</b>\x07"}, 422),
            ({"from": "alice", "text": "<b>draft</b>"}, 409),
            ({"from": "", "text": "<b>draft</b>"}, 422),
        ],
    )
    def test_a_refused_post_shows_the_page_with_the_draft_kept(
        self, people: dict[str, User], fields: dict[str, str], status: int
    ) -> None:
        response = self.form(**fields)
        assert response.status_code == status
        assert response["Content-Type"].startswith("text/html")
        assert "&lt;b&gt;draft&lt;/b&gt;" in response.text
        assert "<b>draft" not in response.text
        assert not Message.objects.exists()

    def test_a_room_that_cant_be_read_is_an_error_page(self) -> None:
        response = Client(headers=self.HTML).post("/rooms/x-none/messages/", {"from": "ann", "text": "hi"})
        assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")

    @pytest.mark.parametrize("field", ["from", "text"])
    def test_a_lone_surrogate_in_json_that_wants_html_is_no_error_of_ours(self, field: str) -> None:
        body = json.dumps({"from": "ann", "text": "hi"} | {field: "\ud800"})
        response = Client(headers=self.HTML).post(URL, body, "application/json")
        assert response.status_code == 400

    def test_a_book_pasted_into_the_form_is_an_error_page(self) -> None:
        response = self.form(text="x" * 300_000)
        assert (response.status_code, response["Content-Type"]) == (413, "text/html; charset=utf-8")


class TestStatements:
    """Counted as Django logs them, BEGIN and COMMIT among them."""

    def test_an_anonymous_post_takes_six(
        self, curl: Client, make_room: Any, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_room()
        with django_assert_num_queries(6) as captured:
            post(curl)
        statements = [query["sql"].split()[0] for query in captured.captured_queries]
        assert statements == ["BEGIN", "INSERT", "INSERT", "INSERT", "INSERT", "COMMIT"]

    def test_a_signed_in_post_takes_seven(
        self, make_room: Any, people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_room(visibility="private", members=(people["alice"],))
        client = sign_in(people["alice"])
        with django_assert_num_queries(7):
            assert post(client)[0] == 201

    def test_an_anonymous_post_that_makes_the_room_takes_six(
        self, curl: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(6):
            assert post(curl)[0] == 201

    def test_a_signed_in_post_that_makes_the_room_takes_seven(
        self, people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client = sign_in(people["alice"])
        with django_assert_num_queries(7):
            assert post(client)[0] == 201


def test_membership_is_read_in_the_statement_that_claims_the_id(make_room: Any, people: dict[str, User]) -> None:
    room = make_room(members=(people["bob"],))
    claims = [
        Room.objects.claim_or_make("den", room.created, user_id=people[name].pk, name_keys=person_keys(""))
        for name in ("bob", "charlie")
    ]
    assert [claim and claim.role for claim in claims] == [Membership.Role.MEMBER, None]
