"""What the long-polling chat of the first tutorial leaves to its reader, five exercises, each solved."""

import json
import threading
import time
import urllib.parse

import pytest
from websockets.sync.client import connect

from tests.service import Service
from tests.trio import follow

pytestmark = pytest.mark.timeout(90)


def test_1_rooms_are_separate(service: Service, room: str) -> None:
    with follow(service, f"{room}.a") as a, follow(service, f"{room}.b") as b:
        service.say(f"{room}.a", "in a")
        service.say(f"{room}.b", "in b")
        a.wait_for(["in a"])
        b.wait_for(["in b"])


def test_2_no_artificial_delay_and_what_waits_comes_in_one_batch(service: Service, room: str) -> None:
    service.say(room, "0")
    for number in range(1, 21):
        service.say(room, str(number))
    answer = service.get(f"/rooms/{room}/events/?lastEventId=room-{room}:1", {"Accept": "application/json"})
    assert [event["data"]["text"] for event in answer.json()["events"]] == [str(n) for n in range(1, 21)]
    token = urllib.parse.quote(answer.json()["last-event-id"])
    held: list[tuple[float, list[str]]] = []

    def poll() -> None:
        headers = {"Accept": "application/json", "Prefer": "wait=10"}
        batch = service.get(f"/rooms/{room}/events/?lastEventId={token}", headers).json()
        held.append((time.monotonic(), [event["data"]["text"] for event in batch["events"]]))

    waiting = threading.Thread(target=poll)
    waiting.start()
    time.sleep(2)  # it is held: nothing is answered
    assert not held
    said = time.monotonic()
    service.say(room, "now")
    waiting.join(10)
    [(arrived, texts)] = held
    assert texts == ["now"]
    assert arrived - said < 2  # far below the wait: what is posted is not kept for a round


def test_3_who_comes_back_gets_the_history_they_missed(service: Service, room: str) -> None:
    with follow(service, room) as readers:
        service.say(room, "seen")
        readers.wait_for(["seen"])
    for number in range(10):
        service.say(room, str(number))
    [token] = {reader.token for reader in readers}
    with follow(service, room, token) as back:
        back.wait_for([str(number) for number in range(10)])


def test_4_messages_survive_a_restart_and_memory_does_not_grow_with_history(service: Service, room: str) -> None:
    service.say(room, "before")
    service.kill("gunicorn")
    service.kill("pushpin")
    service.wait_ready()
    with follow(service, room) as readers:
        readers.wait_for(["before"])
    # Nothing of the history is in the processes: a page of it costs the same wherever it is.
    assert [m["text"] for m in service.get(f"/rooms/{room}/messages/?limit=1").json()["messages"]] == ["before"]


def test_5_messages_sent_quickly_are_not_lost(service: Service, room: str) -> None:
    """As fast as one socket takes them: the commands are sent without waiting for replies."""
    texts = [str(number) for number in range(100)]
    with (
        follow(service, room) as readers,
        connect(f"ws://127.0.0.1:{service.port}/events/", proxy=None) as socket,
    ):
        socket.send(json.dumps({"command": "join", "id": "j", "room": room}))
        for text in texts:
            post = {"command": "send", "id": text, "room": room, "from": "ann", "text": text}
            socket.send(json.dumps(post))
        readers.wait_for(texts, 30)
