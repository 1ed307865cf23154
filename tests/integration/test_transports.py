"""Three transports over one log: mixed readers, and a change of transport under load."""

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from tests.readers import TRANSPORTS, Reader
from tests.service import Service, wait_until
from tests.trio import follow

pytestmark = pytest.mark.timeout(120)


def send_by_socket(service: Service, room: str, texts: list[str]) -> None:
    """Post over a WebSocket, each text after the reply to the one before."""
    with connect(f"ws://127.0.0.1:{service.port}/rooms/{room}/events/", proxy=None) as socket:
        for number, text in enumerate(texts):
            command = {"command": "send", "id": str(number), "room": room, "from": "bob", "text": text}
            socket.send(json.dumps(command))
            while (frame := json.loads(socket.recv(timeout=10))).get("to") != str(number):
                pass
            assert frame["created"]


def test_messages_sent_over_each_way_arrive_on_every_transport(service: Service, room: str) -> None:
    with ExitStack() as stack:
        trios = [stack.enter_context(follow(service, room)) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            pool.submit(send_by_socket, service, room, [f"socket {n}" for n in range(30)])
            pool.submit(lambda: [service.say(room, f"rest {n}") for n in range(30)])
        for trio in trios:
            trio.wait(lambda reader: len(reader.messages()) >= 60, 20, "all messages")
            assert [reader.numbers() for reader in trio] == [list(range(1, 61))] * 3


def test_old_state_and_events_make_the_fresh_state(service: Service, room: str) -> None:
    for number in range(5):
        service.say(room, str(number))
    old = service.get(f"/rooms/{room}/messages/").json()
    for number in range(5, 10):
        service.say(room, str(number))
    with follow(service, room, old["last-event-id"]) as readers:
        readers.wait(lambda reader: len(reader.messages()) >= 5, 10, "five messages")
    fresh = service.get(f"/rooms/{room}/messages/").json()
    for reader in readers:
        new = [seen.json() for seen in reader.seen if seen.type == "message"]
        assert [*reversed(new), *old["messages"]] == fresh["messages"]


def test_a_change_of_transport_under_load_misses_nothing(service: Service, room: str) -> None:
    chance = random.Random(7)
    stop = threading.Event()
    said: list[str] = []

    def post() -> None:
        while not stop.is_set():
            said.append(str(len(said)))
            service.say(room, said[-1])

    poster = threading.Thread(target=post)
    with Reader(service.url, f"/rooms/{room}/events/", "earliest") as reader:
        poster.start()
        used = Counter(["sse"])
        for _ in range(12):
            time.sleep(chance.uniform(0.1, 0.6))
            transport = chance.choice([name for name in TRANSPORTS if name != reader.transport])
            used[transport] += 1
            reader.switch(transport)
        stop.set()
        poster.join()
        reader.wait_for(said, 15)
        assert reader.numbers() == list(range(1, len(said) + 1))
        assert set(used) == set(TRANSPORTS)


def test_a_socket_of_three_rooms_comes_back_and_then_goes_on_as_a_stream(service: Service, room: str) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in rooms)
    said: dict[str, list[str]] = {name: [] for name in rooms}

    def say(count: int) -> None:
        for number in range(count):
            name = rooms[number % 3]
            said[name].append(f"{len(said[name])}")
            service.say(name, said[name][-1])

    def heard(reader: Reader) -> dict[str, list[str]]:
        messages = [seen.json() for seen in list(reader.seen) if seen.type == "message"]
        return {name: [m["text"] for m in messages if m["room"] == name] for name in rooms}

    with Reader(service.url, path, "earliest", transport="websocket") as reader:
        say(9)
        wait_until(lambda: heard(reader) == said, 10)
        reader.cut()
        say(30)
        wait_until(lambda: heard(reader) == said, 10)
        reader.switch("sse")
        say(30)
        wait_until(lambda: heard(reader) == said, 10)
        reader.switch("long-poll")
        say(30)
        wait_until(lambda: heard(reader) == said, 10)
        assert reader.holes == 0


@pytest.mark.nightly
def test_long_polls_over_1000_messages_posted_as_fast_as_they_are_taken(service: Service, room: str) -> None:
    with Reader(service.url, f"/rooms/{room}/events/", "earliest", transport="long-poll") as reader:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda n: service.post(room, str(n), base=service.web_url).status, range(1000)))
        assert set(answers) == {201}
        wait_until(lambda: len(reader.messages()) >= 1000, 20)
        assert reader.numbers() == list(range(1, 1001))
        assert (reader.duplicates, reader.holes) == (0, 0)
