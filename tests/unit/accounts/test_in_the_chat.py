"""Who is signed in, in the chat: names that stay one's own."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from chat import actions
from chat.models import User
from tests.unit.conftest import HTML, sign_in

pytestmark = pytest.mark.django_db


class TestInTheChat:
    def test_who_is_signed_in_goes_straight_in_under_their_own_name(self, alice: User) -> None:
        actions.make_room("den")
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
        actions.make_room("den")
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
