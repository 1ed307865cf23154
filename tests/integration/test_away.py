"""pushpin/away.py answers while Django is away: here alone, and behind a real Pushpin."""

import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from chat.problems import Problem
from tests.service import ROOT, Service, session_members, wait_until

pytestmark = pytest.mark.timeout(120)
AWAY = ROOT / "pushpin" / "away.py"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
BEHIND = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
ODD = {
    "a second request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + BEHIND,
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 40\r\nContent-Length: 0\r\n\r\n" + BEHIND,
    "a length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + BEHIND,
    "a length that is none": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n" + BEHIND,
    "more body than a buffer holds": b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000,
    "less body than said": b"POST / HTTP/1.1\r\nContent-Length: 500\r\n\r\nx",
    "an unknown method": b"<b>BREW</b> / HTTP/1.1\r\n\r\n" + BEHIND,
    "a line that is none": b"<b>\r\n\r\n" + BEHIND,
    "a header without an end": b"GET / HTTP/1.1\r\na: " + b"<b>" * 40_000,
    "no byte": b"",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of one that runs alone, for a process that lives as long as the tests."""
    file = tmp_path_factory.mktemp("away") / "port"
    with subprocess.Popen(["sleep", "1000"]) as lives:
        away = subprocess.Popen([sys.executable, "-I", str(AWAY), str(lives.pid), str(file)])
        wait_until(lambda: file.exists() and file.read_text(), 30, "a port")
        yield int(file.read_text())
        lives.kill()
        assert away.wait(10) == 0  # it ends with the process that it was given


def answer_to(port: int, request: bytes) -> bytes:
    """All that comes back, until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        answer = b""
        with suppress(OSError):  # it refuses what is no request without reading it to its end
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while received := connection.recv(65_536):
                answer += received
        return answer


@pytest.mark.parametrize("request_", ODD.values(), ids=ODD)
def test_a_connection_gets_one_answer_and_ends_whatever_is_sent(port: int, request_: bytes) -> None:
    answer = answer_to(port, request_)
    assert answer.count(b"HTTP/1.") <= 1, answer
    assert answer.startswith(b"HTTP/1.0 503 ") == (request_.startswith((b"GET / HTTP/1.1\r\nHost", b"POST"))), answer
    assert b"behind" not in answer
    assert b"<b>" not in answer


def test_peers_that_send_nothing_delay_nobody(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)).sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        assert answer_to(port, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.0 503 ")
        assert time.monotonic() - began < 2


@pytest.fixture(scope="module")
def without_django() -> Iterator[Service]:
    """A service whose Django is away."""
    with Service() as service:
        service.stop("gunicorn")
        yield service


@pytest.mark.parametrize("path", ["/", "/rooms/a/", "/rooms/a/messages/", "/rooms/a/events/", "/health/ready"])
@pytest.mark.parametrize("method", METHODS)
def test_every_request_is_refused_with_words_and_a_code(without_django: Service, method: str, path: str) -> None:
    body = b"from=ann&text=hello" if method in ("POST", "PUT", "PATCH") else None
    answer = without_django.request(method, path, body)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"] == "application/problem+json"
    if method != "HEAD":
        problem = runpy.run_path(str(AWAY))["PROBLEM"]
        assert answer.json() == problem == Problem(problem["code"], problem["detail"], retry_after=5).as_dict()
    page = without_django.request(method, path, body, {"Accept": BROWSER})
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert ("Refresh" in page.headers) == (method == "GET")  # a browser would ask for what was posted
    assert method == "HEAD" or b"<h1>Corkboard is restarting</h1>" in page.body


@pytest.mark.parametrize("size", [100_000, 200_000, 250_000, 500_000])
def test_a_post_with_a_large_body_is_answered_too(without_django: Service, size: int) -> None:
    assert without_django.request("POST", "/rooms/a/messages/", b"x" * size).status == 503


def away_of(service: Service) -> list[int]:
    """The processes of a service's Pushpin that answer for Django."""
    members = session_members(service.processes["pushpin"].pid)
    return [pid for pid in members if b"away.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_it_and_pushpin_end_with_each_other(without_django: Service) -> None:
    service = without_django
    [away] = away_of(service)
    os.kill(away, signal.SIGKILL)
    service.processes["pushpin"].wait(10)  # whoever runs it starts both again
    service.start("pushpin")
    service.start("gunicorn")
    service.wait_ready()
    [away] = away_of(service)
    os.kill(service.processes["pushpin"].pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{away}").exists(), 10, "its end")
    service.stop("pushpin")
    service.start("pushpin")
    service.wait_ready()
    service.stop("gunicorn")
