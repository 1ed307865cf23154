"""Accounts and guests: every page, every refusal, names that stay one's own, and limits on attempts."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from chat import actions
from chat.actions.limits import Limit, attempt, forget, give_back, prune_tallies, slow_down
from chat.models import ApiToken, Closing, Membership, Message, Tally, User
from chat.problems import Problem
from tests.unit.conftest import HTML, OWN_PAGE, grip_headers, sign_in

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def from_address(address: str, *, signed: bool = True, **more: str) -> Client:
    """A browser at an address, as Pushpin tells of it."""
    headers = grip_headers(**{"X-Forwarded-For": address}) if signed else {"X-Forwarded-For": address}
    return Client(headers={**OWN_PAGE, **headers, **more})


def enter(client: Client, username: str = "alice", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/accounts/sign-in/", {"username": username, "password": password, **more})


@pytest.fixture
def browser() -> Client:
    return Client(headers=OWN_PAGE)


@pytest.fixture
def alice(people: dict[str, User]) -> User:
    """Alice, with a password."""
    people["alice"].set_password(PASSWORD)
    people["alice"].save()
    return people["alice"]


@pytest.fixture
def gina(db: None) -> tuple[Client, User]:
    """Gina, a guest, and her browser."""
    client = Client(headers=OWN_PAGE)
    assert client.post("/accounts/guest/", {"display_name": "Gina"}).status_code == 303
    return client, User.objects.get(display_name="Gina")


@pytest.mark.parametrize("theirs", ["guest", "display name"])
def test_of_two_who_take_one_name_at_once_one_gets_it(db: None, monkeypatch: pytest.MonkeyPatch, theirs: str) -> None:
    """The other one comes after the name was looked up: its user name is none that the database knows as shown."""

    def meanwhile(password: str, user: User) -> None:
        User.objects.create_user(f"other-{theirs[0]}", display_name="BOBBY", is_guest=theirs == "guest")

    monkeypatch.setattr("chat.actions.people.validate_password", meanwhile)
    with pytest.raises(ValidationError) as refused:
        actions.sign_up("bobby", PASSWORD, "Somebody else")
    assert list(refused.value.message_dict) == ["username"]
    assert not User.objects.filter(username="bobby").exists()


class TestSignUp:
    GOOD = {"username": "nora", "password": PASSWORD, "display_name": "Nora N."}

    def test_it_makes_an_account_signs_it_in_and_goes_on_to_where_one_came_from(self, browser: Client) -> None:
        response = browser.post("/accounts/sign-up/?next=/den", self.GOOD)
        assert (response.status_code, response["Location"]) == (303, "/den")
        user = User.objects.get()
        assert (user.username, user.shown_name, user.is_guest, user.is_staff) == ("nora", "Nora N.", False, False)
        assert browser.session["_auth_user_id"] == str(user.pk)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"username": ""}, "username"),
            ({"username": "a b"}, "username"),
            ({"username": "a\x00"}, "username"),
            ({"username": "u" * 65}, "username"),
            ({"username": "ㅤ"}, "username"),
            ({"username": "alice"}, "username"),
            ({"username": "Alice"}, "username"),
            ({"username": "аlice"}, "username"),
            ({"display_name": "A l i c e"}, "display_name"),
            ({"display_name": "x" * 65}, "display_name"),
            ({"display_name": "\u202ex"}, "display_name"),
            ({"display_name": "\u200d"}, "display_name"),
            ({"password": ""}, "password"),
            ({"password": "short"}, "password"),
            ({"password": "password"}, "password"),
            ({"username": "noranoranora", "password": "noranoranora1"}, "password"),
            ({"password": "p" * 1001}, "password"),
        ],
    )
    def test_what_is_wrong_is_said_beside_the_field_which_has_the_cursor(
        self, browser: Client, people: Any, fields: dict[str, str], field: str
    ) -> None:
        count = User.objects.count()
        response = browser.post("/accounts/sign-up/", self.GOOD | fields)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        page = response.text
        assert f'id="id_{field}_error"' in page
        tag = page[page.rindex("<input", 0, page.index(f'id="id_{field}"')) :].partition(">")[0]
        assert "autofocus" in tag
        assert 'aria-invalid="true"' in tag
        assert f"id_{field}_error" in tag
        assert page.count("autofocus") == 1
        assert User.objects.count() == count
        assert PASSWORD not in page

    def test_all_that_is_wrong_is_said_at_once(self, browser: Client) -> None:
        fields = {"username": "a b", "display_name": "\u202ex", "password": "short"}
        response = browser.post("/accounts/sign-up/", fields)
        assert sorted(response.context["form"].errors) == ["display_name", "password", "username"]

    def test_an_empty_form_is_refused_in_every_field_it_needs(self, browser: Client) -> None:
        response = browser.post("/accounts/sign-up/")
        assert list(response.context["form"].errors) == ["username", "password"]

    def test_who_is_slower_with_the_same_name_is_refused(
        self, browser: Client, people: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chat.actions.people._check_free", lambda *args: None)  # both have looked already
        response = browser.post("/accounts/sign-up/", self.GOOD | {"display_name": "A1ice"})
        assert (response.status_code, list(response.context["form"].errors)) == (422, ["display_name"])
        response = browser.post("/accounts/guest/", {"display_name": "Вob"})
        assert (response.status_code, list(response.context["form"].errors)) == (422, ["display_name"])
        assert User.objects.count() == len(people)

    def test_who_was_removed_meanwhile_does_not_come_back(self, gina: tuple[Client, User]) -> None:
        _, guest = gina
        User.objects.filter(pk=guest.pk).delete()
        with pytest.raises(DatabaseError):  # a 503
            actions.change_name(guest, "Gina Two")
        assert not User.objects.exists()

    def test_it_can_be_switched_off(self, browser: Client, settings: Any) -> None:
        settings.SIGN_UP = False
        assert browser.get("/accounts/sign-up/").status_code == 404
        assert browser.post("/accounts/sign-up/", self.GOOD).status_code == 404
        assert "sign-up" not in browser.get("/").text
        client = browser
        client.post("/accounts/guest/", {"display_name": "Gina"})
        assert client.post("/accounts/become/", self.GOOD).status_code == 303
        assert "become" not in client.get("/accounts/profile/").text
        assert User.objects.get().is_guest

    def test_who_is_signed_in_needs_no_second_account(self, alice: User) -> None:
        client = sign_in(alice)
        assert client.post("/accounts/sign-up/", self.GOOD)["Location"] == "/accounts/profile/"
        assert not User.objects.filter(username="nora").exists()

    def test_an_address_makes_only_so_many(self) -> None:
        client = from_address("192.0.2.1")
        for _ in range(30):
            client.post("/accounts/sign-up/", self.GOOD | {"password": "short"})
        response = client.post("/accounts/sign-up/", self.GOOD)
        assert (response.status_code, "tried too often" in response.text) == (429, True)
        assert 3500 < int(response["Retry-After"]) <= 3600
        assert from_address("192.0.2.2").post("/accounts/sign-up/", self.GOOD).status_code == 303


class TestSignIn:
    def test_it_gives_a_new_session_and_goes_on(self, browser: Client, alice: User) -> None:
        browser.get("/accounts/sign-in/")
        session = browser.session
        session["x"] = 1
        session.save()
        response = enter(browser, next="/den?transport=sse")
        assert (response.status_code, response["Location"]) == (303, "/den?transport=sse")
        assert browser.session.session_key != session.session_key
        cookie = response.cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        assert response.cookies["device"]["httponly"]

    @pytest.mark.parametrize(
        "path",
        ["//evil.example/x", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "/\x00", "/\n"]
        + ["http:///evil.example", "/" * 501, "///evil.example", "\\\\evil.example", " /x"],
    )
    def test_it_goes_on_to_paths_of_ours_only(self, browser: Client, alice: User, path: str) -> None:
        assert enter(browser, next=path)["Location"] == "/"
        assert browser.get("/accounts/sign-in/", {"next": path})["Location"] == "/"

    def test_an_unknown_name_and_a_wrong_password_answer_the_same(
        self, browser: Client, alice: User, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        User.objects.filter(username="bob").update(is_active=False)
        people["bob"].set_password(PASSWORD)
        people["bob"].save(update_fields=["password"])
        guest = actions.make_guest("Gina")
        hashed: list[int] = []

        encode = MD5PasswordHasher.encode

        def counted(self: Any, *args: Any) -> str:
            hashed[-1] += 1
            return encode(self, *args)

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
        answers = []
        for name, password in (
            ("alice", "wrong"),
            ("nobody", "wrong"),
            ("bob", PASSWORD),
            (guest.username, "wrong"),
        ):
            hashed.append(0)
            response = enter(browser, name, password)
            answers.append((response.status_code, dict(response.context["form"].errors)))
        assert answers[0] == (422, {"password": ["User name or password is wrong."]})
        assert [answer == answers[0] for answer in answers] == [True] * 4
        assert hashed == [1, 1, 1, 1]

    @pytest.mark.parametrize(
        "fields", [{"username": ""}, {"password": ""}, {"username": "a\x00"}, {"password": "\x00"}]
    )
    def test_what_can_be_no_name_or_password_is_refused(
        self, browser: Client, alice: User, fields: dict[str, str]
    ) -> None:
        response = browser.post("/accounts/sign-in/", {"username": "alice", "password": PASSWORD} | fields)
        assert response.status_code == 422

    def test_a_page_of_another_site_cant_sign_anybody_in_or_out(self, alice: User) -> None:
        strict = Client(enforce_csrf_checks=True, headers=HTML)
        for url in ("sign-in", "sign-up", "guest", "sign-out", "profile", "password", "become", "close"):
            response = strict.post(f"/accounts/{url}/", {"username": "alice", "password": PASSWORD})
            assert (response.status_code, "too old" in response.text) == (403, True)

    def test_the_session_cookie_needs_tls_when_the_service_has_it(
        self, browser: Client, alice: User, settings: Any
    ) -> None:
        settings.SESSION_COOKIE_SECURE = True
        response = enter(browser)
        assert response.cookies["sessionid"]["secure"]
        assert response.cookies["device"]["secure"]


class TestSignOut:
    def test_it_ends_the_session_and_what_is_read_by_right(self, alice: User, make_room: Any) -> None:
        den = make_room("x-den", visibility="private", members=(alice,))
        make_room("hall", members=(alice,))
        client = sign_in(alice)
        session = client.session.session_key
        response = client.post("/accounts/sign-out/")
        assert (response.status_code, response["Location"]) == (303, "/")
        assert "_auth_user_id" not in client.session
        assert client.session.session_key != session
        assert list(Closing.objects.values_list("room", flat=True)) == [den.pk]

    def test_it_takes_a_post(self, alice: User) -> None:
        client = sign_in(alice)
        assert client.get("/accounts/sign-out/").status_code == 405
        assert "_auth_user_id" in client.session
        assert Client(headers=OWN_PAGE).post("/accounts/sign-out/").status_code == 303


class TestLimits:
    def test_wrong_passwords_for_one_name_from_one_address(self, alice: User) -> None:
        client = from_address("192.0.2.1")
        assert [enter(client, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]
        response = enter(client)  # the right one is not looked at
        assert response.status_code == 429
        assert "tried too often" in response.text
        assert 290 < int(response["Retry-After"]) <= 300
        # The same spelt otherwise, and the admin's sign-in, count together.
        assert enter(client, "ALICE").status_code == 429
        admin = client.post("/admin/login/", {"username": "alice", "password": PASSWORD}, headers=HTML)
        assert (admin.status_code, "tried too often" in admin.text, "Retry-After" in admin.headers) == (429, True, True)
        # Other people, and other addresses, go on.
        assert enter(client, "nobody").status_code == 422
        assert enter(from_address("192.0.2.2")).status_code == 303

    def test_the_admins_sign_in_is_limited_by_itself(self, alice: User) -> None:
        client = from_address("192.0.2.1")
        answers = [
            client.post("/admin/login/", {"username": "alice", "password": "wrong"}).status_code for _ in range(6)
        ]
        assert answers == [200] * 5 + [429]

    def test_many_names_from_one_address(self) -> None:
        client = from_address("192.0.2.1")
        answers = [enter(client, f"name{number}", "wrong").status_code for number in range(51)]
        assert answers == [422] * 50 + [429]

    def test_an_account_of_ones_own_buys_no_tries_at_others(self, alice: User, people: dict[str, User]) -> None:
        client = from_address("192.0.2.1")
        answers = []
        for number in range(60):
            answers.append(enter(client, f"victim{number}", "wrong").status_code)
            if number % 4 == 0:
                client.cookies.pop("device", None)
                enter(client)
                client.cookies.pop("sessionid", None)
                client.cookies.pop("device", None)
        assert answers == [422] * 50 + [429] * 10

    def test_nobody_is_locked_out_of_a_browser_they_use(self, alice: User) -> None:
        known, attacker = from_address("192.0.2.1"), from_address("192.0.2.1")
        assert enter(known).status_code == 303
        known.post("/accounts/sign-out/")
        for number in range(60):
            enter(attacker, "alice" if number < 10 else f"x{number}", "wrong")
        assert enter(attacker).status_code == 429
        assert enter(known).status_code == 303
        known.post("/accounts/sign-out/")
        # It has limits too, and is good for its own account only.
        assert [enter(known, password="wrong").status_code for _ in range(6)] == [422] * 5 + [429]
        assert enter(known, "bob", "wrong").status_code == 429

    @pytest.mark.parametrize("cookie", ["x", "", "a:b:c", "WyJhbGljZSIsICJ4Il0:1abcde:x"])
    def test_a_made_up_device_is_none(self, alice: User, cookie: str) -> None:
        client = from_address("192.0.2.1")
        for _ in range(6):
            client.cookies["device"] = cookie
            response = enter(client, password="wrong")
        assert response.status_code == 429

    def test_the_time_is_over_after_five_minutes_however_often_it_is_tried(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = from_address("192.0.2.1")
        start = timezone.now()
        for minute in (0, 1, 2, 3, 4):
            monkeypatch.setattr(timezone, "now", lambda minute=minute: start + timedelta(minutes=minute))
            for _ in range(4):
                last = enter(client, password="wrong").status_code
        assert last == 429
        monkeypatch.setattr(timezone, "now", lambda: start + timedelta(minutes=5, seconds=1))
        assert enter(client).status_code == 303

    def test_a_good_sign_in_clears_the_count(self, alice: User) -> None:
        client = from_address("192.0.2.1")
        for _ in range(3):
            assert [enter(client, password="wrong").status_code for _ in range(4)] == [422] * 4
            assert enter(client).status_code == 303
            client.cookies.clear()

    @pytest.mark.parametrize(
        ("one", "other", "together"),
        [
            ("192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("2001:db8::1", "2001:db8::ffff:2", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("1.1.1.1, 192.0.2.1", "2.2.2.2, 192.0.2.1", True),  # only Pushpin's own entry counts
            ("nonsense", "nonsense", True),
        ],
    )
    def test_what_is_one_address(self, alice: User, one: str, other: str, together: bool) -> None:
        for _ in range(6):
            enter(from_address(one), password="wrong")
        assert (enter(from_address(other)).status_code == 429) == together

    def test_guesses_from_very_many_addresses_are_slowed_down(self, alice: User) -> None:
        anywhere = Limit("sign in anywhere", "alice", 50, 600)
        looked_at = 0
        for number in range(300):
            try:
                slow_down(anywhere)
                looked_at += 1
            except Problem:
                assert number >= 50
        assert 110 < looked_at < 230  # 50, and then 50 in as many as were looked at: about 166
        answers: list[Any] = []
        while not answers or answers[-1].status_code != 429:
            answers.append(enter(from_address(f"198.51.100.{len(answers)}"), password="wrong"))
        assert (answers[-1]["Retry-After"], "only some tries" in answers[-1].text) == ("5", True)
        assert enter(from_address("192.0.2.1"), "bob", "wrong").status_code == 422

    def test_while_a_name_is_guessed_its_owner_gets_in(self, alice: User) -> None:
        known = from_address("192.0.2.1")
        assert enter(known).status_code == 303
        known.post("/accounts/sign-out/")
        for _ in range(150):
            with contextlib.suppress(Problem):
                slow_down(Limit("sign in anywhere", "alice", 50, 600))
        assert enter(known).status_code == 303  # at once
        new = from_address("192.0.2.2")
        answers = []
        while 303 not in answers and len(answers) < 50:
            answers.append(enter(new).status_code)
        assert answers[-1] == 303, answers  # what chance refused has not used up the address's own five

    def test_one_address_slows_nobody_down(self, alice: User) -> None:
        attacker = from_address("198.51.100.1")
        for _ in range(60):
            enter(attacker, password="wrong")
        assert [enter(from_address(f"192.0.2.{n}")).status_code for n in range(10)] == [303] * 10

    def test_signing_in_and_out_is_limited_by_the_right_password_only(self, alice: User, make_room: Any) -> None:
        make_room("x-den", visibility="private", members=(alice,))
        browser = from_address("192.0.2.1")
        answers = []
        for _ in range(32):
            answers.append(enter(browser).status_code)
            assert browser.post("/accounts/sign-out/").status_code == 303
        assert answers == [303] * 30 + [429] * 2
        assert Closing.objects.count() == 30
        Tally.objects.all().delete()
        for number in range(40):
            enter(from_address(f"198.51.100.{number}"), password="wrong")
        assert enter(browser).status_code == 303

    def test_a_session_ends_once(self, alice: User, make_room: Any) -> None:
        make_room("x-den", visibility="private", members=(alice,))
        client = sign_in(alice)
        key = client.session.session_key
        for _ in range(3):
            actions.end_session(alice, key)
        assert Closing.objects.count() == 1
        assert client.get("/accounts/profile/").status_code == 303

    def test_changes_of_a_password_are_limited(self, alice: User) -> None:
        client, old = sign_in(alice), PASSWORD
        answers = []
        for number in range(21):
            new = f"another good one {number}"
            fields = {"old": old, "password": new}
            answers.append(client.post("/accounts/password/", fields).status_code)
            old = new if answers[-1] == 303 else old
        assert answers == [303] * 20 + [429]

    def test_past_the_proxy_a_header_chooses_no_address(self, alice: User) -> None:
        for number in range(6):
            enter(from_address(f"192.0.2.{number}", signed=False), password="wrong")
        assert enter(from_address("192.0.2.99", signed=False)).status_code == 429

    def test_with_proxies_in_front_their_clients_are_told_apart(self, alice: User, settings: Any) -> None:
        settings.TRUSTED_PROXIES = 1
        for number in range(6):
            enter(from_address(f"10.0.0.{number}, 192.0.2.1, 127.0.0.1"), password="wrong")
        assert enter(from_address("192.0.2.1, 127.0.0.1")).status_code == 429
        assert enter(from_address("192.0.2.2, 127.0.0.1")).status_code == 303
        assert from_address("192.0.2.3").get("/accounts/sign-in/").status_code == 200

    def test_an_attempt_counts_once_and_what_is_over_is_removed(self) -> None:
        limit = Limit("test", "me", 2, 60)
        attempt([limit])
        attempt([limit])
        with pytest.raises(Problem):
            attempt([limit])
        give_back([limit])
        give_back([limit])
        attempt([limit])
        forget(limit)
        give_back([limit])
        attempt([limit, Limit("test", "you", 2, 60)])
        assert Tally.objects.count() == 2
        prune_tallies(timezone.now() + timedelta(seconds=61))
        assert not Tally.objects.exists()

    def test_neither_names_nor_addresses_are_stored(self, alice: User) -> None:
        enter(from_address("192.0.2.1"), password="wrong")
        keys = list(Tally.objects.values_list("key", flat=True))
        assert len(keys) == 3
        assert not [key for key in keys if "alice" in key or ("192" in key and len(key) != 64)]


class TestProfile:
    def test_every_page_of_ones_own_asks_to_sign_in_first(self, browser: Client) -> None:
        for name in ("profile", "password", "become", "close"):
            for answer in (browser.get(f"/accounts/{name}/"), browser.post(f"/accounts/{name}/")):
                assert (answer.status_code, answer["Location"]) == (
                    303,
                    f"/accounts/sign-in/?next=%2Faccounts%2F{name}%2F",
                )

    def test_another_display_name_is_used_from_then_on(self, alice: User) -> None:
        client = sign_in(alice)
        client.post("/rooms/den/messages/", {"text": "before"})
        response = client.post("/accounts/profile/", {"display_name": "  Alice   Liddell "})
        assert response["Location"] == "/accounts/profile/?saved"
        assert "Saved" in client.get(response["Location"]).text
        client.post("/rooms/den/messages/", {"text": "after"})
        assert list(Message.objects.order_by("eid").values_list("name", flat=True)) == ["alice", "Alice Liddell"]
        alice.refresh_from_db()
        assert (alice.username, alice.name_key) == ("alice", "allcellddell")

    @pytest.mark.parametrize("name", ["", " ", "Bob", "b o b", "Bоb", "x" * 65, "\u202ex", "a\x00"])
    def test_a_name_that_wont_do_is_refused_and_the_old_one_stays(self, alice: User, name: str) -> None:
        client = sign_in(alice)
        response = client.post("/accounts/profile/", {"display_name": name})
        assert response.status_code == 422
        assert ">alice<" in response.text  # who one is, above
        alice.refresh_from_db()
        assert alice.shown_name == "alice"

    def test_ones_own_name_in_another_spelling_is_ones_own(self, alice: User) -> None:
        assert sign_in(alice).post("/accounts/profile/", {"display_name": "Álice"}).status_code == 303

    def test_another_password_ends_other_sessions_and_what_they_read(self, alice: User, make_room: Any) -> None:
        den = make_room("x-den", visibility="private", members=(alice,))
        here, there = Client(headers=OWN_PAGE), Client(headers=OWN_PAGE)
        enter(here)
        enter(there)
        response = here.post("/accounts/password/", {"old": PASSWORD, "password": "another good one"})
        assert response["Location"] == "/accounts/profile/?saved"
        assert here.get("/accounts/profile/").status_code == 200
        assert there.get("/accounts/profile/").status_code == 303
        assert list(Closing.objects.values_list("room", flat=True)) == [den.pk]
        assert enter(there).status_code == 422
        assert enter(there, password="another good one").status_code == 303

    @pytest.mark.parametrize(
        ("fields", "field"), [({"old": "wrong"}, "old"), ({"password": "short"}, "password"), ({"old": ""}, "old")]
    )
    def test_a_password_that_wont_do_changes_nothing(self, alice: User, fields: dict[str, str], field: str) -> None:
        response = sign_in(alice).post(
            "/accounts/password/", {"old": PASSWORD, "password": "another good one"} | fields
        )
        assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)

    def test_the_password_of_now_cant_be_guessed(self, alice: User) -> None:
        client = sign_in(alice)
        for _ in range(5):
            client.post("/accounts/close/", {"old": "wrong"})
        response = client.post("/accounts/password/", {"old": PASSWORD, "password": "another good one"})
        assert (response.status_code, "Retry-After" in response.headers) == (429, True)


class TestClose:
    def test_a_closed_account_neither_signs_in_nor_reads_and_keeps_its_name(self, alice: User, make_room: Any) -> None:
        den = make_room("x-den", visibility="private", members=(alice,))
        token = actions.make_token(alice)
        here, there = sign_in(alice), sign_in(alice)
        here.post("/rooms/hall/messages/", {"text": "hi"})
        assert here.post("/accounts/close/", {"old": "wrong"}).status_code == 422
        assert here.post("/accounts/close/", {"old": PASSWORD})["Location"] == "/"
        assert there.get("/accounts/profile/").status_code == 303
        assert enter(there).status_code == 422
        assert not ApiToken.objects.exists()
        bearer = {"Authorization": f"Bearer {token}"}
        assert Client().get("/rooms/hall/messages/", headers=bearer).status_code == 401
        assert list(Closing.objects.values_list("room", flat=True)) == [den.pk]
        answer = Client().post("/rooms/hall/messages/", {"from": "Alice", "text": "hi"})
        assert answer.json()["code"] == "NAME_TAKEN"
        assert Message.objects.get().name == "alice"

    def test_the_only_administrator_stays(self, alice: User) -> None:
        User.objects.filter(pk=alice.pk).update(is_superuser=True)
        client = sign_in(alice)
        response = client.post("/accounts/close/", {"old": PASSWORD})
        assert (response.status_code, "only administrator" in response.text) == (422, True)
        User.objects.filter(username="bob").update(is_superuser=True)
        assert client.post("/accounts/close/", {"old": PASSWORD}).status_code == 303

    def test_a_guest_ends_the_visit(self, gina: tuple[Client, User]) -> None:
        client, guest = gina
        assert client.get("/accounts/close/").status_code == 200
        assert client.post("/accounts/close/")["Location"] == "/"
        guest.refresh_from_db()
        assert not guest.is_active
        assert "join.html" in [template.name for template in client.get("/den").templates]


class TestGuests:
    def test_a_guest_posts_under_a_verified_name_that_is_nobody_elses(self, gina: tuple[Client, User]) -> None:
        client, guest = gina
        message = client.post("/rooms/den/messages/", {"from": "alice", "text": "hi"}).json()
        assert (message["from"], message["verified"]) == ("Gina", True)
        assert not guest.has_usable_password()
        for name in ("gina", "G1na", "Ginа"):
            assert Client().post("/rooms/den/messages/", {"from": name, "text": "hi"}).status_code == 409
            other = Client(headers=OWN_PAGE)
            response = other.post("/accounts/guest/", {"display_name": name})
            assert (response.status_code, list(response.context["form"].errors)) == (422, ["display_name"])

    @pytest.mark.parametrize("name", ["", "Alice", "аlice", "x" * 65, "\u202ex", "a\x00", "\u3164"])
    def test_a_nickname_that_wont_do_is_refused(self, browser: Client, people: Any, name: str) -> None:
        assert browser.post("/accounts/guest/", {"display_name": name}).status_code == 422
        assert not User.objects.filter(is_guest=True).exists()

    def test_they_can_be_switched_off(self, browser: Client, settings: Any) -> None:
        settings.GUESTS = False
        assert browser.get("/accounts/guest/").status_code == 404
        assert browser.post("/accounts/guest/", {"display_name": "Gina"}).status_code == 404
        assert "guest" not in browser.get("/den").text
        assert not User.objects.exists()

    def test_an_address_makes_only_so_many(self) -> None:
        for number in range(30):
            client = from_address("192.0.2.1")
            assert client.post("/accounts/guest/", {"display_name": f"g{number}"}).status_code == 303
        response = from_address("192.0.2.1").post("/accounts/guest/", {"display_name": "more"})
        assert (response.status_code, "Retry-After" in response.headers) == (429, True)

    def test_a_guest_who_becomes_an_account_keeps_name_rooms_and_messages(
        self, gina: tuple[Client, User], make_room: Any
    ) -> None:
        client, guest = gina
        make_room("x-den", visibility="private", members=(guest,))
        client.post("/rooms/x-den/messages/", {"text": "hi"})
        session = client.session.session_key
        fields = {"username": "gina2", "password": PASSWORD}
        assert client.post("/accounts/become/", fields)["Location"] == "/accounts/profile/?saved"
        assert client.session.session_key != session
        other = Client(headers=OWN_PAGE)
        assert enter(other, "gina2").status_code == 303
        account = User.objects.get(username="gina2")
        assert (account.pk, account.is_guest, account.shown_name) == (guest.pk, False, "Gina")
        assert other.get("/rooms/x-den/messages/").json()["messages"][0]["verified"]
        assert client.post("/accounts/become/", fields)["Location"] == "/accounts/profile/"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [({"username": "alice"}, "username"), ({"username": "Аlice"}, "username"), ({"password": "short"}, "password")],
    )
    def test_a_refused_account_leaves_the_guest_as_it_was(
        self, gina: tuple[Client, User], people: Any, fields: dict[str, str], field: str
    ) -> None:
        client, guest = gina
        response = client.post("/accounts/become/", {"username": "gina2", "password": PASSWORD} | fields)
        assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
        assert ">Gina<" in response.text
        guest.refresh_from_db()
        assert guest.is_guest
        assert not guest.has_usable_password()

    def test_a_guest_has_no_password_to_change(self, gina: tuple[Client, User]) -> None:
        assert gina[0].get("/accounts/password/")["Location"] == "/accounts/profile/"

    def test_the_idle_are_removed_and_what_they_wrote_stays_as_of_nobody(
        self, gina: tuple[Client, User], make_room: Any, alice: User, settings: Any
    ) -> None:
        client, guest = gina
        den = make_room("x-den", visibility="private", members=(guest,))
        client.post("/rooms/hall/messages/", {"text": "hi"})
        old = timezone.now() - timedelta(days=settings.GUEST_DAYS, minutes=1)
        User.objects.update(last_seen_at=old, date_joined=old)
        busy = actions.make_guest("Busy")
        call_command("prune")
        assert set(User.objects.values_list("pk", flat=True)) >= {alice.pk, busy.pk}
        assert not User.objects.filter(pk=guest.pk).exists()
        message = Client().get("/rooms/hall/messages/").json()["messages"][0]
        assert (message["from"], message["verified"]) == ("Gina", False)
        assert list(Closing.objects.values_list("room", flat=True)) == [den.pk]
        assert not Membership.objects.exists()
        assert client.get("/accounts/profile/").status_code == 303
        assert Client().post("/rooms/hall/messages/", {"from": "Gina", "text": "hi"}).status_code == 201

    def test_what_a_guest_does_counts_once_an_hour_and_a_get_does_not(self, gina: tuple[Client, User]) -> None:
        client, guest = gina
        long_ago = timezone.now() - timedelta(days=3)

        def seen_after(act: Any) -> bool:
            User.objects.filter(pk=guest.pk).update(last_seen_at=long_ago)
            act()
            guest.refresh_from_db()
            return guest.last_seen_at != long_ago

        assert not seen_after(lambda: client.get("/den"))
        assert not seen_after(lambda: client.get("/rooms/den/messages/"))
        assert not seen_after(lambda: client.post("/rooms/den/messages/", {"text": ""}))
        assert not seen_after(lambda: Client().post("/rooms/den/messages/", {"from": "x", "text": "hi"}))
        assert seen_after(lambda: client.post("/rooms/den/messages/", {"text": "hi"}))
        first = guest.last_seen_at
        client.post("/rooms/den/messages/", {"text": "hi"})
        guest.refresh_from_db()
        assert guest.last_seen_at == first
        assert client.session.get_expiry_age() > 29 * 86_400


class TestInTheChat:
    def test_who_is_signed_in_goes_straight_in_under_their_own_name(self, alice: User) -> None:
        client = sign_in(alice)
        for url in ("/", "/den", "/den?user=bob", "/default?user=x"):
            response = client.get(url)
            assert response.templates[0].name == "chat.html"
            assert response.context["user_name"] == "alice"
            assert 'action="/accounts/sign-out/"' in response.text
            assert "/accounts/profile/" in response.text
        posted = client.post("/rooms/den/messages/", {"from": "bob", "text": "hi"}).json()
        assert (posted["from"], posted["verified"]) == ("alice", True)

    def test_a_link_on_another_site_opens_ones_own_page(self, alice: User) -> None:
        client = Client()
        client.force_login(alice)
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert client.get("/den", headers=link).templates[0].name == "chat.html"
        script = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        assert client.get("/den", headers=script).templates[0].name == "join.html"
        frame = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        assert client.get("/den", headers=frame).templates[0].name == "join.html"

    def test_a_visitor_joins_by_name_and_is_offered_more(self, curl: Client) -> None:
        page = curl.get("/den").text
        for url in ("sign-in", "sign-up", "guest"):
            assert f"/accounts/{url}/?next=/den" in page
        assert curl.get("/den?user=x").templates[0].name == "chat.html"
        assert not User.objects.exists()

    def test_a_visitor_with_somebodys_name_is_told_at_once(self, curl: Client, people: Any) -> None:
        for name in ("alice", "аlice", "A1ice"):
            response = curl.get("/den", {"user": name})
            assert (response.status_code, response.templates[0].name) == (422, "join.html")
            assert "belongs to somebody" in response.text

    def test_a_room_for_staff_offers_to_sign_in_and_any_error_page_the_way_out(
        self, alice: User, curl: Client, make_room: Any
    ) -> None:
        make_room("staff", visibility="staff")
        refused = curl.get("/staff", headers=HTML)
        assert (refused.status_code, "/accounts/sign-in/?next=/staff" in refused.text) == (401, True)
        refused = sign_in(alice).get("/staff", headers=HTML)
        assert (refused.status_code, 'action="/accounts/sign-out/"' in refused.text) == (403, True)
        assert "/accounts/sign-in/" not in refused.text

    def test_an_error_page_without_a_database_is_a_503(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        client = sign_in(alice)
        client.raise_request_exception = False

        def fail(*args: Any) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(connection, "cursor", fail)
        for url in ("/no/such/page", "/accounts/sign-in/", "/accounts/profile/"):
            assert client.get(url, headers=HTML).status_code == 503

    def test_every_page_is_cheap(self, alice: User, curl: Client, django_assert_num_queries: Any) -> None:
        client = sign_in(alice)
        actions.make_room("den")
        with django_assert_num_queries(3):  # session with user, room, messages
            client.get("/den")
        with django_assert_num_queries(3):  # name, room, messages
            curl.get("/den?user=x")
        with django_assert_num_queries(1):
            client.get("/accounts/profile/")
        with django_assert_num_queries(0):
            curl.get("/accounts/sign-in/")

    def test_pages_about_people_are_kept_by_no_cache_and_say_so_to_other_sites(self, alice: User) -> None:
        client = sign_in(alice)
        for name in ("profile", "password", "close"):
            response = client.get(f"/accounts/{name}/")
            assert "no-store" in response["Cache-Control"]
            assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
