"""A client's connection that asks one thing at a time, and is opened anew when the server has closed it."""

import socket

TIMEOUT = 15.0


class Connection:
    """To a port of this machine. `opened` counts how often it had to connect: an answer's time includes that."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = b""
        self.opened = 0

    def post(self, request: bytes) -> int:
        """Send a request of HTTP; the status of its answer, which was read to its end."""
        self.send(request)
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        pairs = (line.lower().partition(":")[::2] for line in head.split("\r\n")[1:])
        lines = {name: value.strip() for name, value in pairs}
        if lines.get("transfer-encoding") == "chunked":
            while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
                self._read(size + 2)
            self.read_until(b"\r\n")
        elif "content-length" in lines:
            self._read(int(lines["content-length"]))
        else:  # to its end, which is the connection's
            lines["connection"] = "close"
        if lines.get("connection") == "close":
            self.close()
        return int(head.split(" ", 2)[1])

    @property
    def is_open(self) -> bool:
        """Whether the next request needs no new connection."""
        return self._socket is not None

    def send(self, data: bytes) -> None:
        """Send bytes, on the connection that is there or on a new one."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.opened += 1
        self._socket.sendall(data)

    def read_until(self, end: bytes) -> bytes:
        """The bytes before `end`, which is read too."""
        while end not in self._buffer:
            self._receive()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _read(self, size: int) -> None:
        while len(self._buffer) < size:
            self._receive()
        self._buffer = self._buffer[size:]

    def _receive(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError
        self._buffer += data

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""
