"""The key that both sides read: Pushpin's start and Django's settings take the same, or refuse it, each in one line."""

import base64
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured

from server import env

pytestmark = pytest.mark.sampled(4)

ROOT = Path(__file__).resolve().parents[2]
ENTRYPOINT = ROOT / "pushpin" / "entrypoint.sh"
KEY = "k" * 31 + "e"
GOOD = {
    "plain": KEY.encode(),
    "with a line end": KEY.encode() + b"\n",
    "with two": KEY.encode() + b"\n\n",
    "of Windows": KEY.encode() + b"\r\n",
    "of all kinds": KEY.encode() + b"\n\r\r\n",
    "signs": b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" + KEY.encode(),
    "that look like base64": b"base64:" + KEY.encode(),
    "with what sed reads": rb"\1&|s|@GRIP_KEY@|/\n\t%s$(id)`id`" + KEY.encode(),
    "with a dash": b"-" + KEY.encode(),
    "long": KEY.encode() * 30,
}
BAD = {
    "none": b"",
    "only a line end": b"\n",
    "short": b"k" * 31,
    "short but for a line end": b"k" * 31 + b"\n",
    "a blank at the end": KEY.encode() + b" ",
    "a blank before the line end": KEY.encode() + b" \n",
    "a blank at the start": b" " + KEY.encode(),
    "a blank inside": b"k" * 16 + b" " + b"k" * 16,
    "a tab at the end": KEY.encode() + b"\t",
    "only blanks": b" " * 40,
    "a line end at the start": b"\n" + KEY.encode(),
    "a line end inside": b"k" * 16 + b"\n" + b"k" * 32,
    "a carriage return inside": b"k" * 16 + b"\r" + b"k" * 32,
    "a second line": KEY.encode() + b"\n# the key of ...\n",
    "NUL": KEY.encode() + b"\0",
    "NULs": b"\0" * 40,
    "NUL inside": b"k" * 16 + b"\0" + b"k" * 32,
    "an umlaut": KEY.encode() + "ü".encode(),
    "an umlaut in Latin-1": KEY.encode() + b"\xfc",
    "a mark of the order of bytes": b"\xef\xbb\xbf" + KEY.encode(),
    "an unseen blank": KEY.encode() + "\u00a0".encode(),
    "half a character": KEY.encode() + b"\xe2\x82",
    "a control character": KEY.encode() + b"\x1b",
    "delete": KEY.encode() + b"\x7f",
}


class Pushpin:
    """pushpin/entrypoint.sh with a Pushpin that shows its configuration and ends."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        self.var.mkdir()
        self.programs = folder / "bin"
        self.programs.mkdir()
        (self.programs / "pushpin").write_text(
            '#!/bin/sh\nfor word; do case $word in --config=*) cat "${word#--config=}";; esac; done\n'
        )
        (self.programs / "pushpin").chmod(0o755)

    def start(self, shell: str = "sh", **environment: str | bytes) -> subprocess.CompletedProcess[str]:
        given: dict[str, str | bytes] = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "CORKBOARD_VAR": str(self.var),
        }
        command = [shell, str(ENTRYPOINT)]
        out, err = self.var.parent / "out", self.var.parent / "err"
        with out.open("wb") as to_out, err.open("wb") as to_err:  # pipes would wait for what it leaves behind
            done = subprocess.run(
                command, env=given | environment, stdout=to_out, stderr=to_err, check=False, timeout=30
            )
        return subprocess.CompletedProcess(command, done.returncode, out.read_text(), err.read_text())

    def key(self, done: subprocess.CompletedProcess[str]) -> str:
        assert done.returncode == 0, done.stderr
        [line] = [line for line in done.stdout.splitlines() if line.startswith("sig_key=")]
        return line.removeprefix("sig_key=")


@pytest.fixture
def pushpin() -> Iterator[Pushpin]:
    with tempfile.TemporaryDirectory(prefix="key-") as folder:  # a socket's path must be short
        yield Pushpin(Path(folder))


def django_key(environment: dict[str, str], file: Path) -> str:
    with mock.patch.dict(os.environ, environment, clear=True):
        return env.shared_key("GRIP_KEY", file=file)


def decoded(key: str) -> bytes:
    assert key.startswith("base64:")
    return base64.b64decode(key.removeprefix("base64:"))


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("key", GOOD.values(), ids=GOOD)
def test_both_sides_read_a_good_key_alike(pushpin: Pushpin, key: bytes, shell: str) -> None:
    file = pushpin.var / "grip_key"
    file.write_bytes(key)
    other = pushpin.var / "another file"
    other.write_bytes(key)
    ways: list[dict[str, str]] = [{}, {"GRIP_KEY_FILE": str(other)}, {"GRIP_KEY": key.decode()}]
    for way in ways:
        ours = django_key(way, file)
        theirs = decoded(pushpin.key(pushpin.start(shell, **way)))
        assert theirs == ours.encode() == key.rstrip(b"\r\n")
        assert jwt.decode(jwt.encode({"iss": "x"}, theirs, "HS256"), ours, ["HS256"]) == {"iss": "x"}


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("key", BAD.values(), ids=BAD)
def test_both_sides_refuse_a_bad_key_in_one_line(pushpin: Pushpin, key: bytes, shell: str) -> None:
    file = pushpin.var / "grip_key"
    file.write_bytes(key)
    ways: list[dict[str, bytes]] = [{}, {"GRIP_KEY_FILE": os.fsencode(file)}]
    if b"\0" not in key and key:
        ways.append({"GRIP_KEY": key})
    for way in ways:
        done = pushpin.start(shell, **way)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "GRIP_KEY" in done.stderr
        assert KEY[:20] not in done.stderr
        with pytest.raises(ImproperlyConfigured, match="GRIP_KEY") as refused:
            django_key({name: os.fsdecode(value) for name, value in way.items()}, file)
        assert len(str(refused.value).splitlines()) == 1
        assert KEY[:20] not in str(refused.value)


@pytest.mark.parametrize("way", [{}, {"GRIP_KEY": ""}, {"GRIP_KEY_FILE": "/nonexistent/key"}, {"GRIP_KEY_FILE": "/"}])
def test_a_key_that_is_not_there_is_one_line(pushpin: Pushpin, way: dict[str, str]) -> None:
    done = pushpin.start(**way)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    with pytest.raises(ImproperlyConfigured, match="GRIP_KEY"):
        django_key(way, pushpin.var / "grip_key")


def test_a_key_of_the_environment_wins_over_a_file_on_both_sides(pushpin: Pushpin) -> None:
    file = pushpin.var / "grip_key"
    file.write_text("f" * 40)
    other = pushpin.var / "other"
    other.write_text("o" * 40)
    for way, wanted in (
        ({"GRIP_KEY": "e" * 40, "GRIP_KEY_FILE": str(other)}, b"e" * 40),
        ({"GRIP_KEY": "", "GRIP_KEY_FILE": str(other)}, b"o" * 40),
        ({"GRIP_KEY": "", "GRIP_KEY_FILE": ""}, b"f" * 40),
    ):
        assert decoded(pushpin.key(pushpin.start(**way))) == django_key(way, file).encode() == wanted
