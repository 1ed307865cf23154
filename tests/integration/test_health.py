"""Readiness through the real proxy: it fails where everything else would be refused."""

import pytest

from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)


def test_a_proxy_with_another_key_is_not_ready_and_says_why() -> None:
    with Service() as service:
        assert service.get("/health/ready").json()["status"] == "ok"
        service.stop("gunicorn")
        service.environment["GRIP_KEY"] = "another-key-that-is-long-enough-for-it"
        service.start("gunicorn")
        direct = wait_until(lambda: _answered(service), 60, "an answer past the proxy")
        assert direct == 200  # the database is there
        through = service.get("/health/ready")
        assert (through.status, through.json()["database"]) == (503, True)
        assert "GRIP_KEY" in through.json()["cause"]
        assert service.get("/rooms/default/events/").status == 501
        assert service.get("/health/live").status == 200


def _answered(service: Service) -> int:
    try:
        return service.request("GET", "/health/ready", base=service.web_url, signed=False).status
    except OSError:
        return 0
