"""Making an account: names that nobody else has, and passwords."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.test import Client

from chat import actions
from chat.models import User
from server.env import Rate
from tests.unit.accounts.conftest import PASSWORD, from_address
from tests.unit.conftest import sign_in

pytestmark = pytest.mark.django_db


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
            ({"username": "a\x07"}, "username"),
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

    @pytest.mark.parametrize(("limit", "answers"), [((2, 60), [422, 422, 429]), ((0, 1), [422] * 3)])
    def test_how_many_an_address_makes_is_the_operators_word(
        self, settings: Any, limit: tuple[int, int], answers: list[int]
    ) -> None:
        settings.ADDRESS_SIGN_UP_LIMIT = Rate(*limit)
        client = from_address("192.0.2.1")
        wrong = self.GOOD | {"password": "short"}
        assert [client.post("/accounts/sign-up/", wrong).status_code for _ in range(3)] == answers

    def test_an_address_makes_only_so_many(self) -> None:
        client = from_address("192.0.2.1")
        for _ in range(30):
            client.post("/accounts/sign-up/", self.GOOD | {"password": "short"})
        response = client.post("/accounts/sign-up/", self.GOOD)
        assert (response.status_code, "tried too often" in response.text) == (429, True)
        assert 3500 < int(response["Retry-After"]) <= 3600
        assert from_address("192.0.2.2").post("/accounts/sign-up/", self.GOOD).status_code == 303
