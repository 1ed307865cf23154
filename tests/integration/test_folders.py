"""`make run` in folders of any name, from a copy of the project; and what its logs hold when requests fail."""

import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.service import ROOT, Service, free_port, kill_session, session_members, wait_until

pytestmark = pytest.mark.timeout(180)
# Each sets the first start up from nothing: few with much in them. tests/unit/test_folders.py has many with little.
NAMES = [
    "chat #1 %s ;ü?mode=memory",
    "ü'\"$HOME`id`&\\漢字 🎉",
    "-chat,[1]{2} ?mode=memory",
]
REFUSED = ["chat:1", "chat\n1", "chat\x1b[2J"]


def copy_of_project(folder: Path) -> None:
    """What git has, with the environment of the tests in the place of one of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in listed.decode().strip("\0").split("\0"):
        if name.startswith(("tests/", "benchmarks/")) or not (ROOT / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    pins = "cat requirements.txt requirements.txt | cksum > .venv/pins-requirements.txt"
    subprocess.run(["sh", "-c", pins], cwd=folder, check=True)


class Copy:
    """A copy of the project, started by `make run`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder.parent / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, umask: int = 0o022, **environment: str) -> None:
        passed = {
            name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "MAKEFLAGS")
        }
        given = {**passed, "PORT": str(self.port), **environment}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "run"],
                cwd=self.folder,
                env=given,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=umask,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_ready(self) -> None:
        wait_until(lambda: self._ended() or f"http://localhost:{self.port}/" in self.said(), 120, "the start")
        assert not self._ended(), self.said()

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def end(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            for pid in session_members(self.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(40)
        kill_session(self.process.pid)
        self.process.wait(10)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.mark.nightly
@pytest.mark.parametrize("name", NAMES)
def test_the_service_starts_serves_and_stores_in_its_own_folder(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    copy_of_project(folder / name)
    folder.chmod(0o755)
    copy = Copy(folder / name)
    copy.start(umask=0o000)
    try:
        copy.wait_ready()
        assert copy.ask("/rooms/default/messages/", b"from=ann&text=kept") == 201
        assert copy.ask("/default?user=vera") == 200
        page = urllib.request.urlopen(f"http://127.0.0.1:{copy.port}/default?user=vera", timeout=30).read().decode()
        assert copy.ask(re.findall(r'src="(/static/[^"]+)"', page)[0]) == 200
        database = folder / name / "var" / "corkboard.sqlite3"
        texts = sqlite3.connect(database).execute("SELECT text FROM chat_message").fetchall()
        assert texts == [("kept",)]
        assert {path.name for path in folder.iterdir()} == {name, "output"}
        assert_private(folder / name / "var")
    finally:
        copy.end()
        assert "Traceback" not in copy.said()


def assert_private(var: Path) -> None:
    """Nobody else reads the data, the secrets and the logs."""
    found = [path for path in var.rglob("*") if "static" not in path.relative_to(var).parts]
    assert len(found) > 12
    for path in found:
        assert stat.S_IMODE(path.lstat().st_mode) & 0o007 == 0 or path.is_symlink(), (path, oct(path.stat().st_mode))


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_in_which_it_can_not_run_is_refused_in_one_line(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    copy_of_project(folder / name)
    shutil.rmtree(folder / name / ".venv")
    before = {str(path) for path in folder.rglob("*")}
    done = subprocess.run(
        ["sh", ".ci/venv", "requirements.txt"], cwd=folder / name, capture_output=True, text=True, check=False
    )
    assert (done.returncode, len((done.stdout + done.stderr).splitlines())) == (1, 1), done.stderr
    assert "colon or a control character" in done.stderr
    assert {str(path) for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("CORKBOARD_VAR", "a\nb", "CORKBOARD_VAR"),
        ("CORKBOARD_VAR", "/proc/nothing/var", "CORKBOARD_VAR"),
        ("CORKBOARD_VAR", "/dev/null", "CORKBOARD_VAR"),
        ("CORKBOARD_VAR", "x" * 300, "CORKBOARD_VAR"),
        ("CORKBOARD_VAR", "/" + "x/" * 3000, "CORKBOARD_VAR"),
        ("STATIC_ROOT", "a\tb", "STATIC_ROOT"),
        ("PUSHPIN_RUNDIR", "a b", "PUSHPIN_RUNDIR"),
        ("PUSHPIN_RUNDIR", "/tmp/" + "x" * 80, "PUSHPIN_RUNDIR"),
    ],
)
def test_a_setting_that_can_not_be_a_folder_is_refused_in_one_line(
    folder: Path, setting: str, value: str, words: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "CORKBOARD_VAR": str(folder / "var"),
        setting: value,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "server.run"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (1, 1, ""), done.stderr
    assert words in done.stderr
    assert list(folder.iterdir()) == []


def test_no_log_holds_a_secret_of_an_address() -> None:
    """Where tables are missing, and where nothing answers: Django's log, gunicorn's two, and Pushpin's."""
    secrets = {
        "/accounts/invites/s3cret-1nvite/": "s3cret-1nvite",
        "/accounts/setup/s3cret-setup:1abc:s3cret-s1gn/": "s3cret-setup",
        "/hooks/ab12cd34/s3cret-h00k/": "s3cret-h00k",
        "/recover/r1.1=1:s3cret-batch/": "s3cret-batch",
    }
    with Service("", WEB_ACCESS_LOG="1", HOOK_SECRET_IN_URL="true") as service:
        service.shell(
            "from django.db import connection\n"
            "for table in ('chat_invite', 'chat_incominghook', 'chat_user', 'chat_room', 'chat_tally'):\n"
            "    connection.cursor().execute(f'ALTER TABLE {table} RENAME TO {table}_away')\n"
        )
        ask(service, secrets)
        service.stop("gunicorn")
        ask(service, secrets)  # Pushpin answers by itself
        logs = {
            path.name: path.read_text(errors="replace")
            for path in service.folder.rglob("*")
            if path.suffix in (".out", ".log")
        }
    assert {"gunicorn.out", "pushpin.out"} <= set(logs)
    assert logs["gunicorn.out"].count("/accounts/invites/…/") >= 3
    for name, text in logs.items():
        for secret in (*secrets.values(), "s3cret"):
            assert secret not in text, name


def ask(service: Service, paths: dict[str, str]) -> None:
    for path in paths:
        headers = {"Referer": f"{service.url}{path}", "Origin": service.url}
        for method in ("GET", "POST"):
            assert service.request(method, path, b"text=hi" if method == "POST" else None, headers).status >= 400
        service.get(f"/accounts/sign-in/?next={urllib.request.quote(path, safe='')}", headers)  # type: ignore[attr-defined]
