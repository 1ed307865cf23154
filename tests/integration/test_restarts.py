"""Restarts and crashes on real parts: which connections live on, and that nobody misses anything."""

import signal
import time

import pytest

from tests.readers import Reader
from tests.service import Service

pytestmark = pytest.mark.timeout(120)


def follow(service: Service, room: str, transport: str, token: str = "earliest") -> Reader:
    """A reader of one room."""
    return Reader(service.url, f"/rooms/{room}/events/", token, transport=transport)


def post_until_accepted(service: Service, room: str, text: str, key: str) -> None:
    """The same post, with its key, until it is answered."""
    for _ in range(200):
        if service.post(room, text, key=key).status in (200, 201):
            return
        time.sleep(0.05)


def test_a_graceful_restart_of_gunicorn_drops_no_connection_and_no_post(
    service: Service, room: str, transport: str
) -> None:
    with follow(service, room, transport) as reader:
        said = ["before"]
        service.say(room, "before")
        service.processes["gunicorn"].send_signal(signal.SIGHUP)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            said.append(str(len(said)))
            service.say(room, said[-1])
        reader.wait_for(said)
        assert reader.ends == 0


def test_kill_9_of_gunicorn_loses_no_message_and_drops_no_held_connection(
    service: Service, room: str, transport: str
) -> None:
    with follow(service, room, transport) as reader:
        said = [str(number) for number in range(60)]
        for text in said:
            if text == "20":
                service.kill("gunicorn")
            post_until_accepted(service, room, text, f"k{text}")
        reader.wait_for(said, 20)
        if transport != "long-poll":  # whose next poll meets nobody, while what is held lives on
            assert (reader.connections, reader.ends) == (1, 0)


def test_what_is_held_is_answered_after_gunicorn_came_back(service: Service, room: str, transport: str) -> None:
    service.say(room, "old")
    with follow(service, room, transport, service.token(room)) as reader:
        time.sleep(1.5)  # held, and looked after once
        service.kill("gunicorn")
        service.wait_ready()
        service.say(room, "new")
        reader.wait_for(["new"])
        assert reader.ends == 0


def test_kill_9_of_pushpin_costs_a_reconnect_and_no_message(service: Service, room: str, transport: str) -> None:
    with follow(service, room, transport) as reader:
        service.say(room, "before")
        reader.wait_for(["before"])
        service.kill("pushpin")
        assert service.post(room, "while it is away", base=service.web_url).status == 201
        service.wait_ready()
        service.say(room, "after")
        reader.wait_for(["before", "while it is away", "after"], 20)
        assert reader.ends >= 1


def test_recovery_after_kill_9_does_not_wait_for_other_rooms(service: Service, room: str, transport: str) -> None:
    readers = [follow(service, f"{room}.{number}", transport) for number in range(30)]
    for reader in readers:
        reader.__enter__()
    service.kill("pushpin")
    service.wait_ready()
    for number in range(30):
        service.say(f"{room}.{number}", "after")
    for reader in readers:
        reader.wait_for(["after"], 10)
        reader.__exit__(None, None, None)
