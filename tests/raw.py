"""Requests byte by byte, as no well-behaved client sends them."""

import socket
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came: 0 and nothing when the connection ended without one."""

    status: int
    data: bytes


def connect(port: int, *, receive_buffer: int = 0) -> socket.socket:
    """A connection to a port of loopback."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(10)
    sock.connect(("127.0.0.1", port))
    return sock


def send(port: int, data: bytes, seconds: float = 5) -> RawAnswer:
    """Send `data` and read the answer: to the end of its body, or as far as it comes within `seconds`."""
    with connect(port) as sock:
        try:
            sock.sendall(data)
        except OSError:  # refused while it was sent: the answer may be there
            pass
        return read(sock, seconds)


def read(sock: socket.socket, seconds: float = 5) -> RawAnswer:
    """Read one answer."""
    end, found = time.monotonic() + seconds, b""
    while (left := end - time.monotonic()) > 0 and not _is_whole(found):
        sock.settimeout(left)
        try:
            data = sock.recv(65_536)
        except OSError:
            break
        if not data:
            break
        found += data
    first = found.split(b" ", 2)
    return RawAnswer(int(first[1]) if len(first) > 2 and first[1].isdigit() else 0, found)


def _is_whole(data: bytes) -> bool:
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    if head.split(b" ", 2)[1] == b"100":
        return _is_whole(body)
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in fields:
        return len(body) >= int(fields[b"content-length"])
    return b"chunked" in fields.get(b"transfer-encoding", b"") and body.endswith(b"0\r\n\r\n")
