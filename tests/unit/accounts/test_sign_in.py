"""Signing in and out."""

from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from chat import actions
from chat.models import Closing, User
from tests.unit.accounts.conftest import PASSWORD, enter
from tests.unit.conftest import HTML, OWN_PAGE, sign_in

pytestmark = pytest.mark.django_db


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
        ["//evil.example/x", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "/\x07", "/\n"]
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
        "fields", [{"username": ""}, {"password": ""}, {"username": "a\x07"}, {"password": "\x07"}]
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
