"""`python -m server.run`, which is what `make run` runs: starts everything, restarts what dies, leaves nothing."""

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from tests.pool import Pool
from tests.readers import Reader
from tests.service import ROOT, Service, wait_until

pytestmark = pytest.mark.timeout(120)

PARTS = (
    ("python", "server.wsgi:application"),
    ("pushpin", "--merge-output"),
    ("condure",),
    ("zurl",),
    ("pushpin-proxy",),
    ("pushpin-handler",),
    ("python", "relay"),
    ("python", "hooks"),
)


class Launched(Service):
    """A service started by the launcher in a folder of its own."""

    def __init__(self, url: str = "", **options: Any) -> None:
        super().__init__(url, **options)
        own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self.environment = {**own, "CORKBOARD_VAR": str(self.folder), "PORT": str(self.port)}
        self.output = self.folder / "launcher.out"

    def __enter__(self) -> Self:
        try:
            self.launch()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End it as Ctrl-C does, and remove its folder."""
        if "launcher" in self.processes:
            self.interrupt()
        super().close()

    def launch(self) -> None:
        """Start the launcher and wait until it says that it serves."""
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "server.run"]
            self.processes["launcher"] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        wait_until(lambda: f"http://localhost:{self.port}/" in self.said() and self._is_ready(), 60, "the start")

    def said(self) -> str:
        """What the launcher printed."""
        return self.output.read_text()

    def pid(self, *words: str) -> int:
        """The first process of this service whose command line begins with a program and holds the other words."""
        for member in sorted(self.members()):
            try:
                line = Path(f"/proc/{member}/cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if Path(line[0]).name.startswith(words[0]) and all(word in line for word in words[1:]):
                return member
        raise AssertionError(f"no process {words}")

    def members(self) -> list[int]:
        """Every process of this service, wherever its parent is gone to."""
        mark = f"CORKBOARD_VAR={self.folder}\0".encode()
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in environ.read_bytes():
                    found.append(int(environ.parent.name))
            except OSError:
                continue
        return found

    def interrupt(self) -> None:
        """Ctrl-C."""
        process = self.processes.pop("launcher")
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture
def launched(pool: Pool) -> Launched:
    """It runs for all tests here, as it does for people: one ends it and starts it again."""
    return pool.get("launched", "sqlite", Launched)


def test_it_serves_and_survives_kill_9_of_every_part(launched: Launched, room: str) -> None:
    assert re.search(r"http://localhost:\d+/accounts/setup/", launched.said())
    texts = []
    with Reader(launched.url, f"/rooms/{room}/events/", "earliest") as reader:
        for words in PARTS:
            os.kill(launched.pid(*words), signal.SIGKILL)
            text = f"after {words[-1]}"
            wait_until(partial(_posts, launched, room, text), 30, f"a post after kill -9 of {words}")
            texts.append(text)
            reader.wait_for(texts, 20)


def _posts(service: Service, room: str, text: str) -> bool:
    try:
        return service.post(room, text, key=text.replace(" ", "-")).status in (200, 201)
    except OSError:
        return False


def test_a_port_in_use_is_one_clear_line(launched: Launched) -> None:
    environment = {**launched.environment, "CORKBOARD_VAR": f"{launched.folder}-other"}
    run = subprocess.run(
        [sys.executable, "-m", "server.run"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert str(launched.port) in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_its_end_leaves_no_process_and_a_second_start_keeps_the_messages(launched: Launched, room: str) -> None:
    launched.say(room, "kept")
    launched.interrupt()
    assert launched.members() == []
    launched.launch()
    assert launched.get(f"/rooms/{room}/messages/").json()["messages"][0]["text"] == "kept"
