"""Publishes as a control port gets them, and those that never reached the proxy: the relay repairs them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.pool import Pool
from tests.service import Service, wait_until
from tests.trio import follow

pytestmark = pytest.mark.timeout(60)


class Capture:
    """A control port that keeps the bodies of what is published to it, and passes nothing on."""

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

    def items_of(self, room: str) -> list[list[dict[str, Any]]]:
        """The requests that name the room, each as its items."""
        return [body["items"] for body in list(self.bodies) if f"room-{room}:" in json.dumps(body)]


@pytest.fixture(scope="session")
def capture() -> Iterator[Capture]:
    capture = Capture()
    yield capture
    capture.server.shutdown()
    capture.server.server_close()


@pytest.fixture
def deaf(pool: Pool, database: str, capture: Capture) -> Service:
    """A service whose gunicorn publishes to the capture alone; only the relay reaches Pushpin."""

    def make(url: str, **options: Any) -> Service:
        service = Service(url, lose_publishes=True, **options)
        service.void = capture.url
        return service

    return pool.get("deaf", database, make)


def test_a_lost_publish_with_nothing_after_it_arrives_within_five_seconds(deaf: Service, room: str) -> None:
    with follow(deaf, room) as readers:
        deaf.say(room, "lost")
        readers.wait_for(["lost"], 5)


def test_lost_publishes_arrive_in_order_and_once(deaf: Service, room: str) -> None:
    with follow(deaf, room) as readers:
        texts = [str(number) for number in range(20)]
        for text in texts:
            deaf.say(room, text)
        readers.wait_for(texts, 8)
        [stream] = [reader for reader in readers if reader.transport == "sse"]
        last = {"room": room, "id": f"room-{room}:20"}  # where the posts paused, others came before it
        wait_until(lambda: last in [seen.json() for seen in list(stream.seen) if seen.type == "newest"], 8)
        assert [reader.messages() for reader in readers] == [texts] * 3


def test_one_publish_per_event_carries_every_transport_encoded_once(deaf: Service, capture: Capture, room: str) -> None:
    text = "one text, said once: ü %I"
    with follow(deaf, room) as readers:
        deaf.say(room, "made")  # the first event has one more item: it wakes who waits for the room
        deaf.say(room, text)
        readers.wait_for(["made", text])
    wait_until(lambda: len(capture.items_of(room)) >= 2, 5)
    assert len(capture.items_of(room)) == 2  # one request for each event
    # By its id: two workers publish beside each other, so the first may come last.
    [items] = [items for items in capture.items_of(room) if items[0]["id"] == "2"]
    assert len({item["channel"] for item in items}) == len(items) == 4
    assert {name for item in items for name in item["formats"]} == {"http-stream", "ws-message", "http-response"}
    assert {(item["id"], item["prev-id"]) for item in items} == {("2", "1")}
    encoded = next(item["formats"]["ws-message"] for item in items if "ws-message" in item["formats"])["content"]
    data = encoded.partition('"data":')[2][:-1]
    bodies = [form.get("content", form.get("body", "")) for item in items for form in item["formats"].values()]
    assert [data in body for body in bodies].count(True) == 4  # the very same text in each but the hint
