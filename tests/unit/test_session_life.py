"""A session lasts from its last use: accounts for SESSION_DAYS, guests for GUEST_DAYS, reading too."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import actions
from chat.models import Session, User
from chat.sessions import SessionStore
from tests.unit.conftest import HTML, OWN_PAGE, grip_headers, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the service's clock: `clock(days=3)` is that much later from now on."""
    start, late = timezone.now(), timedelta()
    real = timezone.now

    def later(**more: float) -> datetime:
        nonlocal late
        late += timedelta(**more)
        return start + late

    monkeypatch.setattr(timezone, "now", lambda: real() + late)
    return later


def guest_client(name: str = "Gina") -> Client:
    client = Client(headers=OWN_PAGE | grip_headers())
    assert client.post("/accounts/guest/", {"display_name": name}).status_code == 303
    return client


def until(client: Client) -> datetime:
    moment: datetime = Session.objects.get(pk=client.cookies["sessionid"].value).expire_date
    return moment


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/me/").status_code == 200


# Pages, the API, streams of both kinds, a presence: what reads, and what writes.
USES = [
    ("GET", "/den", HTML),
    ("GET", "/", HTML),
    ("GET", "/rooms/", HTML),
    ("GET", "/-/?room=den", HTML),
    ("GET", "/strangers", HTML),
    ("GET", "/accounts/profile/", HTML),
    ("GET", "/accounts/me/", {}),
    ("GET", "/rooms/", {"Accept": "application/json"}),
    ("GET", "/rooms/den/messages/", {}),
    ("GET", "/rooms/den/people/", {}),
    ("GET", "/rooms/den/events/", {"Accept": "text/event-stream"}),
    ("GET", "/rooms/den/events/", {"Accept": "application/json"}),
    ("GET", "/rooms/den/presence/", {"Accept": "text/event-stream"}),
    ("GET", "/events/?channel=room-den", {"Accept": "text/event-stream"}),
    ("GET", "/rooms/nobody-made-it/", {}),
    ("POST", "/rooms/den/messages/", {}),
]


@pytest.mark.parametrize("who", ["account", "guest"])
@pytest.mark.parametrize(("method", "path", "headers"), USES)
def test_any_use_renews_a_session_and_sets_its_cookie_again(
    people: dict[str, User], make_room: Any, clock: Any, settings: Any, who: str, method: str, path: str, headers: Any
) -> None:
    make_room("den")
    client = sign_in(people["alice"], proxied=True) if who == "account" else guest_client()
    days = settings.SESSION_DAYS if who == "account" else settings.GUEST_DAYS
    clock(days=3)
    answer = client.generic(method, path, "text=hi", "application/x-www-form-urlencoded", headers=headers)
    assert answer.cookies["sessionid"]["max-age"] == days * 86_400
    assert answer.cookies["sessionid"]["httponly"]
    assert answer.cookies["sessionid"]["samesite"] == "Lax"
    assert timezone.now() + timedelta(days=days) - until(client) < timedelta(minutes=1)


@pytest.mark.parametrize("who", ["account", "guest"])
def test_who_comes_every_few_days_stays_signed_in_and_who_does_not_is_signed_out(
    people: dict[str, User], clock: Any, settings: Any, who: str
) -> None:
    client = sign_in(people["alice"]) if who == "account" else guest_client()
    days = settings.SESSION_DAYS if who == "account" else settings.GUEST_DAYS
    for _ in range(5):
        clock(days=days - 1.5)
        assert is_signed_in(client)
    clock(days=days, minutes=1)
    assert not is_signed_in(client)


@pytest.mark.parametrize(("days", "setting"), [(1, "SESSION_DAYS"), (2, "SESSION_DAYS"), (90, "SESSION_DAYS")])
def test_the_number_of_days_is_the_settings(
    people: dict[str, User], clock: Any, settings: Any, days: int, setting: str
) -> None:
    settings.SESSION_DAYS, settings.SESSION_COOKIE_AGE = days, days * 86_400
    client = sign_in(people["alice"])
    page = Client().get("/accounts/sign-in/").text
    assert f"stay away for {days} day" in page
    for _ in range(4):
        clock(days=days * 0.7)
        assert is_signed_in(client)
    clock(days=days, minutes=1)
    assert not is_signed_in(client)


def test_it_is_renewed_once_a_day_by_one_statement(
    people: dict[str, User], clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in(people["alice"])
    clock(hours=25)
    with django_assert_num_queries(2) as asked:  # session with person, renewal
        client.get("/accounts/me/")
    assert asked.captured_queries[1]["sql"].startswith("UPDATE")
    for hours in (0, 1, 11, 11.9):
        clock(hours=hours)
        with django_assert_num_queries(1):
            client.get("/accounts/me/")
    clock(hours=1)
    with django_assert_num_queries(2):
        client.get("/accounts/me/")


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"Authorization": "Bearer nothing"}, "/accounts/me/"),
        ({"Origin": "https://evil.example"}, "/rooms/den/messages/"),
        ({"Sec-Fetch-Site": "cross-site"}, "/rooms/den/messages/"),
        ({}, "/health/live"),
        ({}, "/api/openapi.json"),
    ],
)
def test_what_does_not_use_the_session_renews_none(
    people: dict[str, User], make_room: Any, clock: Any, headers: dict[str, str], path: str
) -> None:
    make_room("den")
    client = sign_in(people["alice"])
    before = until(client)
    clock(days=3)
    assert "sessionid" not in client.get(path, headers=headers).cookies
    assert until(client) == before


def test_a_session_that_was_ended_meanwhile_is_not_brought_back(
    people: dict[str, User], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(people["alice"])
    key = client.cookies["sessionid"].value
    clock(days=3)
    renew = SessionStore.renew

    def end_first(store: SessionStore, user: User, **more: bool) -> int | None:
        actions.end_session(user, store.session_key)
        return renew(store, user, **more)

    monkeypatch.setattr(SessionStore, "renew", end_first)
    assert "sessionid" not in client.get("/accounts/me/").cookies
    assert not Session.objects.filter(pk=key).exists()


def test_a_database_that_stumbles_over_the_renewal_costs_nobody_an_answer(
    people: dict[str, User], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(people["alice"])
    clock(days=3)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("locked")

    monkeypatch.setattr(SessionStore, "renew", fail)
    assert is_signed_in(client)


def test_signing_out_and_in_sets_no_old_cookie(people: dict[str, User], clock: Any) -> None:
    client = sign_in(people["alice"])
    clock(days=3)
    answer = client.post("/accounts/sign-out/")
    assert answer.cookies["sessionid"].value == ""
    assert not Session.objects.exists()


def test_the_guest_lives_as_long_as_the_session(clock: Any, settings: Any, make_room: Any) -> None:
    make_room("den")
    reader, gone = guest_client("Reader"), guest_client("Gone")
    for _ in range(3):
        clock(days=settings.GUEST_DAYS - 2)
        reader.get("/rooms/den/messages/")  # only reads
        call_command("prune")
    assert set(User.objects.values_list("display_name", flat=True)) == {"Reader"}
    assert is_signed_in(reader)
    assert not is_signed_in(gone)
    clock(days=settings.GUEST_DAYS, hours=1)
    call_command("prune")
    assert not User.objects.exists()


def test_a_guest_who_becomes_an_account_has_an_accounts_session(clock: Any, settings: Any) -> None:
    client = guest_client()
    client.post("/accounts/become/", {"username": "gina2", "password": "correct horse battery"})
    assert until(client) - timezone.now() < timedelta(days=settings.SESSION_DAYS, minutes=1)
    clock(days=3)
    assert client.get("/accounts/me/").cookies["sessionid"]["max-age"] == settings.SESSION_DAYS * 86_400


def test_only_what_holds_a_long_poll_sets_the_cookie_twice(people: dict[str, User], make_room: Any, clock: Any) -> None:
    make_room("den")
    client = sign_in(people["alice"], proxied=True)
    poll = {"Accept": "application/json", "Last-Event-ID": "room-den:0"}
    assert "sessionid" not in client.get("/den").cookies
    clock(days=3)
    for _ in range(2):
        held = client.get("/rooms/den/events/", headers=poll)
        assert held["Grip-Hold"] == "response"
        assert "sessionid" in held.cookies
        held.cookies.clear()
    assert "sessionid" not in client.get("/rooms/den/messages/").cookies
    clock(minutes=2)
    assert "sessionid" not in client.get("/rooms/den/events/", headers=poll).cookies
