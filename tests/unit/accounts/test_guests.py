"""Guests: for how long they stay, and how they become accounts."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from chat import actions
from chat.models import Closing, Membership, User
from tests.unit.accounts.conftest import PASSWORD, enter, from_address
from tests.unit.conftest import OWN_PAGE

pytestmark = pytest.mark.django_db


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

    @pytest.mark.parametrize("name", ["", "Alice", "аlice", "x" * 65, "\u202ex", "a\x07", "\u3164"])
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
        User.objects.update(date_joined=old)
        call_command("prune")
        assert User.objects.filter(pk=guest.pk).exists()  # the session is still good
        guest.sessions.update(expire_date=timezone.now())
        busy = actions.make_guest("Busy")
        call_command("prune")
        assert set(User.objects.values_list("pk", flat=True)) >= {alice.pk, busy.pk}
        assert not User.objects.filter(pk=guest.pk).exists()
        message = Client().get("/rooms/hall/messages/").json()["messages"][0]
        assert (message["from"], message["verified"]) == ("Gina", False)
        assert list(Closing.objects.values_list("room", flat=True)) == [den.pk]
        assert not Membership.objects.exists()
        assert client.get("/accounts/profile/").status_code == 303
        assert Client().post("/rooms/hall/messages/", {"from": "Gina", "text": "hi"}).status_code == 409  # for a while
