"""The bot of docs/integrators.md, run as it stands: each message is answered once, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_examples import say_surely
from tests.service import ROOT, Service, wait_until

pytestmark = pytest.mark.timeout(240)
_MAKE = """
from chat import actions
from chat.models import User
owner = User.objects.create_user({owner!r})
bot = actions.make_bot(owner, {bot!r}, "Echo {bot}")
print(actions.issue_token(owner, bot, "echo", ["read", "post"])[1])
"""


class Bot:
    """The example as a process with a position on the disk; `answers` are those in the room's history."""

    def __init__(self, service: Service, room: str, folder: Path) -> None:
        self.service, self.room, self.position = service, room, folder / "bot.position"
        self.errors = folder / "bot.err"
        name = f"echo-{room}"
        self.token = service.shell(_MAKE.format(owner=f"owner-{room}", bot=name)).strip()
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "docs/examples/bot.py", self.service.url, self.room, str(self.position)]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "CORKBOARD_TOKEN": self.token}, stderr=errors
            )
        wait_until(self.position.exists, 15, "the bot's position")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def answers(self) -> list[str]:
        """The texts of what the bot said, newest first."""
        found: list[str] = []
        path = f"/rooms/{self.room}/messages/?limit=100"
        while path:
            answer = self.service.get(path)
            found += [message["text"] for message in answer.json()["messages"] if message.get("bot")]
            links = dict(reversed(part.split("; ")) for part in (answer.headers["Link"] or "").split(", ") if part)
            path = links.get('rel="next"', "").strip("<>")
        return found

    def wait_for(self, said: list[str], seconds: float = 60) -> None:
        """Wait until each of `said` is answered, and fail when one is answered twice."""
        expected = {f"ann said: {text}": 1 for text in said}
        try:
            wait_until(lambda: len(self.answers()) >= len(said), seconds)
        except AssertionError:
            pass
        assert dict(Counter(self.answers())) == expected, self.errors.read_text()


@pytest.fixture
def bot(service: Service, room: str, tmp_path: Path) -> Iterator[Bot]:
    running = Bot(service, room, tmp_path)
    yield running
    running.kill()


@pytest.mark.nightly
def test_it_answers_100_messages_once_each_while_everything_is_killed(service: Service, bot: Bot) -> None:
    def everything() -> None:
        for name in ("gunicorn", "relay", "pushpin"):
            service.stop(name, signal.SIGKILL)
        bot.kill()
        for name in ("pushpin", "gunicorn", "relay"):
            service.start(name)
        bot.start()

    faults = {
        10: lambda: service.kill("gunicorn"),
        25: lambda: service.kill("pushpin"),
        40: lambda: (bot.kill(), bot.start()),
        55: lambda: service.processes["gunicorn"].send_signal(signal.SIGHUP),
        65: lambda: service.kill("gunicorn"),
        66: lambda: service.kill("pushpin"),
        80: everything,
    }
    said = [str(number) for number in range(100)]
    for number, text in enumerate(said):
        if number in faults:
            faults[number]()
        say_surely(service, bot.room, text)
        time.sleep(0.03)  # so that it is in the middle of its work
    bot.wait_for(said)
    assert bot.process.poll() is None, bot.errors.read_text()
    time.sleep(2)  # nothing comes late, either
    bot.wait_for(said)


def test_killed_between_an_answer_and_its_position_it_answers_no_second_time(service: Service, bot: Bot) -> None:
    said = ["one", "two", "three"]
    service.say(bot.room, said[0])
    bot.wait_for(said[:1])
    before = bot.position.read_text()
    for text in said[1:]:
        service.say(bot.room, text)
    bot.wait_for(said)
    bot.kill()
    bot.position.write_text(before)  # as if it had died before it wrote down the last two
    bot.start()
    wait_until(lambda: bot.position.read_text() != before, 15, "the bot's work")
    service.say(bot.room, "four")
    bot.wait_for([*said, "four"])


def test_it_goes_on_where_it_was_after_it_was_off(service: Service, bot: Bot) -> None:
    service.say(bot.room, "one")
    bot.wait_for(["one"])
    bot.kill()
    for text in ("two", "three"):
        service.say(bot.room, text)
    bot.start()
    bot.wait_for(["one", "two", "three"])


def test_it_leaves_bots_alone_and_ends_when_its_token_is_withdrawn(service: Service, bot: Bot) -> None:
    service.say(bot.room, "one")
    bot.wait_for(["one"])
    service.shell(
        "from chat.models import User; from chat.actions.tokens import drop_tokens\n"
        f"drop_tokens(User.objects.get(username='echo-{bot.room}').tokens.all())"
    )
    service.say(bot.room, "two")  # it can't answer that
    assert bot.process.wait(15) != 0
    assert "401" in bot.errors.read_text()
