"""A receiver of webhooks that can be made to misbehave, on a loopback address that is not 127.0.0.1."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

HOST = "127.0.0.2"
NETWORK = f"{HOST}/32"


class Receiver:
    """Takes deliveries: `got` has (headers, body) of each. `status` is what it answers; `hang`: seconds before that;
    `location`: where it redirects to; `drip`: it sends its head byte by byte."""

    def __init__(self, host: str = HOST, port: int = 0) -> None:
        self.status = 204
        self.hang = 0.0
        self.location = ""
        self.retry_after = ""
        self.drip = False
        self.got: list[tuple[dict[str, str], bytes]] = []
        self._stopped = threading.Event()
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def told(self) -> list[dict[str, Any]]:
        """The payloads that came."""
        return [json.loads(body) for _, body in self.got]

    def texts(self) -> list[str]:
        """The texts of the messages that came, in the order they came."""
        return [payload["data"]["text"] for payload in self.told() if payload["type"] == "message"]

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                try:
                    receiver._answer(self)
                except OSError:  # the caller has had enough
                    pass

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        status, location = self.status, self.location
        self._stopped.wait(self.hang)
        if self.drip:
            while not self._stopped.is_set():
                handler.wfile.write(b"H")
                handler.wfile.flush()
                time.sleep(0.05)
        handler.send_response(status)
        if location:
            handler.send_header("Location", location)
        if self.retry_after:
            handler.send_header("Retry-After", self.retry_after)
        handler.end_headers()
