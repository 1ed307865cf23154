"""API tokens: scopes, expiry, limits, withdrawal, the page; what a token can't do."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.actions import operators
from chat.models import ApiToken, AuditEntry, Closing, Message, Room, User
from chat.problems import Problem
from tests.unit.conftest import HTML, code, grip_headers, sign_in
from tests.unit.test_websocket import Socket

pytestmark = pytest.mark.django_db


def bearer(secret: str) -> Client:
    """A program with a token, behind the proxy."""
    return Client(headers=grip_headers(Authorization=f"Bearer {secret}"))


def token(user: User, *scopes: str, days: int | None = 90) -> str:
    """The secret of a token with these scopes."""
    return actions.issue_token(user, user, "test", scopes, days)[1]


class TestScopes:
    """What each scope lets a program do, of which Alice, owner of the rooms, may do everything."""

    READS = ("/rooms/", "/rooms/Open/", "/rooms/Open/messages/", "/rooms/Open/members/", "/accounts/me/")
    MANAGES = (
        ("get", "/rooms/Open/invites/", {}),
        ("get", "/rooms/Open/restrictions/", {}),
        ("post", "/rooms/Open/invites/", {}),
        ("post", "/rooms/", {"name": "other"}),
        ("patch", "/rooms/Open/", {"topic": "x"}),
        ("delete", "/rooms/Open/", {}),
        ("post", "/rooms/Open/restrictions/", {"kind": "ban", "username": "bob"}),
        ("delete", "/rooms/Open/members/bob/", {}),
        ("post", "/accounts/direct/", {"username": "bob"}),
        ("get", "/accounts/tokens/", {}),
        ("post", "/accounts/tokens/", {"name": "more"}),
        ("get", "/accounts/bots/", {}),
        ("post", "/accounts/bots/", {"username": "robo"}),
        ("post", "/api/broadcast/", {"text": "x"}),
        ("post", "/rooms/Open/messages/", {"text": "x", "type": 1}),
    )

    def test_read_reads_and_does_nothing_else(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        client = bearer(token(people["alice"], "read"))
        for path in self.READS:
            assert client.get(path).status_code == 200, path
        assert client.get("/rooms/x-private/events/").status_code == 200
        for attempt in (
            client.post("/rooms/Open/messages/", {"text": "hi"}),
            client.post("/rooms/team/members/"),
            client.post("/accounts/invites/whatever/"),
        ):
            assert code(attempt) == (403, "SCOPE_INSUFFICIENT")
        self.check_no_power(client)

    def test_post_posts_and_neither_reads_nor_manages(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        client = bearer(token(people["alice"], "post"))
        answer = client.post("/rooms/Open/messages/", {"text": "hi"})
        assert (answer.status_code, answer.json()["from"]) == (201, "alice")
        for path in (*self.READS, "/rooms/Open/events/?x", "/presence/?channel=room-Open"):
            assert code(client.get(path, headers={"Accept": "application/json"})) == (403, "SCOPE_INSUFFICIENT"), path
        own = f"/rooms/Open/messages/{answer.json()['id']}/"
        assert client.patch(own, {"text": "ho"}, "application/json").status_code == 200
        assert client.delete(own).status_code == 204
        self.check_no_power(client)

    def check_no_power(self, client: Client) -> None:
        for method, path, body in self.MANAGES:
            response = (
                getattr(client, method)(path, body or None, "application/json") if method != "get" else client.get(path)
            )
            assert code(response) == (403, "SCOPE_INSUFFICIENT"), (method, path)
        assert Room.objects.get(name="Open").topic == ""
        assert ApiToken.objects.count() == 1

    def test_a_moderators_power_over_messages_of_others_takes_manage(
        self, people: dict[str, User], rooms: dict[str, Room]
    ) -> None:
        theirs = actions.post_message(people["bob"], "Open", "hi").message["id"]
        path = f"/rooms/Open/messages/{theirs}/"
        assert code(bearer(token(people["alice"], "read", "post")).delete(path)) == (403, "ROOM_ACCESS_DENIED")
        assert bearer(token(people["alice"], "manage", "post")).delete(path).status_code == 204

    def test_a_stream_refuses_in_its_own_words(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        client = bearer(token(people["alice"], "post"))
        response = client.get("/rooms/Open/events/", headers={"Accept": "text/event-stream"})
        assert '"code":"SCOPE_INSUFFICIENT"' in response.text.replace(" ", "")

    def test_on_a_socket_read_follows_and_post_is_needed_to_send(
        self, people: dict[str, User], rooms: dict[str, Room], reader: Client
    ) -> None:
        own = Socket(reader, "/events/", Authorization=f"Bearer {token(people['alice'], 'read')}")
        own.read(own.opened)
        joined, refused = own.send(
            {"command": "join", "id": "j", "room": "x-private"},
            {"command": "send", "id": "s", "room": "x-private", "text": "hi"},
        )
        assert (joined["type"], refused["code"]) == ("reply", "SCOPE_INSUFFICIENT")
        assert not Message.objects.exists()
        closed = Socket(reader, "/events/", Authorization=f"Bearer {token(people['alice'], 'post')}")
        assert (closed.opened.status_code, closed.opened.json()["code"]) == (403, "SCOPE_INSUFFICIENT")

    def test_a_token_can_do_no_more_than_its_person(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        client = bearer(token(people["charlie"], "read", "post", "manage"))
        assert code(client.get("/rooms/x-private/")) == (404, "ROOM_INVALID")
        assert code(client.get("/rooms/team/")) == (403, "ROOM_ACCESS_DENIED")
        assert code(client.patch("/rooms/Open/", {"topic": "x"}, "application/json")) == (403, "ROOM_ACCESS_DENIED")
        assert code(client.post("/api/broadcast/", {"text": "x"})) == (403, "ROOM_ACCESS_DENIED")

    def test_demotion_counts_at_once(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        client = bearer(token(people["sam"], "read", "manage"))
        assert client.get("/rooms/team/").status_code == 200
        actions.set_staff(people["alice"], people["sam"], is_staff=False)
        assert code(client.get("/rooms/team/")) == (403, "ROOM_ACCESS_DENIED")
        assert code(client.post("/api/broadcast/", {"text": "x"})) == (403, "ROOM_ACCESS_DENIED")


class TestTime:
    def expire(self, seconds: int = 1) -> None:
        ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=seconds))

    def test_an_expired_token_answers_like_a_wrong_one(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        client = bearer(token(people["alice"], "read"))
        assert client.get("/rooms/x-private/").status_code == 200
        self.expire()
        assert code(client.get("/rooms/x-private/")) == (401, "USER_HAS_TO_LOGIN")
        assert code(client.get("/rooms/Open/")) == (401, "USER_HAS_TO_LOGIN")

    def test_what_it_held_ends_once(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        token(people["bob"], "read")
        assert actions.end_expired_tokens() == 0
        self.expire()
        assert actions.end_expired_tokens() == 1
        assert [closing.room.name for closing in Closing.objects.all()] == ["x-private"]
        assert actions.end_expired_tokens() == 0

    def test_a_token_that_ends_between_the_two_looks_is_not_held(
        self, people: dict[str, User], rooms: dict[str, Room], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = bearer(token(people["bob"], "read"))
        standing = type(Room.objects).standing

        def later(*args: Any) -> Any:
            self.expire(0)
            return standing(*args)

        monkeypatch.setattr(type(Room.objects), "standing", later)
        response = client.get("/rooms/x-private/events/", headers={"Accept": "application/json"})
        assert code(response) == (401, "USER_HAS_TO_LOGIN")

    def test_how_long_is_the_operators_choice(self, people: dict[str, User], settings: Any) -> None:
        alice = people["alice"]
        for days in (0, -1, 366, None):
            with pytest.raises(Problem, match="good for"):
                token(alice, "read", days=days)
        settings.TOKEN_DAYS_MAX = 0
        token(alice, "read", days=None)
        assert ApiToken.objects.get().expires is None

    def test_its_use_is_noted_once_an_hour(
        self, people: dict[str, User], rooms: dict[str, Room], django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client = bearer(token(people["alice"], "read", "post"))
        client.post("/rooms/Open/messages/", {"text": "one"})
        first = ApiToken.objects.get().last_used_at
        assert first
        with django_assert_num_queries(7):
            client.post("/rooms/Open/messages/", {"text": "two"})
        assert ApiToken.objects.get().last_used_at == first
        ApiToken.objects.update(last_used_at=first - timedelta(hours=2))
        client.get("/rooms/")
        assert ApiToken.objects.get().last_used_at > first  # type: ignore[operator]


class TestRest:
    def test_make_list_and_withdraw(self, people: dict[str, User]) -> None:
        alice = sign_in(people["alice"])
        made = alice.post("/accounts/tokens/", {"name": " My  bot ", "scopes": "post read", "days": 7})
        assert made.status_code == 201
        secret = made.json()["token"]
        assert re.fullmatch(r"cork_[\w-]{43}", secret)
        listed = alice.get("/accounts/tokens/")
        assert secret not in listed.text
        [row] = listed.json()["tokens"]
        assert (row["name"], row["scopes"], row["hint"]) == ("My bot", ["read", "post"], secret[-4:])
        assert row == {key: value for key, value in made.json().items() if key != "token"}
        assert secret not in str(ApiToken.objects.values().get())
        assert bearer(secret).get("/accounts/me/").status_code == 200
        assert alice.delete(f"/accounts/tokens/{row['id']}/").status_code == 204
        assert code(bearer(secret).get("/accounts/me/")) == (401, "USER_HAS_TO_LOGIN")
        assert code(alice.delete(f"/accounts/tokens/{row['id']}/")) == (404, "NOT_FOUND")

    def test_withdrawing_ends_what_it_held(self, people: dict[str, User], rooms: dict[str, Room]) -> None:
        token(people["bob"], "read")
        [row] = sign_in(people["bob"]).get("/accounts/tokens/").json()["tokens"]
        sign_in(people["bob"]).delete(f"/accounts/tokens/{row['id']}/")
        assert [closing.room.name for closing in Closing.objects.all()] == ["x-private"]

    def test_nobody_touches_the_tokens_of_others(self, people: dict[str, User]) -> None:
        secret = token(people["alice"], "read")
        row = ApiToken.objects.get()
        bob = sign_in(people["bob"])
        assert bob.get("/accounts/tokens/").json() == {"tokens": []}
        assert code(bob.delete(f"/accounts/tokens/{row.digest[:16]}/")) == (404, "NOT_FOUND")
        assert code(bob.get("/accounts/bots/alice/tokens/")) == (404, "NOT_FOUND")
        assert bearer(secret).get("/accounts/me/").status_code == 200

    def test_a_token_gives_no_more_than_it_has_and_takes_what_it_gave(self, people: dict[str, User]) -> None:
        parent = bearer(token(people["alice"], "manage", "read", days=10))
        for scopes in ("post", "read post", "manage post"):
            made = parent.post("/accounts/tokens/", {"name": "x", "scopes": scopes})
            assert code(made) == (403, "SCOPE_INSUFFICIENT")
        child = parent.post("/accounts/tokens/", {"name": "child", "scopes": "manage read", "days": 90}).json()
        mother = ApiToken.objects.get(name="test")
        assert ApiToken.objects.get(name="child").expires == mother.expires
        grandchild = bearer(child["token"]).post("/accounts/tokens/", {"name": "grandchild", "scopes": "read"}).json()
        assert bearer(grandchild["token"]).get("/accounts/me/").status_code == 200
        sign_in(people["alice"]).delete(f"/accounts/tokens/{mother.digest[:16]}/")
        for secret in (child["token"], grandchild["token"]):
            assert code(bearer(secret).get("/accounts/me/")) == (401, "USER_HAS_TO_LOGIN")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, (422, "NAME_INVALID")),
            ({"name": " "}, (422, "NAME_INVALID")),
            ({"name": "x" * 61}, (422, "NAME_INVALID")),
            ({"name": "a\x07b"}, (422, "NAME_INVALID")),
            ({"name": "x", "scopes": []}, (400, "PARAMETER_INVALID")),
            ({"name": "x", "scopes": ["admin"]}, (400, "PARAMETER_INVALID")),
            ({"name": "x", "scopes": ["read"] * 999 + ["\x07"]}, (400, "PARAMETER_INVALID")),
            ({"name": "x", "days": 10**30}, (400, "PARAMETER_INVALID")),
            ({"name": "x", "days": None}, (400, "PARAMETER_INVALID")),
            ({"name": "x", "days": "soon"}, (400, "BODY_INVALID")),
        ],
    )
    def test_what_is_wrong_is_refused(
        self, people: dict[str, User], fields: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        response = sign_in(people["alice"]).post("/accounts/tokens/", fields, "application/json")
        assert (code(response), ApiToken.objects.count()) == (expected, 0)

    def test_an_account_has_twenty_and_expired_ones_dont_count(self, people: dict[str, User]) -> None:
        for _ in range(20):
            token(people["alice"], "read")
        with pytest.raises(Problem, match="at most 20"):
            token(people["alice"], "read")
        ApiToken.objects.filter(pk=ApiToken.objects.first().pk).update(  # type: ignore[union-attr]
            expires=timezone.now() - timedelta(days=31)
        )
        token(people["alice"], "read")
        assert ApiToken.objects.count() == 20  # the one that expired long ago is gone

    def test_guests_have_none(self, db: None) -> None:
        guest = sign_in(actions.make_guest("Gina"))
        assert code(guest.get("/accounts/tokens/")) == (403, "ROOM_ACCESS_DENIED")
        assert code(guest.post("/accounts/tokens/", {"name": "x"})) == (403, "ROOM_ACCESS_DENIED")
        assert guest.get("/accounts/tokens/", headers=HTML).status_code == 403
        assert "tokens" not in guest.get("/accounts/profile/").text

    def test_another_site_and_a_bare_cookie_make_none(self, people: dict[str, User]) -> None:
        client = Client()
        client.force_login(people["alice"])
        assert code(client.post("/accounts/tokens/", {"name": "x"})) == (401, "USER_HAS_TO_LOGIN")
        evil = {"Origin": "https://evil.example"}
        assert code(client.post("/accounts/tokens/", {"name": "x"}, headers=evil)) == (403, "ORIGIN_DENIED")
        assert not ApiToken.objects.exists()


class TestPasswordAndEnd:
    def test_another_password_leaves_tokens_and_the_page_says_so(self, people: dict[str, User]) -> None:
        alice = people["alice"]
        alice.set_password("the first good one")
        alice.save()
        secret = token(alice, "read")
        browser = sign_in(alice)
        assert "tokens</a> stay good" in browser.get("/accounts/password/").text
        browser.post("/accounts/password/", {"old": "the first good one", "password": "another good one"})
        assert bearer(secret).get("/accounts/me/").status_code == 200

    def test_an_operator_sees_and_withdraws_with_what_came_of_it(self, people: dict[str, User]) -> None:
        alice, sam = people["alice"], people["sam"]
        User.objects.filter(pk=sam.pk).update(is_superuser=True)
        parent = token(alice, "manage", "read")
        child = bearer(parent).post("/accounts/tokens/", {"name": "child", "scopes": "read"}).json()["token"]
        page = sign_in(sam).get("/admin/chat/apitoken/").text
        assert "child" in page
        assert child not in page
        assert ApiToken.objects.get(name="child").digest not in page
        operators.withdraw_tokens(User.objects.get(pk=sam.pk), alice, [ApiToken.objects.get(name="test").pk])
        assert not ApiToken.objects.exists()
        assert AuditEntry.objects.get().action == "withdraw tokens"


class TestPage:
    def test_a_token_is_made_shown_once_and_withdrawn(self, people: dict[str, User]) -> None:
        alice = sign_in(people["alice"])
        assert "There is no token" in alice.get("/accounts/tokens/", headers=HTML).text
        form = {"name": "<b>my</b> script", "scopes": ["read", "post"], "days": "30"}
        made = alice.post("/accounts/tokens/", form, headers=HTML)
        secret = re.search(r'value="(cork_[\w-]+)"', made.text)
        assert secret
        assert (made.status_code, made["Cache-Control"]) == (200, "no-store")
        assert bearer(secret[1]).get("/accounts/me/").json()["username"] == "alice"
        again = alice.get("/accounts/tokens/", headers=HTML).text
        assert secret[1] not in again
        assert "&lt;b&gt;my&lt;/b&gt; script" in again
        which = re.search(r'name="withdraw" value="(\w+)"', again)
        assert which
        gone = alice.post("/accounts/tokens/", {"withdraw": which[1]}, headers=HTML)
        assert gone.status_code == 303
        assert "There is no token" in alice.get("/accounts/tokens/", headers=HTML).text

    def test_what_is_refused_is_said_beside_what_was_written(self, people: dict[str, User]) -> None:
        alice = sign_in(people["alice"])
        for form in ({"name": "", "scopes": "read"}, {"name": "kept"}, {"name": "kept", "scopes": "read", "days": "x"}):
            refused = alice.post("/accounts/tokens/", form, headers=HTML)
            assert refused.status_code in (400, 422)
            assert 'role="alert"' in refused.text
        assert 'value="kept"' in refused.text
        assert not ApiToken.objects.exists()

    def test_who_is_not_signed_in_signs_in_first(self, db: None) -> None:
        response = Client().get("/accounts/tokens/", headers=HTML)
        assert (response.status_code, response["Location"]) == (303, "/accounts/sign-in/?next=%2Faccounts%2Ftokens%2F")

    def test_a_form_without_its_token_is_refused(self, people: dict[str, User]) -> None:
        client = Client(enforce_csrf_checks=True, headers={"Sec-Fetch-Site": "same-origin"})
        client.force_login(people["alice"])
        response = client.post("/accounts/tokens/", {"name": "x", "scopes": "read"}, headers=HTML)
        assert (response.status_code, ApiToken.objects.count()) == (403, 0)


class TestAtOnce:
    """What somebody else does between the check and the lock."""

    def test_a_token_that_was_just_withdrawn_makes_none(self, people: dict[str, User]) -> None:
        alice = people["alice"]
        token(alice, "manage", "read")
        person = User.objects.get(pk=alice.pk)
        person.token = ApiToken.objects.get()
        ApiToken.objects.all().delete()
        with pytest.raises(Problem) as refused:
            actions.issue_token(person, person, "late", ["read"])
        assert refused.value.code == "USER_HAS_TO_LOGIN"
        assert not ApiToken.objects.exists()

    def test_a_closed_account_makes_neither_tokens_nor_bots(self, people: dict[str, User]) -> None:
        alice = User.objects.get(pk=people["alice"].pk)
        actions.close_account(people["alice"], people["alice"])
        for attempt in (
            lambda: actions.issue_token(alice, alice, "late", ["read"]),
            lambda: actions.make_bot(alice, "late"),
        ):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.code == "USER_HAS_TO_LOGIN"
        assert not User.objects.filter(is_bot=True).exists()

    def test_with_a_token_that_could_make_others_the_streams_of_bots_end_too(
        self, people: dict[str, User], rooms: dict[str, Room]
    ) -> None:
        bot = actions.make_bot(people["charlie"], "robo")
        rooms["x-private"].memberships.create(user=bot)
        for scopes, closed in ((("read", "post"), 0), (("manage",), 1)):
            token(people["charlie"], *scopes)
            actions.withdraw_token(people["charlie"], people["charlie"], people["charlie"].tokens.get())
            assert Closing.objects.count() == closed
