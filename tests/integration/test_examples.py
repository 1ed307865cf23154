"""The Python examples of docs/examples, run as they stand: exact while everything restarts, and after a reset."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.service import ROOT, Service, wait_until

pytestmark = pytest.mark.timeout(180)
EXAMPLES = ("sse", "long_poll", "websocket")


class Example:
    """One example that runs: what it has printed so far."""

    def __init__(self, name: str, output: Path) -> None:
        self.name = name
        self._output = output

    def texts(self) -> list[str]:
        """The texts of the messages: the last word of each whole line `<id> <from> <text>`."""
        lines = self._output.read_text().split("\n")[:-1]
        return [line.split(" ", 2)[2] for line in lines]

    def wait_for(self, texts: list[str], seconds: float = 30) -> None:
        """Wait until exactly `texts` were printed, in this order."""
        try:
            wait_until(lambda: len(self.texts()) >= len(texts), seconds)
        except AssertionError:
            pass
        assert self.texts() == texts, f"{self.name} differs; its errors: {self._output.with_suffix('.err').read_text()}"


@contextmanager
def running(name: str, service: Service, room: str, token: str, folder: Path) -> Iterator[Example]:
    """An example as a process, ended in the end; it must not have ended before."""
    output = folder / f"{name}.out"
    command = [sys.executable, f"docs/examples/{name}.py", service.url, room, token]
    with output.open("wb") as out, output.with_suffix(".err").open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=errors)
    try:
        yield Example(name, output)
        assert process.poll() is None, output.with_suffix(".err").read_text()
    finally:
        process.kill()
        process.wait()


def say_surely(service: Service, room: str, text: str) -> None:
    """Post as a client must: the same message with its key, until it is answered."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if service.post(room, text, key=text).status in (200, 201):
                return
        except OSError:  # Pushpin is away
            pass
        time.sleep(0.05)
    raise AssertionError(f"{text!r} was not taken")


def test_the_examples_are_exact_while_gunicorn_and_pushpin_restart(service: Service, room: str, tmp_path: Path) -> None:
    faults = {
        15: lambda: service.processes["gunicorn"].send_signal(signal.SIGHUP),
        30: lambda: service.kill("gunicorn"),
        50: lambda: service.kill("pushpin"),
        70: lambda: service.stop("pushpin"),
        75: lambda: service.start("pushpin"),
    }
    service.say(room, "0")
    said = ["0"]
    with ExitStack() as stack:
        examples = [stack.enter_context(running(name, service, room, f"room-{room}:0", tmp_path)) for name in EXAMPLES]
        for example in examples:
            example.wait_for(said)
        for number in range(1, 101):
            if number in faults:
                faults[number]()
            said.append(str(number))
            if 70 <= number < 75:  # straight to Django while there is no Pushpin
                assert service.post(room, said[-1], base=service.web_url).status == 201
            else:
                say_surely(service, room, said[-1])
        for example in examples:
            example.wait_for(said, 60)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_that_was_away_too_long_takes_what_it_missed_from_the_history(
    service: Service, room: str, tmp_path: Path, name: str
) -> None:
    for number in range(1, 6):
        service.say(room, str(number))
    service.shell(
        "from chat import eventlog; from chat.models import Event; from django.utils import timezone\n"
        f"old = Event.objects.filter(room__name={room!r}, eid__lte=4); now = timezone.now()\n"
        "old.update(created=now - timezone.timedelta(days=9)); eventlog.prune(now - timezone.timedelta(days=8))"
    )
    with running(name, service, room, f"room-{room}:2", tmp_path) as example:
        example.wait_for(["3", "4", "5"])
        service.say(room, "6")
        example.wait_for(["3", "4", "5", "6"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_without_a_token_begins_now(service: Service, room: str, tmp_path: Path, name: str) -> None:
    service.say(room, "old")
    with running(name, service, room, "", tmp_path) as example:
        said: list[str] = []
        end = time.monotonic() + 15
        while not example.texts() and time.monotonic() < end:  # it follows from some moment on
            said.append(f"new{len(said)}")
            service.say(room, said[-1])
            time.sleep(0.1)
        first = said.index(example.texts()[0])
        example.wait_for(said[first:])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_up_on_a_refusal_and_says_why(service: Service, room: str, name: str) -> None:
    for address, token in ((f"{room} not a name", ""), (room, "garbage:1")):
        command = [sys.executable, f"docs/examples/{name}.py", service.url, address, token]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode != 0
        assert ended.stdout == ""
        assert "404" in ended.stderr or "400" in ended.stderr or "token" in ended.stderr, ended.stderr
