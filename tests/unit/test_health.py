"""Ready proves the round trip that people's requests make: through a proxy that signs with our key."""

import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client

from tests.unit.conftest import grip_headers

pytestmark = pytest.mark.django_db


def signed(key: str, **claims: Any) -> dict[str, str]:
    return {
        "Grip-Sig": jwt.encode({"iss": "pushpin", "exp": int(time.time()) + 86400} | claims, key, algorithm="HS256")
    }


KEY = settings.GRIP_KEY
BADLY_SIGNED = {
    "another key": signed("another key, also long enough for this"),
    "the key with a blank behind it": signed(f"{KEY} "),
    "the key with a blank before it": signed(f" {KEY}"),
    "the key in capitals": signed(KEY.upper()),
    "half of the key": signed(KEY[: len(KEY) // 2] * 2),
    "an old signature": signed(KEY, exp=int(time.time()) - 10),
    "no end": {"Grip-Sig": jwt.encode({"iss": "pushpin"}, KEY, algorithm="HS256")},
    "nonsense": {"Grip-Sig": "x.y.z"},
    "nothing": {"Grip-Sig": ""},
    "no algorithm": {"Grip-Sig": jwt.encode({"iss": "x", "exp": int(time.time()) + 86400}, None, algorithm="none")},
}


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("headers", BADLY_SIGNED.values(), ids=BADLY_SIGNED)
def test_a_signature_that_does_not_hold_is_not_ready(headers: dict[str, str], required: bool, settings: Any) -> None:
    settings.PROXY_REQUIRED = required
    answer = Client(headers=headers).get("/health/ready")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["database"]) == ("unavailable", True)
    assert "GRIP_KEY" in answer.json()["cause"]
    assert KEY not in answer.text
    assert Client(headers=headers).get("/health/live").status_code == 200


def test_a_proxy_that_does_not_sign_is_not_ready(settings: Any) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7"}
    settings.PROXY_REQUIRED = True
    assert Client(headers=headers).get("/health/ready").status_code == 503
    settings.PROXY_REQUIRED = False  # a front of the operator's own
    assert Client(headers=headers).get("/health/ready").status_code == 200


@pytest.mark.parametrize("headers", [{}, grip_headers(), grip_headers(**{"X-Forwarded-For": "203.0.113.7"})])
@pytest.mark.parametrize("required", [True, False])
def test_our_own_signature_and_a_request_past_the_proxy_are_ready(
    headers: dict[str, str], required: bool, settings: Any
) -> None:
    settings.PROXY_REQUIRED = required
    answer = Client(headers=headers).get("/health/ready")
    assert (answer.status_code, answer.json()["status"], "cause" in answer.json()) == (200, "ok", False)
