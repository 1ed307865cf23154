"""What logs hold: no secret of an address in any spelling, one line for a message, and an end."""

import io
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core import signing
from django.db import OperationalError
from django.test import Client
from django.urls import URLPattern, get_resolver

from chat import access
from chat.actions.people import setup_token
from chat.models import Room
from server import accesslog, redact
from server.redact import Formatter, Seldom, hide
from tests.unit.conftest import grip_headers

SECRET = "s3cr-et_S3CRET"
# As each looks: random text, what Django signs, and a batch of a stream.
SECRETS = [
    SECRET,
    f"ImFkbWlu.{SECRET}:1tX9:{SECRET}",
    f"r1.2=3+m7.1=9+{SECRET}:{SECRET}",
    f"{SECRET}.json",
    "~" + SECRET,
]
PREFIXES = ["/accounts/invites/", "/accounts/setup/", "/hooks/ab12cd34/", "/recover/"]
# In what they come: request lines, referers, the texts of errors, addresses in other addresses.
AROUND = [
    "GET {} HTTP/1.1",
    '"{}"',
    "'{}'",
    "Service Unavailable: {}",
    "database error on {}: OperationalError",
    "https://chat.example.org{}",
    "http://user@localhost:7999{}?next=/",
    "Referer: http://chat.example.org{}#top",
    "<WSGIRequest: POST '{}'>",
    "Error handling request {}",
    "Not found: {} and {}",
    "ValueError: bad path {}\n  at line 3",
    "[{}]",
    "({})",
    "?next={}&x=1",
    "/accounts/sign-in/?next={}",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", AROUND)
def test_a_secret_of_an_address_is_hidden_wherever_it_stands(prefix: str, secret: str, around: str) -> None:
    for path in (f"{prefix}{secret}/", f"{prefix}{secret}", f"{prefix}{secret}/more/"):
        for spelled in (path, quote(path, safe=""), quote(quote(path, safe=""), safe=""), quote(path, safe="").lower()):
            line = around.format(spelled, spelled)
            assert "s3cr" not in hide(line).lower(), line
            assert hide(hide(line)) == hide(line)


def test_every_address_with_a_secret_is_hidden() -> None:
    """A new one whose part is called secret, token or batch must be known to server.redact."""

    def routes(patterns: list[Any], before: str = "") -> Iterator[str]:
        for pattern in patterns:
            route = before + str(getattr(pattern.pattern, "_route", ""))
            if isinstance(pattern, URLPattern):
                yield route
            else:
                yield from routes(pattern.url_patterns, route)

    secret = [
        route for route in routes(get_resolver().url_patterns) if re.search(r"<(\w+:)?(secret|token|batch)>", route)
    ]
    assert len(secret) >= 4
    for route in secret:
        path = "/" + re.sub(
            r"<(\w+:)?(\w+)>", lambda part: SECRET if part[2] in ("secret", "token", "batch") else "x1", route
        )
        assert SECRET not in hide(f"GET {path} HTTP/1.1"), path


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("POST /hooks/ab12/s3cret-x_/ HTTP/1.1", "POST /hooks/ab12/…/ HTTP/1.1"),
        ("GET /accounts/invites/s3cret/ HTTP/1.1", "GET /accounts/invites/…/ HTTP/1.1"),
        ("POST /hooks/ab12/ HTTP/1.1", "POST /hooks/ab12/ HTTP/1.1"),
        ("GET /rooms/den/hooks/ab12/deliveries/ HTTP/1.1", "GET /rooms/den/hooks/ab12/deliveries/ HTTP/1.1"),
        ("GET /recover/ HTTP/1.1", "GET /recover/ HTTP/1.1"),
        ("GET /rooms/recover/messages/ HTTP/1.1", "GET /rooms/recover/…/ HTTP/1.1"),  # too much is no harm
        ("GET /accounts/sign-in/ HTTP/1.1", "GET /accounts/sign-in/ HTTP/1.1"),
        ("GET /rooms/den/events/?lastEventId=room-den:7", "GET /rooms/den/events/?lastEventId=room-den:7"),
        ("/accounts/invites/", "/accounts/invites/"),
        ("webhook ab12cd34 was switched off", "webhook ab12cd34 was switched off"),
    ],
)
def test_the_rest_of_a_line_stays(line: str, shown: str) -> None:
    assert hide(line) == shown


def record(message: str, *arguments: object, error: Any = None, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord("x", logging.WARNING, "here.py", line, message, arguments, error)


def written(message: str, *arguments: object, error: Any = None) -> str:
    return Formatter("%(levelname)s: %(message)s").format(record(message, *arguments, error=error))


def test_arguments_and_tracebacks_are_written_without_secrets() -> None:
    path = f"/accounts/invites/{SECRET}/"
    try:
        raise RuntimeError(f"no answer at {path}") from ValueError(quote(path, safe=""))
    except RuntimeError as error:
        text = written("error on %s", path, error=(type(error), error, error.__traceback__))
    assert "Traceback" in text
    assert text.count("…") >= 3
    assert SECRET not in text


@pytest.mark.parametrize("control", ["\n", "\r", "\r\n", "\x1b[2J", "\0", "\x85", "\u2028", "\u2029", "\x9b"])
def test_a_message_is_one_line(control: str) -> None:
    """Else a client could write lines that look like ours, or speak to the operator's terminal."""
    text = written("database error on %s", f"/x{control}2026-01-01 ERROR chat: all is lost")
    assert len(text.splitlines()) == 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


def test_a_message_and_a_traceback_have_an_end() -> None:
    assert len(written("%s", "x" * 100_000)) < 1100
    assert "s3c" not in written("%s", "/" + "x" * 980 + "/accounts/invites/s3cret-s3cret-s3cret/")
    try:
        int("1" + "x" * 200_000)
    except ValueError as error:
        text = written("oh", error=(type(error), error, error.__traceback__))
    assert len(text) < 11_000
    assert "test_logs.py" in text
    assert "ValueError" in text


class TestSeldom:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [100.0]
        monkeypatch.setattr(redact.time, "monotonic", lambda: now[0])
        return now

    def test_what_comes_often_is_counted_and_said_later(self, clock: list[float]) -> None:
        seldom = Seldom()
        assert sum(seldom.filter(record("again %s", number)) for number in range(500)) == 20
        clock[0] += 61
        after = record("again %s", 7)
        assert seldom.filter(after)
        assert after.getMessage() == "again 7 (480 more lines like this were left out)"
        following = record("again %s", 8)
        assert seldom.filter(following)
        assert following.getMessage() == "again 8"

    def test_other_places_are_not_kept_from_speaking(self, clock: list[float]) -> None:
        seldom = Seldom()
        for _ in range(100):
            seldom.filter(record("again"))
        assert seldom.filter(record("another", line=2))

    def test_another_fault_in_the_same_place_is_seen(self, clock: list[float]) -> None:
        seldom = Seldom()

        def fault(kind: type[Exception]) -> Any:
            try:
                raise kind
            except Exception as error:
                return type(error), error, error.__traceback__

        assert sum(seldom.filter(record("oh", error=fault(ValueError))) for _ in range(50)) == 20
        assert seldom.filter(record("oh", error=fault(KeyError)))


class TestGunicorn:
    @pytest.fixture
    def logs(self) -> Any:
        from gunicorn.config import Config

        config = Config()
        config.set("accesslog", "-")
        logger = accesslog.AccessLog(config)
        streams = io.StringIO(), io.StringIO()
        for log, stream in zip((logger.error_log, logger.access_log), streams, strict=True):
            handler = logger._get_gunicorn_handler(log)
            handler.setStream(stream)
        yield logger, *streams
        for log in (logger.error_log, logger.access_log):
            log.removeHandler(logger._get_gunicorn_handler(log))

    def test_its_logs_have_no_secrets(self, logs: Any) -> None:
        logger, errors, accesses = logs
        try:
            raise OSError(f"/hooks/ab12/{SECRET}/")
        except OSError:
            logger.exception("Error handling request %s %s", "POST", f"/hooks/ab12/{SECRET}/")
        logger.warning(f"Invalid request from ip=::1: /accounts/setup/{SECRET}:x:y/ " + "x" * 5000)
        logger.access_log.info("GET /accounts/invites/%s/ HTTP/1.1 http://a/accounts/invites/%s/", SECRET, SECRET)
        said = errors.getvalue() + accesses.getvalue()
        assert said.count("…") >= 5
        assert SECRET not in said

    def test_what_clients_cause_comes_to_an_end_and_the_access_log_is_whole(self, logs: Any) -> None:
        logger, errors, accesses = logs
        for number in range(300):
            logger.warning(f"Invalid request from ip=::1: {number}")
            logger.access_log.info("GET /%s", number)
        assert len(errors.getvalue().splitlines()) == 20
        assert len(accesses.getvalue().splitlines()) == 300

    def test_a_reload_sets_it_up_once(self, logs: Any) -> None:
        logger, _, _ = logs
        logger.setup(logger.cfg)
        handler = logger._get_gunicorn_handler(logger.error_log)
        assert [type(one) for one in handler.filters] == [Seldom]


def test_djangos_logs_are_written_so() -> None:
    handler = settings.LOGGING["handlers"]["console"]
    assert settings.LOGGING["formatters"][handler["formatter"]]["()"] == "server.redact.Formatter"
    assert [settings.LOGGING["filters"][name]["()"] for name in handler["filters"]] == ["server.redact.Seldom"]
    root = logging.getLogger()
    ours = [handler for handler in root.handlers if isinstance(handler.formatter, Formatter)]
    assert len(ours) == 1


@pytest.mark.django_db
class TestRequests:
    """As Django logs them, through the handler that writes."""

    @pytest.fixture
    def log(self) -> Iterator[io.StringIO]:
        stream = io.StringIO()
        [handler] = [one for one in logging.getLogger().handlers if isinstance(one.formatter, Formatter)]
        before = handler.setStream(stream)  # type: ignore[attr-defined]
        filters, handler.filters = handler.filters, [Seldom()]  # what other tests logged does not count
        yield stream
        handler.filters = filters
        handler.setStream(before)  # type: ignore[attr-defined]

    @pytest.mark.parametrize("fault", [OperationalError("database is locked"), RuntimeError("oh"), ValueError("oh")])
    def test_a_failing_database_and_a_fault_of_ours_tell_no_secret(
        self, log: io.StringIO, fault: Exception, monkeypatch: pytest.MonkeyPatch, make_room: Any, settings: Any
    ) -> None:
        settings.HOOK_SECRET_IN_URL = True
        token = setup_token() or ""
        batch = signing.Signer(salt="chat.stream.batch").sign("r1.1=1")
        secrets = {SECRET: f"/accounts/invites/{SECRET}/", token: f"/accounts/setup/{token}/"}
        secrets |= {"h00k-s3cret": "/hooks/ab12/h00k-s3cret/", batch: f"/recover/{batch}/"}

        def fail(*arguments: Any, **more: Any) -> Any:
            raise type(fault)(f"{fault} at {' '.join(secrets.values())}")

        for place, name in (
            (access, "find_invite"),
            (access, "find_incoming_hook"),
            (Room.objects, "live"),
            (Room.objects, "filter"),
        ):
            monkeypatch.setattr(place, name, fail)
        monkeypatch.setattr("chat.pages.accounts.actions.is_setup_token", fail)
        client = Client(raise_request_exception=False, headers={**grip_headers(), "Origin": "http://testserver"})
        for path in secrets.values():
            for method in ("GET", "POST"):
                referer = {"Referer": f"http://testserver{path}"}
                body = b'{"text": "hi"}'
                assert client.generic(method, path, body, "application/json", headers=referer).status_code in (
                    401,
                    405,
                    500,
                    503,
                )
        said = log.getvalue()
        assert "/accounts/invites/…/" in said
        assert "/recover/…/" in said
        for secret in secrets:
            assert secret not in said
            assert secret.partition(":")[0] not in said

    def test_a_bad_host_asked_again_and_again_is_some_short_lines(self, log: io.StringIO) -> None:
        for number in range(300):
            Client().get("/", headers={"Host": f"{'evil' * 500}{number}.example"})
        lines = log.getvalue().splitlines()
        assert 1 <= len(lines) <= 20
        assert all(len(line) < 300 for line in lines)
