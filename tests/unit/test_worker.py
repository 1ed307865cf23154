"""The worker's part in a thread: one answer, whole, to one request."""

import errno
import json
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from chat.problems import STATUS
from server import worker
from server.arrival import Arrival
from server.worker import READ_AT_ONCE, Peer, Worker, refusal, whole_bodies

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
ADDRESS = ("127.0.0.1", 1)
Start = Callable[[str, list[tuple[str, str]]], Any]


class Line(socket.socket):
    """A socket that counts what is sent at once."""

    sends: list[bytes]

    def send(self, data: Any, flags: int = 0) -> int:
        self.sends.append(bytes(data))
        return super().send(data, flags)


@pytest.fixture
def answer() -> Iterator[Callable[..., list[bytes]]]:
    """Answers a request by an application; what the peer was sent, by the pieces that the kernel was given."""
    opened: list[socket.socket] = []

    def serve(application: Any, request: bytes = GET, body_max: int = 1000) -> list[bytes]:
        arrival = Arrival(body_max)
        pieces = [request[at : at + READ_AT_ONCE] for at in range(0, len(request), READ_AT_ONCE)]
        assert [arrival.add(piece) for piece in pieces][-1]
        config = Config()
        config.set("keepalive", 0)
        serving = Worker(0, 0, [], SimpleNamespace(wsgi=None), 30, config, Logger(config))
        serving.method_queue.init()
        serving.wsgi = whole_bodies(application, body_max)
        ours, theirs = socket.socketpair()
        line = Line(fileno=ours.detach())
        line.setblocking(False)
        line.sends = []
        opened.extend((line, theirs))
        serving._work(Peer(line, ADDRESS, ADDRESS, arrival))
        serving.tmp.close()
        serving.method_queue.close()
        assert serving._jobs == -1  # the main thread counts up, the thread down
        return line.sends

    yield serve
    for sock in opened:
        sock.close()


def application(*parts: bytes, headers: Iterable[tuple[str, str]] = ()) -> Any:
    def serve(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("200 OK", list(headers))
        return parts

    return serve


def test_answer_goes_to_the_kernel_in_one_write(answer: Any) -> None:
    (whole,) = answer(application(b"one", b"two", headers=[("Content-Length", "6")]))
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in whole
    assert whole.endswith(b"\r\n\r\nonetwo")


def test_answer_without_a_length_is_whole_too(answer: Any) -> None:
    (whole,) = answer(application(b"one", b"two"))
    assert whole.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_answer_without_a_body_is_sent(answer: Any, method: bytes) -> None:
    (whole,) = answer(application(headers=[("Content-Length", "0")]), method + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert whole.endswith(b"\r\n\r\n")


def failing(parts: int) -> Any:
    def serve(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if not parts:
            raise ValueError("S3CRET")
        start("200 OK", [("Content-Length", "6")])

        def body() -> Iterator[bytes]:
            yield b"S3C"
            raise ValueError("S3CRET")

        return body()

    return serve


@pytest.mark.parametrize("parts", [0, 1])
def test_application_that_fails_is_a_500_without_its_words(answer: Any, parts: int) -> None:
    (whole,) = answer(failing(parts))
    assert whole == refusal(503)
    assert b"S3C" not in whole


@pytest.mark.parametrize("status", worker.WORDS)
def test_refusal_is_a_problem_document(status: int) -> None:
    head, _, body = refusal(status).partition(b"\r\n\r\n")
    document = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert head.endswith(b"\r\nContent-Length: %d" % len(body))
    assert STATUS[document["code"]] == status
    assert document["status"] == status
    assert document["detail"].endswith(".")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1\r\nX\r\n\r\n", 400),
        (b"G\x00T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nExpect: a-miracle\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: brotli, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    ],
)
def test_request_that_cannot_be_read_is_refused(answer: Any, request_line: bytes, status: int) -> None:
    assert answer(application(b"never"), request_line) == [refusal(status)]


def echo(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """The length that Django would see, and the body."""
    length = environ.get("CONTENT_LENGTH", "none")
    body = environ["wsgi.input"].read(int(length) if length.isdigit() else 0)
    start("200 OK", [("X-Length", length), ("X-Coding", environ.get("HTTP_TRANSFER_ENCODING", "none"))])
    return [body]


@pytest.mark.parametrize(
    ("chunks", "length"),
    [(b"0\r\n\r\n", 0), (b"5\r\nhello\r\n0\r\n\r\n", 5), (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 5)],
)
def test_body_in_chunks_reaches_the_application_with_its_length(answer: Any, chunks: bytes, length: int) -> None:
    (whole,) = answer(echo, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert b"\r\nX-Length: %d\r\n" % length in whole
    assert b"\r\nX-Coding: none\r\n" in whole
    assert (b"hello" in whole) == bool(length)


def test_chunks_over_the_limit_reach_the_application_as_too_long(answer: Any) -> None:
    body = b"40000\r\n" + b"x" * 0x40000 + b"\r\n0\r\n\r\n"
    (whole,) = answer(echo, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert b"\r\nX-Length: 1001\r\n" in whole


class TestLine:
    @staticmethod
    def peers(*sizes: int) -> list[Peer]:
        made = []
        for size in sizes:
            arrival = Arrival(1000)
            arrival.add(b"x" * size)
            made.append(Peer(socket.socket(), ADDRESS, ADDRESS, arrival))
            made[-1].sock.close()
        return made

    def test_peers_are_late_after_about_their_time(self) -> None:
        line = worker.Line(10)
        first, second = self.peers(1, 2)
        now = time.monotonic()
        line.add(first)
        line.add(second)
        assert line.late(now + 10 * worker.SPREAD[0] - 0.5) is None
        late = [line.late(now + 10 * worker.SPREAD[1] + 0.5) for _ in range(3)]
        assert late in ([first, second, None], [second, first, None])

    def test_peer_that_was_removed_is_neither_late_nor_kept(self) -> None:
        line = worker.Line(0)
        [peer] = self.peers(5)
        line.add(peer)
        line.remove(peer)
        assert (len(line), line.size, line.oldest()) == (0, 0, None)
        assert line.late(time.monotonic() + 1) is None

    def test_oldest_is_the_first_that_came(self) -> None:
        line = worker.Line(10)
        peers = self.peers(1, 2, 3)
        for peer in peers:
            line.add(peer)
        line.remove(peers[0])
        assert line.oldest() is peers[1]

    def test_size_is_what_is_kept_now(self) -> None:
        line = worker.Line(10)
        first, second = self.peers(10, 20)
        line.add(first)
        line.add(second)
        first.arrival.add(b"x" * 5)
        line.weigh(first)
        assert line.size == 35
        second.answer = memoryview(b"y" * 7)
        line.weigh(second)
        assert line.size == 22
        line.remove(first)
        assert line.size == 7


@pytest.fixture
def serving() -> Iterator[Worker]:
    """A worker's main thread, without threads and without a listener."""
    config = Config()
    made = Worker(0, 0, [], SimpleNamespace(wsgi=None), 30, config, Logger(config))
    made._body_max = 1000
    made.poller = selectors.DefaultSelector()
    made.tpool = SimpleNamespace(submit=lambda *work: None)
    made.opened = []
    yield made
    for sock in made.opened:
        sock.close()
    for line in (made._reading, made._answering, made._lingering):
        for peer in line:
            made._give_up(peer)
    made.poller.close()
    made.tmp.close()


def come(serving: Worker, data: bytes = b"") -> socket.socket:
    """A client connects, and sends something."""
    theirs, ours = socket.socketpair()
    serving.opened.append(ours)
    theirs.send(data or b"G")
    waiting = iter([(ours, ADDRESS)])

    def accept() -> Any:
        try:
            return next(waiting)
        except StopIteration:
            raise BlockingIOError from None

    serving.accept(SimpleNamespace(accept=accept, getsockname=lambda: ADDRESS))
    return theirs


def is_cut(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    finally:
        client.setblocking(True)


def test_worker_with_too_many_slow_peers_gives_up_the_oldest(serving: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PEERS_MAX", 3)
    clients = [come(serving) for _ in range(5)]
    assert [is_cut(client) for client in clients] == [True, True, False, False, False]
    for client in clients:
        client.close()


def test_worker_with_too_many_bytes_gives_up_the_oldest(serving: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BYTES_MAX", 250)
    clients = [come(serving, b"x" * 100) for _ in range(4)]
    assert [is_cut(client) for client in clients] == [True, True, False, False]
    for client in clients:
        client.close()


def test_worker_out_of_open_files_gives_up_a_peer_and_goes_on(serving: Worker) -> None:
    client = come(serving)

    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    serving.accept(SimpleNamespace(accept=fail))
    assert is_cut(client)
    client.close()


def test_worker_accepts_no_more_than_its_threads_can_take(serving: Worker) -> None:
    clients = [come(serving, GET) for _ in range(serving._jobs_max + 3)]
    assert serving._jobs == serving._jobs_max
    assert len(serving._reading) == 0
    for client in clients:
        client.close()


def test_peer_that_sends_nothing_is_cut_without_an_answer_and_one_that_stops_is_told(serving: Worker) -> None:
    silent, ours = socket.socketpair()
    ours.setblocking(False)
    peer = Peer(ours, ADDRESS, ADDRESS, Arrival(1000))
    serving._reading._seconds = 0
    serving._reading.add(peer)
    serving.poller.register(ours, selectors.EVENT_READ)
    stopped = come(serving, b"GET / HT")
    serving._sweep()
    assert silent.recv(1000) == b""
    assert stopped.recv(1000) == refusal(408)
    silent.close()
    stopped.close()


def test_rest_of_an_answer_is_sent_as_the_peer_takes_it(serving: Worker) -> None:
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    peer = Peer(ours, ADDRESS, ADDRESS, Arrival(1000))
    whole = bytes(range(256)) * 20_000
    assert serving._try_send(peer, memoryview(whole))
    assert peer.answer, "the kernel took all of it: this shows nothing"
    serving._answer_rest(peer)
    found = b""
    while len(found) < len(whole):
        found += theirs.recv(100_000)
        for key, _ in serving.poller.select(0):
            key.data(key.fileobj)
    assert found == whole
    assert not len(serving._answering)
    theirs.close()
