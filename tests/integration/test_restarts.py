"""Restarts and crashes on real parts: which connections live on, and that nobody misses anything."""

import signal
import time
from contextlib import ExitStack

import pytest

from tests.pool import Pool
from tests.readers import NO_SYNC
from tests.service import Service, session_members, wait_until
from tests.trio import follow

pytestmark = pytest.mark.timeout(120)


def post_until_accepted(service: Service, room: str, text: str, key: str) -> None:
    """The same post, with its key, until it is answered."""
    for _ in range(200):
        if service.post(room, text, key=key).status in (200, 201):
            return
        time.sleep(0.05)


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    """A service of their own, which tells what Django is asked."""
    return pool.get("restarted", database, Service, WEB_ACCESS_LOG="1")


def is_looked_after(service: Service, room: str) -> bool:
    """Whether Pushpin has asked a second time what it holds as a poll, as it does once, a good second later. A poll for
    which it meets nobody then ends."""
    log = (service.folder / "gunicorn.out").read_text()
    return any(f"GET /rooms/{room}/events/" in line and "last-id=" in line for line in log.splitlines())


def test_a_graceful_restart_of_gunicorn_drops_no_connection_and_no_post(service: Service, room: str) -> None:
    with follow(service, room) as readers:
        said = ["before"]
        service.say(room, "before")
        workers = set(session_members(service.processes["gunicorn"].pid)) - {service.processes["gunicorn"].pid}
        service.processes["gunicorn"].send_signal(signal.SIGHUP)
        while workers & set(session_members(service.processes["gunicorn"].pid)):
            said.append(str(len(said)))
            service.say(room, said[-1])
        readers.wait_for(said)
        assert [reader.ends for reader in readers] == [0] * 3


def test_kill_9_of_gunicorn_loses_no_message_and_drops_no_held_connection(service: Service, room: str) -> None:
    # A socket whose frame gunicorn has when it is killed ends with it (docs/how-it-works.md). One that sees an event
    # before the one that belongs before it sends a frame, so all are let catch up first, and no hole opens behind it.
    with follow(service, room, sync=NO_SYNC) as readers:
        said = [str(number) for number in range(60)]
        for text in said:
            if text == "20":
                readers.wait_for(said[:20])
                readers.wait(lambda reader: not reader.is_syncing, 10, "the answer to a sync")
            post_until_accepted(service, room, text, f"k{text}")
            if text == "20":
                service.kill("gunicorn")
        readers.wait_for(said, 20)
        for reader in readers:
            if reader.transport != "long-poll":  # whose next poll meets nobody, while what is held lives on
                assert (reader.connections, reader.ends) == (1, 0)


def test_what_is_held_is_answered_after_gunicorn_came_back(service: Service, room: str) -> None:
    service.say(room, "old")
    with follow(service, room, service.token(room), sync=NO_SYNC) as readers:
        wait_until(lambda: is_looked_after(service, room), 10, "Pushpin's look after the poll")
        service.kill("gunicorn")
        service.wait_ready()
        service.say(room, "new")
        readers.wait_for(["new"])
        assert [reader.ends for reader in readers] == [0] * 3


@pytest.mark.nightly
def test_kill_9_of_pushpin_costs_a_reconnect_and_no_message(service: Service, room: str) -> None:
    with follow(service, room) as readers:
        service.say(room, "before")
        readers.wait_for(["before"])
        service.kill("pushpin")
        assert service.post(room, "while it is away", base=service.web_url).status == 201
        service.wait_ready()
        service.say(room, "after")
        readers.wait_for(["before", "while it is away", "after"], 20)
        assert min(reader.ends for reader in readers) >= 1


def test_recovery_after_kill_9_does_not_wait_for_other_rooms(service: Service, room: str) -> None:
    rooms = [f"{room}.{number}" for number in range(20)]
    with ExitStack() as stack:
        readers = [stack.enter_context(follow(service, name)) for name in rooms]
        service.kill("pushpin")
        service.wait_ready()
        for name in rooms:
            service.say(name, "after")
        for trio in readers:
            trio.wait_for(["after"], 10)
