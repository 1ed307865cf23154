"""Three transports over one log: mixed readers, a change of transport under load, one publish for all."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.readers import TRANSPORTS, Reader
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)


def follow(service: Service, room: str, transport: str, token: str = "earliest") -> Reader:
    """A reader of one room."""
    return Reader(service.url, f"/rooms/{room}/events/", token, transport=transport)


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
    readers = [follow(service, room, transport) for transport in TRANSPORTS for _ in range(2)]
    for reader in readers:
        reader.__enter__()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(send_by_socket, service, room, [f"socket {n}" for n in range(30)])
        pool.submit(lambda: [service.say(room, f"rest {n}") for n in range(30)])
    for reader in readers:
        wait_until(lambda reader=reader: len(reader.messages()) >= 60, 20, reader.transport)
        assert reader.numbers() == list(range(1, 61))
        assert reader.messages() == readers[0].messages()
        reader.__exit__(None, None, None)


def test_old_state_and_events_make_the_fresh_state(service: Service, room: str, transport: str) -> None:
    for number in range(5):
        service.say(room, str(number))
    old = service.get(f"/rooms/{room}/messages/").json()
    for number in range(5, 10):
        service.say(room, str(number))
    with follow(service, room, transport, old["last-event-id"]) as reader:
        wait_until(lambda: len(reader.messages()) >= 5, 10)
        state = old["messages"]
        for seen in reader.seen:
            if seen.type == "message":
                state.insert(0, seen.json())
        fresh = service.get(f"/rooms/{room}/messages/").json()
        assert state == fresh["messages"]


def test_a_change_of_transport_under_load_misses_nothing(service: Service, room: str) -> None:
    chance = random.Random(7)
    stop = threading.Event()
    said: list[str] = []

    def post() -> None:
        while not stop.is_set():
            said.append(str(len(said)))
            service.say(room, said[-1])

    poster = threading.Thread(target=post)
    with follow(service, room, "sse") as reader:
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


def test_long_polls_over_1000_messages_posted_as_fast_as_they_are_taken(service: Service, room: str) -> None:
    with follow(service, room, "long-poll") as reader:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda n: service.post(room, str(n), base=service.web_url).status, range(1000)))
        assert set(answers) == {201}
        wait_until(lambda: len(reader.messages()) >= 1000, 20)
        assert reader.numbers() == list(range(1, 1001))
        assert (reader.duplicates, reader.holes) == (0, 0)


class Capture:
    """A control port that keeps the bodies of what is published to it."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        capture = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                capture.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def capture() -> Iterator[Capture]:
    """A control port beside the real one."""
    capture = Capture()
    yield capture
    capture.server.shutdown()
    capture.server.server_close()


@pytest.fixture(scope="module")
def captured(database: str, capture: Capture) -> Iterator[Service]:
    """A service whose gunicorn publishes to the capture as well; its relay does not."""
    with Service(database) as running:
        running.stop("gunicorn")
        relayed = running.environment["GRIP_URL"]
        running.environment["GRIP_URL"] = f"{relayed} {capture.url}"
        running.start("gunicorn")
        running.wait_ready()
        running.environment["GRIP_URL"] = relayed
        yield running


def test_one_publish_per_event_carries_every_transport_encoded_once(
    captured: Service, capture: Capture, room: str
) -> None:
    text = "one text, said once: ü %I"
    readers = [follow(captured, room, transport) for transport in TRANSPORTS]
    for reader in readers:
        reader.__enter__()
    captured.say(room, "made")  # the first event has one more item: it wakes who waits for the room
    captured.say(room, text)
    for reader in readers:
        reader.wait_for(["made", text])
        reader.__exit__(None, None, None)
    wait_until(lambda: len(capture.bodies) >= 2, 5)
    assert len(capture.bodies) == 2  # one request for each event
    items = capture.bodies[1]["items"]
    assert len({item["channel"] for item in items}) == len(items) == 4
    assert {name for item in items for name in item["formats"]} == {"http-stream", "ws-message", "http-response"}
    assert {(item["id"], item["prev-id"]) for item in items} == {("2", "1")}
    encoded = next(item["formats"]["ws-message"] for item in items if "ws-message" in item["formats"])["content"]
    data = encoded.partition('"data":')[2][:-1]
    bodies = [form.get("content", form.get("body", "")) for item in items for form in item["formats"].values()]
    assert [data in body for body in bodies].count(True) == 4  # the very same text in each but the hint
