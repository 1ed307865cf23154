"""How gunicorn writes an answer: as a whole."""

import runpy
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi

from server.settings import BASE


class Socket:
    """Counts what is sent at once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(bytes(data))


@pytest.fixture
def respond(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(wsgi, "Response", wsgi.Response)  # put back afterwards
    runpy.run_path(str(BASE / "server" / "gunicorn.conf.py"))

    def respond(headers: list[tuple[str, str]], *parts: bytes, method: str = "GET") -> list[bytes]:
        request = SimpleNamespace(version=(1, 1), method=method, headers=[], should_close=lambda: False)
        answer = wsgi.Response(request, Socket(), Config())
        answer.start_response("200 OK", headers)
        for part in parts:
            answer.write(part)
        answer.close()
        return answer.sock.sent

    return respond


def test_header_and_body_go_to_the_kernel_in_one_write(respond: Any) -> None:
    (whole,) = respond([("Content-Length", "5")], b"hello")
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\n\r\nhello")


def test_further_parts_follow(respond: Any) -> None:
    first, *others = respond([], b"one", b"two")
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert b"".join(others) == b"3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_without_a_body_is_sent_too(respond: Any, method: str) -> None:
    (whole,) = respond([("Content-Length", "0")], method=method)
    assert whole.endswith(b"\r\n\r\n")
