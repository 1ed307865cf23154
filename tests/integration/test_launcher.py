"""`python -m server.run`, which is what `make run` runs: starts everything, restarts what dies, leaves nothing.

And the main flows on what it starts, which is on SQLite: most other tests are on PostgreSQL.
"""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_accounts import PASSWORD, Browser
from tests.launched import Launched
from tests.pool import Pool
from tests.readers import Reader
from tests.receiver import Receiver
from tests.service import ROOT, Service, wait_until
from tests.trio import follow

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


def test_a_port_in_use_is_one_clear_line(launched: Launched, tmp_path: Path) -> None:
    environment = {**launched.environment, "CORKBOARD_VAR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-m", "server.run"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert str(launched.port) in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.nightly
def test_its_end_leaves_no_process_and_a_second_start_keeps_the_messages(launched: Launched, room: str) -> None:
    launched.say(room, "kept")
    launched.interrupt()
    assert launched.members() == []
    launched.launch()
    assert launched.get(f"/rooms/{room}/messages/").json()["messages"][0]["text"] == "kept"


class Person:
    """Somebody who signed up by the form, and their program."""

    def __init__(self, service: Launched, username: str) -> None:
        self.username = username
        self.service = service
        browser = Browser(service)
        assert browser.send_form("/accounts/sign-up/", username=username, password=PASSWORD).status == 303
        session = {"Cookie": f"sessionid={browser.cookies['sessionid']}", "Origin": service.url}
        token = self._ask("POST", "/accounts/tokens/", session, name="program", scopes=["read", "post", "manage"])
        self.headers = {"Authorization": f"Bearer {token['token']}"}

    def ask(self, method: str, path: str, **fields: Any) -> Any:
        """A request that must be taken."""
        return self._ask(method, path, self.headers, **fields)

    def _ask(self, method: str, path: str, headers: dict[str, str], **fields: Any) -> Any:
        body = json.dumps(fields).encode() if fields else None
        answer = self.service.request(method, path, body, headers | {"Content-Type": "application/json"})
        assert answer.status in (200, 201, 204), answer.body
        return answer.json() if answer.body else None


def test_a_private_room_is_read_on_every_transport_by_who_is_in_it(launched: Launched, room: str) -> None:
    alice, bob = Person(launched, f"alice-{room}"), Person(launched, f"bob-{room}")
    name = alice.ask("POST", "/rooms/", name=room, title="The den", visibility="private")["room"]
    path = f"/rooms/{name}/"
    invite = alice.ask("POST", f"{path}invites/", days=1)["url"]
    bob.ask("POST", invite.partition(str(launched.port))[2])
    with follow(launched, name, "earliest", headers=bob.headers) as readers:
        one, two, _ = (alice.ask("POST", f"{path}messages/", text=text)["id"] for text in ("one", "two", "three"))
        readers.cut()
        alice.ask("PATCH", f"{path}messages/{one}/", text="edited")
        alice.ask("DELETE", f"{path}messages/{two}/")
        alice.ask("PATCH", path, topic="Bears")
        bob.ask("POST", f"{path}messages/", text="four")
        readers.wait(lambda reader: "four" in reader.messages(), 10, "the last message")
        alice.ask("DELETE", f"{path}members/{bob.username}/")
        readers.wait(lambda reader: "ROOM_INVALID" in reader.refusals, 5, "the refusal")
        alice.ask("POST", f"{path}messages/", text="without Bob")
    texts = [message["text"] for message in alice.ask("GET", f"{path}messages/")["messages"]]
    assert texts == ["without Bob", "four", "three", "", "edited"]
    assert not any("without Bob" in reader.messages() for reader in readers)


def test_visitors_talk_in_an_open_room_and_resume(launched: Launched, room: str) -> None:
    with follow(launched, room, f"room-{room}:0") as readers:
        for number in range(3):
            launched.say(room, str(number))
        readers.wait_for(["0", "1", "2"])
    [token] = {reader.token for reader in readers}
    launched.say(room, "missed")
    with follow(launched, room, token) as back:
        back.wait_for(["missed"])


def test_somebody_who_is_present_is_announced(launched: Launched, room: str) -> None:
    launched.say(room, "hello")
    ann = Person(launched, f"ann-{room}")
    with (
        Reader(launched.url, f"/rooms/{room}/events/") as reader,
        closing(HTTPConnection("127.0.0.1", launched.port, timeout=60)) as connection,
    ):
        connection.request("GET", f"/rooms/{room}/presence/", headers=ann.headers | {"Accept": "text/event-stream"})
        assert connection.getresponse().status == 200
        # What Pushpin says before the companion hears it comes again after 45 s.
        assert reader.wait_for_type("enter", 50).json()["username"] == ann.username
        assert [one["username"] for one in ann.ask("GET", f"/rooms/{room}/people/")["people"]] == [ann.username]


def test_webhooks_go_out_and_come_in(launched: Launched, room: str) -> None:
    alice = Person(launched, f"owner-{room}")
    path = f"/rooms/{alice.ask('POST', '/rooms/', name=room, title='Builds')['room']}/"
    with Receiver() as receiver:
        alice.ask("POST", f"{path}hooks/", kind="outgoing", url=receiver.url)
        made = alice.ask("POST", f"{path}hooks/", kind="incoming", name="CI")
        bearer = {"Authorization": f"Bearer {made['secret']}", "Content-Type": "application/json"}
        assert launched.request("POST", f"/hooks/{made['id']}/", b'{"text": "built"}', bearer).status == 201
        wait_until(lambda: receiver.texts() == ["built"], 15, "the delivery")


def test_two_strangers_meet(launched: Launched, room: str) -> None:
    one, other = Person(launched, f"one-{room}"), Person(launched, f"other-{room}")
    one.ask("POST", "/strangers/")
    pair = other.ask("POST", "/strangers/")["pair"]["room"]
    other.ask("POST", f"/rooms/{pair}/messages/", text="hello")
    assert [message["text"] for message in one.ask("GET", f"/rooms/{pair}/messages/")["messages"]] == ["hello"]
    one.ask("DELETE", "/strangers/")


@pytest.mark.parametrize(
    "path", ["/default?user=ann", "/-/", "/rooms/", "/accounts/sign-in/", "/strangers", "/admin/login/"]
)
def test_pages_are_served_with_their_styles(launched: Launched, path: str) -> None:
    page = launched.get(path, {"Accept": "text/html"})
    assert page.status == 200
    styles = re.findall(r'href="(/static/[^"]+\.css)"', page.body.decode())
    assert styles
    assert launched.get(styles[0]).status == 200
