"""Sessions: they come with their person in one statement, end with them, and survive the update that brought this."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat.models import Session, User
from chat.sessions import SessionStore
from tests.unit.conftest import OWN_PAGE, sign_in

pytestmark = pytest.mark.django_db


def is_in(client: Client) -> bool:
    """Whether the browser is signed in."""
    return client.get("/accounts/me/").status_code == 200


def test_a_session_says_whose_it_is_from_the_sign_in_to_its_end(people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    assert Session.objects.get().user == people["alice"]
    client.post("/accounts/sign-out/")
    assert not Session.objects.exists()
    assert not is_in(client)


def test_both_are_read_by_one_statement(
    people: dict[str, User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in(people["alice"])
    with django_assert_num_queries(1):
        assert client.get("/accounts/me/").json()["username"] == "alice"


@pytest.mark.parametrize(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: User.objects.filter(pk=user.pk).update(password="another"),
        lambda user: user.delete(),
        lambda user: user.sessions.all().delete(),
        lambda user: user.sessions.update(expire_date=timezone.now() - timedelta(seconds=1)),
        lambda user: user.sessions.update(session_data="made up"),
        lambda user: user.sessions.update(user=None),
    ],
    ids=["closed", "password", "deleted", "ended", "expired", "broken", "nobody's"],
)
def test_nobody_is_signed_in_by_a_session_that_is_not_good_any_more(people: dict[str, User], change: Any) -> None:
    alice, bob = sign_in(people["alice"]), sign_in(people["bob"])
    change(people["alice"])
    assert (is_in(alice), is_in(bob)) == (False, True)


def test_an_older_password_ends_the_session_itself(people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    User.objects.update(password="another")
    assert not is_in(client)
    assert not Session.objects.exists()


def test_a_backend_that_is_not_in_use_signs_nobody_in(people: dict[str, User], settings: Any) -> None:
    client = sign_in(people["alice"])
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert not is_in(client)


@pytest.mark.parametrize("cookie", ["", "x", "a" * 32, "a" * 5000, "'; --"])
def test_a_made_up_cookie_is_nobodys(db: None, cookie: str) -> None:
    client = Client(headers=OWN_PAGE)
    client.cookies["sessionid"] = cookie
    assert not is_in(client)


def test_the_update_signs_nobody_out(people: dict[str, User]) -> None:
    client = sign_in(people["alice"])
    [good] = Session.objects.all()
    later, before = timezone.now() + timedelta(days=1), timezone.now() - timedelta(days=1)
    rows = [
        ("good".ljust(32, "x"), good.session_data, later),
        ("over".ljust(32, "x"), good.session_data, before),
        ("gone".ljust(32, "x"), SessionStore().encode({SESSION_KEY: "999999"}), later),
        ("nobody".ljust(32, "x"), SessionStore().encode({}), later),
        ("broken".ljust(32, "x"), "made up", later),
    ]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE django_session (session_key varchar(40), session_data text, expire_date datetime)")
        for key, data, expire in rows:
            stamp = connection.ops.adapt_datetimefield_value(expire)
            cursor.execute("INSERT INTO django_session VALUES (%s, %s, %s)", [key, data, stamp])
    Session.objects.all().delete()
    migration = import_module("chat.migrations.0009_limits_and_sessions")
    migration.keep_sessions(apps, SimpleNamespace(connection=connection))
    assert list(Session.objects.values_list("session_key", "user")) == [(rows[0][0], people["alice"].pk)]
    client.cookies["sessionid"] = rows[0][0]
    assert is_in(client)
