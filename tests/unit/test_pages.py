"""The pages, health, and the first administrator."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from chat import actions
from chat.middleware import bare_heads
from chat.models import Message, Room, User
from tests.unit.conftest import HTML, RecordingProxy

pytestmark = pytest.mark.django_db


class TestJoinAndChat:
    def test_without_a_name_it_is_the_join_page(self, curl: Client) -> None:
        for url in ("/", "/den", "/den?user=", "/DEN"):
            response = curl.get(url)
            assert (response.status_code, response.templates[0].name) == (200, "join.html")
        assert not Room.objects.exists()

    def test_home_with_a_name_goes_on_to_the_first_room(self, curl: Client) -> None:
        response = curl.get("/?user=x%20%26")
        assert (response.status_code, response["Location"]) == (302, "/default?user=x+%26")

    def test_the_chat_page_has_the_last_fifty_messages_oldest_first_and_the_token(
        self, curl: Client, make_room: Any
    ) -> None:
        room = make_room(counter=60)
        Message.objects.bulk_create(
            Message(room=room, eid=eid, name="ann", text=f"text {eid}.", poster="n:ann") for eid in range(1, 61)
        )
        response = curl.get("/den", {"user": "Bo"})
        assert [message["id"] for message in response.context["messages"]] == list(range(11, 61))
        assert response.context["last_event_id"] == "room-den:60"
        assert response["Cache-Control"] == "no-store"
        assert "room-den:60" in response.text
        older = curl.get(response.context["older_url"])
        assert [message["id"] for message in older.context["messages"]] == list(range(1, 11))
        assert older.context["older_url"] == ""

    @pytest.mark.parametrize("name", ["\u202eann", "n" * 65, "\x07", " "])
    def test_a_bad_name_is_asked_for_again(self, curl: Client, name: str) -> None:
        response = curl.get("/den", {"user": name})
        assert (response.status_code, response.templates[0].name) == (422, "join.html")

    def test_hostile_text_and_names_are_text(self, curl: Client, make_room: Any) -> None:
        hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
        actions.post_message(AnonymousUser(), "den", hostile, name="<b>&\"'")
        response = curl.get("/den", {"user": "<i>\"'"})
        for raw in ("<script>alert", "<img src=x", "<b>&", '<i>"'):
            assert raw not in response.text

    def test_every_page_forbids_inline_scripts_and_other_sites(self, curl: Client) -> None:
        for url in ("/", "/den?user=x", "/x-none", "/a/b"):
            response = curl.get(url, headers=HTML)
            policy = response["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert response["X-Content-Type-Options"] == "nosniff"

    def test_a_mistake_of_ours_is_a_problem_document(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = Client(raise_request_exception=False)
        monkeypatch.setattr("chat.history.read", lambda *args, **kwargs: 1 / 0)
        response = client.get("/rooms/den/messages/")
        assert (response.status_code, response.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


class TestHealth:
    def test_it_is_ready_without_a_proxy_and_says_so(self, curl: Client, proxy: RecordingProxy) -> None:
        proxy.up = False
        response = curl.get("/health/ready")
        assert response.status_code == 200
        assert response.json() == {
            "status": "ok",
            "database": True,
            "proxies": [{"proxy": 1, "reachable": False}],
        }

    def test_it_is_not_ready_without_a_database_but_alive(self, curl: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(connection, "cursor", fail)
        assert (curl.get("/health/ready").status_code, curl.get("/health/live").status_code) == (503, 200)

    @pytest.mark.parametrize("url", ["/den", "/rooms/den/messages/", "/rooms/den/events/"])
    def test_a_database_that_is_away_is_a_503_to_try_again(
        self, reader: Client, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        def fail(*args: Any) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(connection, "cursor", fail)
        response = reader.get(url)
        assert (response.status_code, response.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert response["Retry-After"] == "1"


class TestFirstAdministrator:
    GOOD = {"username": "root", "password": "correct horse battery"}

    def link(self, capsys: pytest.CaptureFixture[str]) -> str:
        call_command("setup")
        return capsys.readouterr().out.strip().partition("http://localhost:7999")[2]

    def test_setup_makes_the_lobby_once_and_prints_a_link_that_works_once(
        self, curl: Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        url = self.link(capsys)
        assert Room.objects.get().title == "Lobby"
        assert curl.get(url).status_code == 200
        assert curl.post(url, self.GOOD)["Location"] == "/"
        user = User.objects.get()
        assert (user.is_superuser, user.is_staff, user.name_key) == (True, True, "root")
        assert curl.session["_auth_user_id"] == str(user.pk)
        assert (curl.get(url).status_code, curl.post(url, self.GOOD).status_code) == (404, 404)
        assert self.link(capsys) == ""
        assert Room.objects.count() == 1

    @pytest.mark.parametrize(
        "fields",
        [{"username": ""}, {"username": "a b"}, {"username": "a\x07"}, {"username": "u" * 151}]
        + [{"password": ""}, {"password": "short"}, {"password": "password"}],
    )
    def test_a_bad_name_or_password_is_refused(
        self, curl: Client, capsys: pytest.CaptureFixture[str], fields: dict[str, str]
    ) -> None:
        response = curl.post(self.link(capsys), self.GOOD | fields)
        assert (response.status_code, response.templates[0].name) == (422, "setup.html")
        assert not User.objects.exists()

    def test_a_name_that_reads_like_anothers_is_refused(
        self, curl: Client, capsys: pytest.CaptureFixture[str], people: dict[str, User]
    ) -> None:
        response = curl.post(self.link(capsys), self.GOOD | {"username": "Alice"})
        assert response.status_code == 422

    @pytest.mark.parametrize("token", ["x", "x:y:z", "%07", "ImFkbWluaXN0cmF0b3Ii:1:x"])
    def test_a_made_up_link_is_nothing(self, curl: Client, token: str) -> None:
        assert curl.get(f"/accounts/setup/{token}/").status_code == 404

    def test_a_foreign_page_cant_use_the_link(self, capsys: pytest.CaptureFixture[str]) -> None:
        strict = Client(enforce_csrf_checks=True)
        assert strict.post(self.link(capsys), self.GOOD).status_code == 403
        assert not User.objects.exists()


def test_the_answer_to_a_head_has_no_body_for_gunicorn_to_warn_of(rf: RequestFactory) -> None:
    answer = bare_heads(lambda request: HttpResponse("hello"))(rf.head("/"))
    assert (answer.content, answer.headers["Content-Length"]) == (b"", "5")


@pytest.mark.django_db
def test_the_page_says_of_whom_anybody_can_use_the_name(client: Client, published: list[Any]) -> None:
    shown = ">visitor</span>"
    client.post("/rooms/den/messages/", {"from": "zoe", "text": "hi"})
    visitor = client.get("/den?user=ann").content.decode()
    client.force_login(User.objects.create_user("bob"))
    client.post("/rooms/nest/messages/", {"text": "hi"}, headers={"Sec-Fetch-Site": "same-origin"})
    person = client.get("/nest").content.decode()
    assert f'can use this name"{shown}' in visitor
    assert f'can use this name"{shown}' not in person
    assert f'can use this name" hidden{shown}' in person
