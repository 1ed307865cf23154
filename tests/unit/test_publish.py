"""Publishing: what the items say, and that a proxy which is dead, slow or rude hurts nobody."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
import zmq
from django.utils import timezone

from chat import publish
from chat.models import Event, Room
from chat.publish import HttpProxy, ZmqProxy
from tests.unit.conftest import RecordingProxy
from tests.unit.streams import sealed

ITEMS = [b'{"channel":"r1.1"}', b'{"channel":"m1.1"}']


def items_of(eid: int, data: str = '{"text":"hi"}') -> list[dict[str, Any]]:
    event = Event(room_id=7, eid=eid, type="message", data=data, created=timezone.now())
    return [json.loads(item) for item in publish.event_items(event, "Den", 3, "den", is_first=eid == 1)]


class TestItems:
    def test_an_event_is_one_item_for_each_kind_of_hold(self) -> None:
        items = items_of(5)
        assert {(item["id"], item["prev-id"]) for item in items} == {("5", "4")}
        assert {item["channel"]: item["formats"] for item in items} == {
            sealed("r7.3"): {
                "http-stream": {"content": 'event: message\nid: room-Den:5\ndata: {"text":"hi"}\n\n'},
                "ws-message": {"content": '{"id":"room-Den:5","type":"message","data":{"text":"hi"}}'},
            },
            sealed("m7.3"): {
                "http-stream": {
                    "content": 'event: message\nid: room-Den:5,%I\ndata: {"text":"hi"}\n\n',
                    "content-filters": ["build-id"],
                }
            },
            sealed("p7.3"): {
                "http-response": {
                    "body": '{"events":[{"id":"room-Den:5","type":"message","data":{"text":"hi"}}],'
                    '"last-event-id":"room-Den:5","reset":false}'
                }
            },
            sealed("q7.3"): {"http-response": {"action": "hint"}},
        }

    def test_the_first_event_wakes_who_waits_for_the_room(self) -> None:
        waiting = items_of(1)[-1]
        assert waiting["channel"] == "n.den"
        assert waiting["formats"] == {
            "http-stream": {"action": "hint"},
            "http-response": {"action": "hint"},
            "ws-message": {"content": '{"type":"newest","data":{"room":"Den","id":"room-Den:1"}}'},
        }
        assert "id" not in waiting  # a hint with an id would lose the event it announces

    def test_the_build_id_filter_meets_no_variable_but_its_own(self) -> None:
        from chat import eventlog

        content = items_of(2, eventlog.encode({"text": "100%, %I, %(m7.3)s"}))[1]["formats"]["http-stream"]["content"]
        assert content.count("%") == 1

    def test_notices_and_closes_go_to_the_control_channel_without_an_id(self) -> None:
        room = Room(pk=7, name="Den")
        [notice], [close] = publish.newest_items(room, 5), publish.close_items(7, 1)
        assert json.loads(notice) == {
            "channel": "c7.1",
            "formats": {
                "http-stream": {"content": 'event: newest\ndata: {"room": "Den", "id": "room-Den:5"}\n\n'},
                "ws-message": {"content": '{"type":"newest","data":{"room":"Den","id":"room-Den:5"}}'},
            },
        }
        assert json.loads(close) == {
            "channel": "c7.1",
            "formats": {
                "http-stream": {"action": "close"},
                "http-response": {"action": "hint"},
                "ws-message": {"action": "close", "code": 4403, "reason": "come back"},
            },
        }


class TestConnect:
    def test_tcp_is_zmq_and_http_is_the_control_port(self) -> None:
        http = publish.connect({"publish_uri": "http://127.0.0.1:1", "publish_iss": "me", "publish_key": "k"})
        assert isinstance(http, HttpProxy)
        near = publish.connect({"publish_uri": "tcp://127.0.0.1:1"})
        assert isinstance(near, ZmqProxy)
        near._socket.close(0)

    def test_each_process_has_connections_of_its_own(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        settings.GRIP_PROXIES = [{"publish_uri": "http://127.0.0.1:1"}]
        publish._proxies_of.cache_clear()
        first = publish.proxies()
        assert publish.proxies() is first
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert publish.proxies() is not first
        publish._proxies_of.cache_clear()

    def test_one_send_goes_to_every_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        both = [RecordingProxy(), RecordingProxy()]
        both[1].up = False
        monkeypatch.setattr(publish, "proxies", lambda: both)
        publish.send(ITEMS)
        assert [len(proxy.sends) for proxy in both] == [1, 1]
        assert publish.states() == [{"proxy": 1, "reachable": True}, {"proxy": 2, "reachable": False}]


class ControlPort:
    """A control port over HTTP that keeps what it gets and behaves as told."""

    def __init__(self) -> None:
        self.requests: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()
        self.status = 200
        self.released = threading.Event()
        self.released.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.put((self.path, dict(self.headers), body))
                outer.released.wait(10)
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                if outer.status == 307:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def port() -> Iterator[ControlPort]:
    control = ControlPort()
    yield control
    control.close()


@pytest.fixture
def http(port: ControlPort, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HttpProxy]]:
    """Makes proxies that speak to the control port, with a short patience."""
    monkeypatch.setattr(publish, "TIMEOUT", 0.3)
    made: list[HttpProxy] = []

    def make(uri: str = port.uri, iss: str | None = None, key: str | bytes | None = None) -> HttpProxy:
        made.append(HttpProxy(uri, iss, key))
        return made[-1]

    yield make
    for proxy in made:
        proxy._session.close()


class TestHttpProxy:
    def test_it_posts_the_items_as_they_are(self, port: ControlPort, http: Any) -> None:
        assert http().deliver(ITEMS)
        path, headers, body = port.requests.get(timeout=1)
        assert (path, headers["Content-Type"]) == ("/publish/", "application/json")
        assert body == {"items": [{"channel": "r1.1"}, {"channel": "m1.1"}]}
        assert "Authorization" not in headers

    @pytest.mark.parametrize("key", ["a key long enough for this signature", b"a key long enough for this signature"])
    def test_it_shows_its_key_signed_or_plain(self, port: ControlPort, http: Any, key: str | bytes) -> None:
        http(iss="realm", key=key).deliver(ITEMS)
        http(key=key).deliver(ITEMS)
        signed, plain = (port.requests.get(timeout=1)[1]["Authorization"].removeprefix("Bearer ") for _ in range(2))
        claim = jwt.decode(signed, key, algorithms=["HS256"])
        assert (claim["iss"], claim["exp"] > time.time()) == ("realm", True)
        assert plain == "a key long enough for this signature"

    @pytest.mark.parametrize("status", [307, 401, 500, 503])
    def test_a_refusal_is_false_and_logged_without_the_key(
        self, port: ControlPort, http: Any, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        port.status = status
        proxy = http(f"{port.uri}?secret=1", key="secret")
        assert not proxy.deliver(ITEMS)
        assert not proxy.is_reachable()
        assert "secret" not in caplog.text
        assert port.requests.qsize() == 1

    def test_nobody_there_is_false_at_once(self, http: Any) -> None:
        began = time.monotonic()
        assert not http("http://127.0.0.1:1").deliver(ITEMS)
        assert time.monotonic() - began < 1

    def test_a_proxy_that_hangs_is_given_up_after_the_timeout(self, port: ControlPort, http: Any) -> None:
        port.released.clear()
        began = time.monotonic()
        assert not http().deliver(ITEMS)
        assert 0.2 < time.monotonic() - began < 1

    def test_send_returns_at_once_whatever_the_proxy_does(
        self, port: ControlPort, http: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(publish, "QUEUE_MAX", 3)
        port.released.clear()
        proxy = http()
        began = time.monotonic()
        for _ in range(10):
            proxy.send(ITEMS)
        assert time.monotonic() - began < 0.2
        assert "is full" in caplog.text
        port.released.set()

    def test_send_keeps_the_order_and_recovers(self, port: ControlPort, http: Any) -> None:
        proxy = http()
        threads = [threading.Thread(target=proxy.send, args=([f'{{"channel":"{n}"}}'.encode()],)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for n in range(2, 30):
            proxy.send([f'{{"channel":"{n}"}}'.encode()])
        seen = [port.requests.get(timeout=2)[2]["items"][0]["channel"] for _ in range(30)]
        assert seen[2:] == [str(n) for n in range(2, 30)]
        assert len([t for t in threading.enumerate() if t.name == f"publish to {port.uri}"]) == 1


class TestZmqProxy:
    @pytest.fixture
    def pull(self) -> Iterator[Any]:
        socket = zmq.Context.instance().socket(zmq.PULL)
        socket.setsockopt(zmq.RCVTIMEO, 2000)
        yield socket
        socket.close(0)

    @pytest.fixture
    def near(self) -> Iterator[Callable[[int], ZmqProxy]]:
        made: list[ZmqProxy] = []

        def connect(port: int) -> ZmqProxy:
            made.append(ZmqProxy(f"tcp://127.0.0.1:{port}"))
            return made[-1]

        yield connect
        for proxy in made:
            proxy._socket.close(0)

    def test_it_delivers_json_items_as_pushpin_reads_them(self, pull: Any, near: Any) -> None:
        proxy = near(pull.bind_to_random_port("tcp://127.0.0.1"))
        assert proxy.is_reachable()
        assert proxy.deliver(ITEMS)
        proxy.send(ITEMS[:1])
        assert [pull.recv() for _ in range(3)] == [b"J" + ITEMS[0], b"J" + ITEMS[1], b"J" + ITEMS[0]]

    def test_with_nobody_there_it_says_so_at_once_and_connects_later(self, pull: Any, near: Any) -> None:
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        pull.unbind(f"tcp://127.0.0.1:{port}")
        proxy = near(port)
        began = time.monotonic()
        assert not proxy.is_reachable()
        assert not proxy.deliver(ITEMS)
        proxy.send(ITEMS)
        assert time.monotonic() - began < 0.1
        pull.bind(f"tcp://127.0.0.1:{port}")
        while not proxy.deliver(ITEMS):
            assert time.monotonic() - began < 3
            time.sleep(0.02)
        assert pull.recv() == b"J" + ITEMS[0]

    def test_threads_share_it(self, pull: Any, near: Any) -> None:
        proxy = near(pull.bind_to_random_port("tcp://127.0.0.1"))
        threads = [threading.Thread(target=lambda: [proxy.send(ITEMS) for _ in range(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([pull.recv() for _ in range(400)]) == 400
