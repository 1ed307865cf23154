"""Clients that keep a service waiting: hundreds of them in one thread, which come again as soon as they are cut off."""

import selectors
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

A_SECOND = 100  # so many of them come in a second


class SlowPeers:
    """`number` connections to a port, some more in each moment, that each send `request` and then nothing, or a byte of
    `drip` a second.

    Without `reads` they take nothing of the answer, with it a byte a second. `cuts` counts how often the service ended
    a connection; each comes again at once.
    """

    def __init__(
        self, port: int, number: int, request: bytes, *, drip: bytes = b"", reads: bool = False, window: int = 0
    ) -> None:
        self._port = port
        self._number = number
        self._request = request
        self._drip = drip
        self._reads = reads
        self._window = window
        self.cuts = 0
        self.opened = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while self.opened < self._number and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join(10)

    def _run(self) -> None:
        selector = selectors.DefaultSelector()
        peers: set[socket.socket] = set()
        begin = time.monotonic()
        turn = begin + 1
        while not self._closing.is_set():
            while len(peers) < min(self._number, (time.monotonic() - begin) * A_SECOND):
                peers.add(self._open(selector))
            self._serve(selector, peers)
            if time.monotonic() >= turn:
                turn += 1
                for sock in [sock for sock in peers if not self._beat(sock)]:
                    self._again(selector, peers, sock)
        for sock in peers:
            sock.close()
        selector.close()

    def _serve(self, selector: selectors.BaseSelector, peers: set[socket.socket]) -> None:
        """Send what is left of the requests, and see who was cut off."""
        for key, mask in selector.select(0.05):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if mask & selectors.EVENT_WRITE:
                is_alive = self._send(selector, sock, key.data)
            elif is_alive := bool(self._receive(sock, socket.MSG_PEEK)):
                selector.unregister(sock)  # something is there, which it leaves there
            if not is_alive:
                self._again(selector, peers, sock)

    def _open(self, selector: selectors.BaseSelector) -> socket.socket:
        sock = socket.socket()
        if self._window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window)
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", self._port))
        selector.register(sock, selectors.EVENT_WRITE, memoryview(self._request))
        return sock

    def _send(self, selector: selectors.BaseSelector, sock: socket.socket, left: memoryview) -> bool:
        try:
            left = left[sock.send(left) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        if left:
            selector.modify(sock, selectors.EVENT_WRITE, left)
        else:
            self.opened += 1
            selector.modify(sock, selectors.EVENT_READ)
        return True

    def _beat(self, sock: socket.socket) -> bool:
        """What it does once a second. Returns False when the service has hung up."""
        try:
            if self._drip:
                sock.send(self._drip)
        except BlockingIOError:
            pass
        except OSError:
            return False
        if self._reads:
            return bool(self._receive(sock, 0))
        return True

    def _receive(self, sock: socket.socket, flags: int) -> bytes:
        """A byte; b"" when the service has hung up."""
        try:
            return sock.recv(1, flags)
        except BlockingIOError:
            return b"?"  # nothing yet
        except OSError:
            return b""

    def _again(self, selector: selectors.BaseSelector, peers: set[socket.socket], sock: socket.socket) -> None:
        self.cuts += 1
        with suppress(KeyError):
            selector.unregister(sock)
        sock.close()
        peers.discard(sock)
        peers.add(self._open(selector))
