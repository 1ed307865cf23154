"""Answers for Django while Pushpin can't connect to it: 503, and the connection ends.

Pushpin asks its second target when the first refuses the connection (pushpin/routes). Without one, Pushpin 1.36 loses
streams: it follows the link of a room's readers by one shared request, and a reader who joins that request in the
milliseconds after it was refused waits without an end, and so do all who share it later (docs/how-it-works.md).

Usage: python3 away.py PID FILE. Listens on a free port of loopback, writes its number to FILE, and ends with the
process PID. Needs nothing but Python's own library, 3.9 or later, and Linux.
"""

import json
import os
import select
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_WR
from threading import Thread

SECONDS = 2.0  # that a header gets, and what comes behind it
RETRY_AFTER = 5  # seconds
PROBLEM = {
    "type": "about:blank",
    "title": "Service unavailable",
    "status": 503,
    "code": "SERVICE_UNAVAILABLE",
    "detail": "Corkboard is restarting. Try again in a moment.",
    "retry_after": RETRY_AFTER,
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Corkboard is restarting</title>
<h1>Corkboard is restarting</h1>
<p>{words}</p>
</html>
"""
WAIT = "This page tries again by itself."
GO_BACK = "Go back, and try again in a moment."


class Refusal(BaseHTTPRequestHandler):
    """One request, refused. What follows it is never read as a second one: with HTTP/1.0, which is the default here, a
    connection ends with its answer."""

    timeout = SECONDS
    error_message_format = "Bad request.\n"

    def refuse(self) -> None:
        """A page for browsers, a problem document (RFC 9457) for programs.

        It is sent before the body is read: Pushpin passes no more than 200,000 bytes of a body to a second target, and
        who waits for the rest waits in vain.
        """
        self.send_response_only(503)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Retry-After", str(RETRY_AFTER))
        self.send_header("X-Content-Type-Options", "nosniff")
        accept = self.headers.get("Accept", "")
        if "text/html" in accept and not accept.startswith("application/json"):  # as chat/problems.py decides
            self.send_page(WAIT if self.command == "GET" else GO_BACK)
        else:
            self.send("application/problem+json", json.dumps(PROBLEM))
        self.drain()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = refuse

    def drain(self) -> None:
        """Throw away what else comes: to close a connection with bytes unread takes the answer back."""
        self.wfile.flush()
        self.connection.shutdown(SHUT_WR)
        end = time.monotonic() + SECONDS
        while (left := end - time.monotonic()) > 0:
            self.connection.settimeout(left)
            if not self.rfile.read1():
                return

    def send_page(self, words: str) -> None:
        """A page, which a browser that asked for one asks for again."""
        if words == WAIT:
            self.send_header("Refresh", str(RETRY_AFTER))
        self.send_header("Content-Security-Policy", "default-src 'none'")
        self.send("text/html; charset=utf-8", PAGE.format(words=words))

    def send(self, content_type: str, text: str) -> None:
        """The rest of the answer."""
        body = text.encode()
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, *_: object) -> None:
        """Refuse what is no request, without quoting it."""
        super().send_error(code, "Bad request")

    def log_message(self, *_: object) -> None:
        """No line for a request: there is one for each reader while Django is away."""


class Server(ThreadingHTTPServer):
    """On a free port of loopback."""

    request_queue_size = 1000  # readers who come at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)

    def handle_error(self, *_: object) -> None:
        """No traceback: its peer went away."""


def end_with(pid: int) -> None:
    """End this process when that one ends."""
    select.select([os.pidfd_open(pid)], [], [])
    os._exit(0)


if __name__ == "__main__":
    Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
    with Server() as server:
        Path(sys.argv[2]).write_text(str(server.server_port))
        server.serve_forever()
