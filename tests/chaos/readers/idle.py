"""Readers that never read: only there to fill Pushpin's buffers."""

import asyncio
import socket

NEVER_READS = 4096  # bytes that the system takes in for a reader that never reads


async def never_read(host: str, port: int, rooms: tuple[str, ...]) -> None:
    """Ask for all rooms and never read."""
    loop = asyncio.get_running_loop()
    path = "/events/?" + "&".join(f"channel=room-{room}" for room in rooms)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nLast-Event-ID: earliest\r\n\r\n".encode()
    while True:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NEVER_READS)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, (host, port))
                await loop.sock_sendall(connection, request)
                await asyncio.sleep(60)
            except OSError:
                await asyncio.sleep(1)
