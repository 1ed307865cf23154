"""What the tests of accounts share: browsers at an address, somebody with a password, a guest."""

from typing import Any

import pytest
from django.test import Client

from chat.models import User
from tests.unit.conftest import OWN_PAGE, grip_headers

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
