"""The gunicorn worker: a connection serves one request, and no thread waits for a peer.

gunicorn's own threads read a request and write its answer on the peer's socket, for as long as the peer likes: forty
peers that stop in the middle of a body hold all threads of a service. Here the main thread gathers each request and
sends what the kernel does not take of an answer at once, without blocking, within deadlines; a thread gets a request
that is whole, and gives back an answer that is whole.

A connection ends after its answer. Pushpin 1.36 can be made to put the end of one client's request in front of
another's on a kept connection (SECURITY.md, "Framing"), so bytes behind a request are never parsed.
"""

import heapq
import itertools
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from django.conf import settings
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from server.arrival import Arrival

REQUEST_SECONDS = 20.0  # from the connection to the last byte of a request
ANSWER_SECONDS = 30.0  # until the peer has taken an answer
LINGER_SECONDS = 3.0  # until a peer that still sends has read the answer and hangs up
SPREAD = (0.75, 1.25)  # each peer gets so much of them
# What waits for peers in one worker; above that the peer that was waited for longest is given up.
PEERS_MAX = 1500
BYTES_MAX = 96 * 1024 * 1024
READ_AT_ONCE = 65_536
ACCEPTED_AT_ONCE = 32
# Requests that wait for a thread of this worker: few, so that another worker with free threads takes the next ones.
AHEAD = 2

# Statuses by the parser's error, the first that fits.
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (LimitRequestLine, 414),
    (LimitRequestHeaders, 431),
    (ExpectationFailed, 417),
    (UnsupportedTransferCoding, 501),
    (ParseException, 400),
    (NoMoreData, 400),
)
# Fixed words: an error page that quotes a request could show one client what another one sent.
WORDS = {
    400: ("BODY_INVALID", "Bad Request", "The request can't be read."),
    408: ("REQUEST_TIMEOUT", "Request Timeout", "The request did not arrive in time."),
    414: ("ADDRESS_TOO_LONG", "URI Too Long", "The address is too long."),
    417: ("EXPECTATION_FAILED", "Expectation Failed", "This service does not know what the request expects."),
    431: (
        "HEADERS_TOO_LARGE",
        "Request Header Fields Too Large",
        "The headers of the request are too long, or too many.",
    ),
    501: ("CODING_UNSUPPORTED", "Not Implemented", "This service does not know the transfer coding of the body."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable", "Something went wrong here. It was logged."),
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def refusal(status: int) -> bytes:
    """The answer to a request that no view sees, as a problem document."""
    code, title, detail = WORDS[status]
    document = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    body = json.dumps(document).encode()
    again = "Retry-After: 5\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Cache-Control: no-store\r\n{again}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def whole_bodies(application: Application, body_max: int) -> Application:
    """`application`, with each body in chunks given as one of known length, as Django wants it."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:
            try:
                body = environ["wsgi.input"].read()
                environ["CONTENT_LENGTH"] = str(len(body))
            except NoMoreData:  # the body is longer than the worker waits for: Django refuses it by its length
                body = b""
                environ["CONTENT_LENGTH"] = str(body_max + 1)
            environ["wsgi.input"] = BytesIO(body)
        return application(environ, start_response)

    return serve


class Wire:
    """Stands in for the socket on which gunicorn writes an answer, and keeps it."""

    def __init__(self) -> None:
        self.answer = bytearray()

    def sendall(self, data: bytes) -> None:
        """Take a part of the answer."""
        self.answer += data

    def send(self, data: bytes) -> int:
        """Drop "100 Continue", which gunicorn writes before an answer: the body is here already."""
        return len(data)

    def shutdown(self, how: int) -> None:
        """Nothing to end. gunicorn calls this when a view fails in the middle of an answer."""

    def close(self) -> None:
        """Nothing to close, likewise."""

    def settimeout(self, seconds: float) -> None:
        """Nothing is waited for, likewise."""

    def recv(self, size: int) -> bytes:
        """Nothing comes, likewise."""
        return b""


@dataclass(eq=False)
class Peer:
    """One connection: the socket, both of its addresses, the request so far and what is left of the answer."""

    sock: socket.socket
    client: Any
    server: Any
    arrival: Arrival
    answer: memoryview = field(default_factory=lambda: memoryview(b""))

    @property
    def size(self) -> int:
        """The bytes of memory that are kept for it."""
        return len(self.answer) or len(self.arrival)


@dataclass
class Exchange:
    """What gunicorn's handle_request wants to know of a connection."""

    sock: Wire
    client: Any
    server: Any


class Line:
    """Peers that are waited for, each for about `seconds`: hundreds that came at once must not come again at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tickets: dict[Peer, int] = {}  # in the order in which they came
        self._peers: dict[int, Peer] = {}
        self._sizes: dict[Peer, int] = {}
        self._soonest: list[tuple[float, int]] = []  # a heap of tickets, also of peers that are waited for no more
        self._serial = itertools.count()
        self.size = 0  # bytes of all of them

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, peer: Peer) -> bool:
        return peer in self._tickets

    def __iter__(self) -> Any:
        return iter(list(self._tickets))

    def add(self, peer: Peer) -> None:
        """Wait for a peer from now on."""
        due = time.monotonic() + self._seconds * random.uniform(*SPREAD)  # noqa: S311 - spreads load, guards nothing
        ticket = self._tickets[peer] = next(self._serial)
        self._peers[ticket] = peer
        heapq.heappush(self._soonest, (due, ticket))
        self.weigh(peer)

    def weigh(self, peer: Peer) -> None:
        """Note how many bytes are kept for a peer now."""
        self.size += peer.size - self._sizes.get(peer, 0)
        self._sizes[peer] = peer.size

    def remove(self, peer: Peer) -> None:
        """Wait for it no more."""
        del self._peers[self._tickets.pop(peer)]
        self.size -= self._sizes.pop(peer)

    def oldest(self) -> Peer | None:
        """The peer that was waited for longest."""
        return next(iter(self._tickets), None)

    def late(self, now: float) -> Peer | None:
        """A peer whose time is over."""
        while self._soonest and self._soonest[0][0] <= now:
            if peer := self._peers.get(heapq.heappop(self._soonest)[1]):
                return peer
        return None


class Worker(ThreadWorker):  # type: ignore[misc]
    """See the module. Everything but `_work` and what it calls runs in the main thread, which never blocks."""

    wsgi: Application

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._body_max = 0  # once Django is loaded: what it takes
        self._reading = Line(REQUEST_SECONDS)
        self._answering = Line(ANSWER_SECONDS)
        self._lingering = Line(LINGER_SECONDS)
        self._lock = threading.Lock()
        self._jobs = 0  # requests that are with the threads
        self._jobs_max = self.cfg.threads + AHEAD

    def load_wsgi(self) -> None:
        """Load Django."""
        super().load_wsgi()
        self._body_max = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        self.wsgi = whole_bodies(self.wsgi, self._body_max)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once, on SIGQUIT and SIGINT.

        A signal comes while the main thread holds any lock, so what handles it takes none. gunicorn's own handler takes
        the pool's: a worker that was handing it a request would wait for itself without an end, and keep the port.
        """
        super(ThreadWorker, self).handle_quit(sig, frame)

    def run(self) -> None:
        """Serve until told to end; then finish what has begun, within graceful_timeout."""
        try:
            self._serve()
        finally:  # also when told to end at once: threads may still be at work, and the next master wants the port
            for listener in self.sockets:
                listener.close()

    def _serve(self) -> None:
        self.poller.register(self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks)
        while self.alive and self.is_parent_alive():
            self.notify()
            for _ in range(2):  # again for a job that ended before its thread could see that nothing is accepted
                self.set_accept_enabled(self._jobs < self._jobs_max)
            self.wait_for_and_dispatch_events(1.0)
            self._sweep()
        self.set_accept_enabled(False)
        end = time.monotonic() + self.cfg.graceful_timeout
        while not self._is_idle() and time.monotonic() < end:
            self.notify()
            for peer in self._reading:
                if not len(peer.arrival):  # nothing was begun
                    self._give_up(peer)
            self.wait_for_and_dispatch_events(0.2)
            self._sweep()
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()

    def accept(self, listener: socket.socket) -> None:
        """Take new connections, as many as there are threads for."""
        for _ in range(ACCEPTED_AT_ONCE):
            if self._jobs >= self._jobs_max:
                return
            try:
                sock, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # too many open files, or the peer is gone already
                self.log.debug("no connection: %s", error)
                self._shed()
                return
            sock.setblocking(False)
            peer = Peer(sock, client, listener.getsockname(), Arrival(self._body_max))
            if not self._receive(peer):
                continue
            self._reading.add(peer)
            self.poller.register(sock, EVENT_READ, partial(self._on_readable, peer))
            self._bound()

    def _on_readable(self, peer: Peer, _sock: socket.socket) -> None:
        if self._receive(peer):
            self._reading.weigh(peer)
            self._bound()

    def _receive(self, peer: Peer) -> bool:
        """Take what came of a request. Returns whether more must be waited for; else the peer is taken care of."""
        try:
            data = peer.sock.recv(READ_AT_ONCE)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._give_up(peer)
            return False
        if not peer.arrival.add(data):
            if peer.arrival.expects_continue:
                peer.arrival.expects_continue = False
                self._try_send(peer, memoryview(CONTINUE))
            return True
        self._forget(peer)
        with self._lock:
            self._jobs += 1
        self.tpool.submit(self._work, peer)
        return False

    def _sweep(self) -> None:
        """Give up the peers whose time is over."""
        now = time.monotonic()
        while peer := self._reading.late(now):
            if len(peer.arrival):
                self._try_send(peer, memoryview(refusal(408)))
            self._give_up(peer)
        for line in (self._answering, self._lingering):
            while peer := line.late(now):
                self._give_up(peer)

    def _bound(self) -> None:
        """Give up the oldest peers while more of them, or more of their bytes, are waited for than may be."""
        while self._waiting() > PEERS_MAX or self._reading.size + self._answering.size > BYTES_MAX:
            self._shed()

    def _shed(self) -> None:
        lines = sorted((self._lingering, self._reading, self._answering), key=len)
        if peer := lines[-1].oldest():
            self._give_up(peer)

    def _is_idle(self) -> bool:
        """Whether nothing is under way, not even what a thread has just left to be sent."""
        if not (self._jobs or self._waiting()):
            self.wait_for_and_dispatch_events(0)
        return not (self._jobs or self._waiting())

    def _waiting(self) -> int:
        return len(self._reading) + len(self._answering) + len(self._lingering)

    def _give_up(self, peer: Peer) -> None:
        self._forget(peer)
        peer.sock.close()

    def _forget(self, peer: Peer) -> None:
        """Wait for nothing of this peer any more."""
        for line in (self._reading, self._answering, self._lingering):
            if peer in line:
                line.remove(peer)
                self.poller.unregister(peer.sock)

    def _answer_rest(self, peer: Peer) -> None:
        """Send the rest of an answer as the peer takes it."""
        self._answering.add(peer)
        self.poller.register(peer.sock, EVENT_WRITE, partial(self._on_writable, peer))
        self._bound()

    def _on_writable(self, peer: Peer, _sock: socket.socket) -> None:
        if not self._try_send(peer, peer.answer):
            self._give_up(peer)
        elif peer.answer:
            self._answering.weigh(peer)
        else:
            self._forget(peer)
            self._finish(peer)

    def _linger(self, peer: Peer) -> None:
        """Let a peer that still sends read its answer: closed at once, the connection would be reset under it."""
        try:
            peer.sock.shutdown(socket.SHUT_WR)
        except OSError:
            peer.sock.close()
            return
        self._lingering.add(peer)
        self.poller.register(peer.sock, EVENT_READ, partial(self._on_rest, peer))
        self._bound()

    def _on_rest(self, peer: Peer, _sock: socket.socket) -> None:
        try:
            if peer.sock.recv(READ_AT_ONCE):
                return  # nobody reads it
        except BlockingIOError:
            return
        except OSError:
            pass
        self._give_up(peer)

    def _try_send(self, peer: Peer, data: memoryview) -> bool:
        """Send what the kernel takes, and keep the rest in `answer`. Returns False when the peer is gone."""
        try:
            sent = peer.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        peer.answer = data[sent:]
        return True

    # In a thread of the pool.

    def _work(self, peer: Peer) -> None:
        """Answer a request."""
        try:
            answer = self._respond(peer)
            if not self._try_send(peer, memoryview(answer)):
                peer.sock.close()
            elif peer.answer:
                self.method_queue.defer(self._answer_rest, peer)
            else:
                self._finish(peer, defer=True)
        except Exception:
            self.log.exception("a connection failed")
            peer.sock.close()
        finally:
            with self._lock:
                self._jobs -= 1
            if not self._accepting:
                self.method_queue.defer(lambda: None)  # the main thread looks again whether to accept

    def _finish(self, peer: Peer, *, defer: bool = False) -> None:
        """End a connection after its answer, in either thread: at once when nothing unread would reset it."""
        try:
            is_silent = not peer.arrival.is_cut and not peer.sock.recv(READ_AT_ONCE)
        except BlockingIOError:
            is_silent = True
        except OSError:
            is_silent = True
        if is_silent:
            peer.sock.close()
        elif defer:
            self.method_queue.defer(self._linger, peer)
        else:
            self._linger(peer)

    def _respond(self, peer: Peer) -> bytes | bytearray:
        """The whole answer to the request of a peer."""
        exchange = Exchange(Wire(), peer.client, peer.server)
        try:
            request = next(RequestParser(self.cfg, iter([peer.arrival.request]), peer.client))
            self.handle_request(request, exchange)
        except Exception as error:
            for kind, status in STATUSES:
                if isinstance(error, kind):
                    self.log.debug("a request can't be read: %s", type(error).__name__)
                    return refusal(status)
            if not isinstance(error, StopIteration):  # which gunicorn raises for what it has logged
                self.log.exception("a request failed")
            return refusal(503)
        return exchange.sock.answer
