"""The profile: the name, the password, the end of an account."""

from typing import Any

import pytest
from django.test import Client

from chat import actions
from chat.models import ApiToken, Closing, Message, User
from tests.unit.accounts.conftest import PASSWORD, enter
from tests.unit.conftest import OWN_PAGE, sign_in

pytestmark = pytest.mark.django_db


class TestProfile:
    def test_every_page_of_ones_own_asks_to_sign_in_first(self, browser: Client) -> None:
        for name in ("profile", "password", "become", "close"):
            answer = browser.get(f"/accounts/{name}/")
            assert answer["Location"] == f"/accounts/sign-in/?next=%2Faccounts%2F{name}%2F"
            assert answer.status_code == 303
            refused = browser.post(f"/accounts/{name}/", headers={"Accept": "text/html"})
            assert refused.status_code == 401
            assert f"/accounts/sign-in/?next=/accounts/{name}/" in refused.text

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

    @pytest.mark.parametrize("name", ["", " ", "Bob", "b o b", "Bоb", "x" * 65, "\u202ex", "a\x07"])
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
