"""Settings: every value that can't be right stops the start with words that name it."""

import os
import runpy
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from server import env

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"SECRET_KEY": "s" * 32, "GRIP_KEY": "g" * 32, "CORKBOARD_VAR": "/nonexistent"}


def load(**environment: str) -> dict[str, Any]:
    """The settings as they are read from an environment."""
    with mock.patch.dict(os.environ, SECRETS | environment, clear=True):
        return runpy.run_path(str(ROOT / "server" / "settings.py"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "80.5"),
        ("PUBLIC_URL", "chat.example.org"),
        ("PUBLIC_URL", "ftp://chat.example.org"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "https://chat.example.org:port"),
        ("PUBLIC_URL", "https://example.org/chat"),
        ("DATABASE_URL", "chat.sqlite3"),
        ("DATABASE_URL", "oracle-of-delphi://user:password@host/name"),
        ("BODY_MAX_BYTES", "1"),
        ("BODY_MAX_BYTES", "256 kB"),
        ("LOG_LEVEL", "LOUD"),
        ("GRIP_URL", "127.0.0.1:5560"),
        ("GRIP_URL", "ipc:///tmp/pushpin"),
        ("GRIP_URL", "tcp://127.0.0.1"),
        ("GRIP_URL", "tcp://127.0.0.1:x"),
        ("GRIP_URL", "tcp://:5560"),
        ("GRIP_URL", "tcp://127.0.0.1:5560,http://"),
        ("GRIP_URL", "http://127.0.0.1:5561?key=base64:x"),
        ("ROOM_CREATION", "everyone"),
        ("POST_LIMIT", "60"),
        ("POST_LIMIT", "many"),
        ("POST_LIMIT", "0/minute"),
        ("POST_LIMIT", "-1/minute"),
        ("POST_LIMIT", "60/0 seconds"),
        ("POST_LIMIT", "60/fortnight"),
        ("TOKEN_POST_LIMIT", "60/minute/hour"),
        ("ADDRESS_POST_LIMIT", "1.5/second"),
        ("WRITE_LIMIT", "٦٠/minute"),
        ("ADDRESS_WRITE_LIMIT", "9999999999/minute"),
        ("SIGN_UP", "perhaps"),
        ("GUESTS", "2"),
        ("GUEST_DAYS", "0"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "11"),
        ("RETENTION_HOURS", "0"),
        ("RETENTION_HOURS", "-1"),
        ("RETENTION_HOURS", "1e3"),
        ("RETENTION_HOURS", "9" * 15),
        ("MESSAGE_MAX_CHARS", "0"),
        ("MESSAGE_MAX_CHARS", "50001"),
        ("HOOK_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("HOOK_ALLOWED_NETWORKS", "10.0.0.0/8 example.org"),
        ("HOOK_SECRET_IN_URL", "maybe"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", ""),
        ("GRIP_KEY", "short"),
        ("GRIP_KEY", ""),
        ("SECRET_KEY_FILE", "/nonexistent/secret"),
    ],
)
def test_a_bad_value_names_its_setting(name: str, value: str) -> None:
    environment = {name: value, "SECRET_KEY": ""} if name.endswith("_FILE") else {name: value}
    with pytest.raises(ImproperlyConfigured, match=name.removesuffix("_FILE")) as caught:
        load(**environment)
    assert "password" not in str(caught.value) or "user:password@host" in str(caught.value)
    assert "delphi" not in str(caught.value)


def test_without_an_environment_it_serves_this_machine_only() -> None:
    settings = load()
    assert settings["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]", "localhost"]
    assert settings["CSRF_TRUSTED_ORIGINS"] == ["http://localhost:7999"]
    assert (settings["DEBUG"], settings["SESSION_COOKIE_SECURE"], settings["ROOM_CREATION"]) == (False, False, "anyone")


def test_the_public_url_decides_hosts_cookies_and_origins() -> None:
    settings = load(PUBLIC_URL="https://Chat.example.org:8443/", ALLOWED_HOSTS="a.example, b.example")
    assert settings["ALLOWED_HOSTS"][3:] == ["chat.example.org", "a.example", "b.example"]
    assert (settings["SESSION_COOKIE_SECURE"], settings["CSRF_COOKIE_SECURE"]) == (True, True)
    assert settings["PUBLIC_URL"] == "https://Chat.example.org:8443"


def test_sqlite_keeps_what_it_was_given_and_lets_writers_wait() -> None:
    options = load()["DATABASES"]["default"]["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in options["init_command"]
    assert "journal_mode=WAL" in options["init_command"]
    postgres = load(DATABASE_URL="postgres://u:p@h:5/n")["DATABASES"]["default"]
    assert (postgres["ENGINE"], postgres["NAME"], "OPTIONS" in postgres and postgres["OPTIONS"]) in [
        ("django.db.backends.postgresql", "n", False),
        ("django.db.backends.postgresql", "n", {}),
    ]


@pytest.mark.parametrize(
    ("url", "proxies"),
    [
        ("", [{"publish_uri": "tcp://127.0.0.1:5560", "key": "g" * 32}]),
        ("tcp://10.0.0.5:5560?key=own", [{"publish_uri": "tcp://10.0.0.5:5560", "key": "own"}]),
        ("tcp://10.0.0.5:5560?key=base64:b3du", [{"publish_uri": "tcp://10.0.0.5:5560", "key": b"own"}]),
        ("http://10.0.0.6:5561/", [{"publish_uri": "http://10.0.0.6:5561", "key": "g" * 32}]),
        (
            "https://api.example/realm/r?iss=r&key=base64:b3du&verify-iss=v&verify-key=w",
            [
                {
                    "publish_uri": "https://api.example/realm/r",
                    "key": b"own",
                    "publish_key": b"own",
                    "publish_iss": "r",
                    "verify_iss": "v",
                    "verify_key": "w",
                }
            ],
        ),
    ],
)
def test_proxies_are_read_from_grip_url(url: str, proxies: list[dict[str, Any]]) -> None:
    assert load(GRIP_URL=url)["GRIP_PROXIES"] == proxies


def test_several_proxies_each_have_a_key() -> None:
    proxies = load(GRIP_URL="tcp://a:1 http://b:2,https://c/?key=k")["GRIP_PROXIES"]
    assert [proxy["publish_uri"] for proxy in proxies] == ["tcp://a:1", "http://b:2", "https://c"]
    assert all(proxy["key"] for proxy in proxies)


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("0", (0, 1)),
        ("60/minute", (60, 60)),
        ("60 / Minutes", (60, 60)),
        ("5/second", (5, 1)),
        ("1000/hour", (1000, 3600)),
        ("1/day", (1, 86_400)),
        ("20/8 seconds", (20, 8)),
        ("20/2minutes", (20, 120)),
    ],
)
def test_a_limit_is_so_often_in_so_much_time(value: str, rate: tuple[int, int]) -> None:
    assert load(POST_LIMIT=value)["POST_LIMIT"] == rate


class TestReaders:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("X", "X_FILE"):
            monkeypatch.delenv(name, raising=False)
        self.monkeypatch, self.path = monkeypatch, tmp_path / "value"

    def test_a_value_may_be_in_a_file_and_the_variable_wins(self) -> None:
        self.path.write_text(" from the file \n")
        self.monkeypatch.setenv("X_FILE", str(self.path))
        assert env.text("X", "default") == "from the file"
        self.monkeypatch.setenv("X", "from the variable")
        assert env.text("X", "default") == "from the variable"
        self.monkeypatch.setenv("X", "  ")
        assert env.text("X", "default") == "from the file"

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_a_file_that_cant_be_read_is_named(self, content: bytes | None) -> None:
        if content:
            self.path.write_bytes(content)
        self.monkeypatch.setenv("X_FILE", str(self.path if content else self.path.parent))
        with pytest.raises(ImproperlyConfigured, match="X: .*" + str(self.path.parent)):
            env.text("X")

    @pytest.mark.parametrize(
        ("value", "wanted"),
        [("1", True), ("YES", True), ("on", True), ("true", True), ("0", False), ("No", False), ("off", False)],
    )
    def test_truth_has_several_words(self, value: str, wanted: bool) -> None:
        self.monkeypatch.setenv("X", value)
        assert env.boolean("X", not wanted) is wanted

    def test_defaults(self) -> None:
        assert (env.text("X"), env.integer("X", 3), env.items("X", "a,b c")) == ("", 3, ["a", "b", "c"])
        assert (env.boolean("X", True), env.boolean("X", False)) == (True, False)

    def test_a_secret_comes_from_the_variable_its_file_or_the_generated_one(self) -> None:
        generated = self.path.with_name("generated")
        generated.write_text("g" * 32 + "\n")
        assert env.secret("X", file=generated) == "g" * 32
        self.path.write_text("f" * 32)
        self.monkeypatch.setenv("X_FILE", str(self.path))
        assert env.secret("X", file=generated) == "f" * 32
        self.monkeypatch.setenv("X", "v" * 32)
        assert env.secret("X", file=generated) == "v" * 32
        self.monkeypatch.setenv("X", "short")
        with pytest.raises(ImproperlyConfigured, match="at least 32"):
            env.secret("X", file=generated)
