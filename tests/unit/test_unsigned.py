"""Requests that no proxy of ours has signed."""

import contextlib
import time
from typing import Any

import jwt
import pytest
from django.test import Client

from chat import requester
from tests.unit.conftest import grip_headers

pytestmark = pytest.mark.django_db
STREAMS = ["/events/", "/events", "/rooms/den/events/", "/rooms/x-y/events", "/presence/", "/rooms/den/presence/"]
OTHERS = [
    *(
        "/",
        "/den",
        "/rooms/",
        "/rooms/den/messages/",
        "/accounts/sign-in/",
        "/accounts/me/",
        "/admin/",
        "/admin/login/",
    ),
    *(
        "/recover/",
        "/recover/x/",
        "/static/chat/base.css",
        "/api/openapi.json",
        "/hooks/x/",
        "/strangers",
        "/nothing/here",
    ),
    *("/healthy", "/x/health/ready", "//health/ready", "/den?health=/health/ready", "/rooms/events/messages/"),
]
BAD = {
    "none": None,
    "empty": "",
    "garbage": "x.y.z",
    "another key": jwt.encode({"iss": "pushpin", "exp": int(time.time()) + 86400}, "x" * 40, algorithm="HS256"),
    "expired": jwt.encode(
        {"iss": "pushpin", "exp": 1}, "a grip key that only the tests know, and long enough", "HS256"
    ),
    "without an end": jwt.encode({"iss": "pushpin"}, "a grip key that only the tests know, and long enough", "HS256"),
    "without a signature": jwt.encode({"iss": "pushpin", "exp": int(time.time()) + 86400}, None, algorithm="none"),
}


@pytest.fixture(autouse=True)
def required(settings: Any) -> None:
    settings.PROXY_REQUIRED = True


def headers_of(signature: str | None) -> dict[str, str]:
    return {} if signature is None else {"Grip-Sig": signature}


@pytest.mark.parametrize("method", ["get", "post", "delete", "head", "options", "patch", "put"])
@pytest.mark.parametrize("path", [*OTHERS, *STREAMS])
def test_unsigned_request_is_refused_everywhere(path: str, method: str) -> None:
    response = getattr(Client(), method)(path)
    assert response.status_code == (501 if path in STREAMS else 403)
    assert method == "head" or response.json()["code"] == ("PROXY_REQUIRED" if path in STREAMS else "REQUEST_UNSIGNED")


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("path", ["/den", "/rooms/den/events/", "/recover/"])
def test_bad_signature_is_none(path: str, case: str) -> None:
    response = Client(headers={**headers_of(BAD[case]), "Grip-Last": "r1.1; last-id=0"}).get(path)
    assert response.status_code in (403, 501)


@pytest.mark.parametrize("content_type", ["application/websocket-events", "Application/WebSocket-Events ;x"])
@pytest.mark.parametrize("body", [b"OPEN\r\n\r\n", b"garbage"])
def test_unsigned_frames_are_refused(content_type: str, body: bytes) -> None:
    response = Client().post("/events/", body, content_type=content_type, headers={"Connection-Id": "x"})
    assert response.status_code == 501


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_answers_everybody(path: str) -> None:
    assert Client().get(path).status_code == 200


@pytest.mark.parametrize("path", ["/den", "/rooms/", "/static/chat/base.css"])
def test_signed_request_is_answered(path: str) -> None:
    with contextlib.closing(Client(headers=grip_headers()).get(path)) as response:  # a file is open for the static one
        assert response.status_code == 200


def test_no_statement_is_made_for_an_unsigned_request(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        Client(headers={"Cookie": "sessionid=abc"}).get("/rooms/den/messages/")


@pytest.mark.parametrize(
    ("signed", "trusted", "forwarded", "address"),
    [
        (True, 0, "203.0.113.5", "203.0.113.5"),
        (True, 0, "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        (True, 1, "198.51.100.1, 203.0.113.5", "198.51.100.1"),
        (True, 1, "203.0.113.5", "203.0.113.5"),
        (False, 0, "203.0.113.5", "127.0.0.1"),
        (False, 0, "", "127.0.0.1"),
        (False, 1, "203.0.113.5", "203.0.113.5"),
        (False, 1, "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        (False, 2, "198.51.100.1, 203.0.113.5", "198.51.100.1"),
    ],
)
def test_address_is_the_one_that_trusted_proxies_tell(
    rf: Any, settings: Any, signed: bool, trusted: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    request = rf.get("/", headers={"X-Forwarded-For": forwarded} if forwarded else {})
    request.grip = type("Grip", (), {"signed": signed})
    assert requester.address_of(request) == address
