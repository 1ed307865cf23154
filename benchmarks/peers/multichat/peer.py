"""A minimal chat on Django Channels: two uvicorn workers hold the sockets, Redis carries messages between them."""

import subprocess
from typing import Any

from benchmarks.load import posters
from benchmarks.peers.peer import PEERS_PYTHON, Peer
from tests.service import ROOT, free_port

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Multichat(Peer):
    """Not behind Pushpin: its own processes hold the connections."""

    name = "channels"
    database = "multichat"
    web = "uvicorn"
    proxy = ("redis", "uvicorn")

    def started(self) -> tuple[str, ...]:
        """The processes, in the order they start."""
        return ("redis", "uvicorn")

    def prepare(self) -> None:
        """Make the tables."""
        self.redis_port = free_port()
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "benchmarks.peers.multichat.settings",
            "BENCH_REDIS_PORT": str(self.redis_port),
        }
        command = [str(PEERS_PYTHON), "-m", "django", "migrate", "-v0", "--run-syncdb"]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True)

    def wait_ready(self) -> None:
        """Wait until a socket opens and a message is stored."""
        order = {**self.post_order("ready"), "posters": 1, "number": 1, "seconds": 20}
        assert posters.run(order)["stored"] == 1, self.log_tail()

    def _command(self, name: str) -> list[str]:
        if name == "redis":
            return ["redis-server", "--port", str(self.redis_port), "--save", "", "--dir", str(self.folder)]
        return [
            str(PEERS_PYTHON), "-m", "uvicorn", "--port", str(self.web_port), "--workers", "2", "--backlog", "4096",
            "--log-level", "warning", "--ws-ping-interval", "600", "benchmarks.peers.multichat.asgi:application",
        ]  # fmt: skip

    @property
    def stream_port(self) -> int:
        """Readers connect to uvicorn."""
        return self.web_port

    def stream_request(self, room: str, token: str = "") -> str:
        """The upgrade of a socket that joins the room."""
        return UPGRADE.format(path=f"/{room}/{token or 'now'}/")

    def token(self, room: str) -> str:
        """The newest message's id."""
        code = (
            "import django; django.setup()\nfrom benchmarks.peers.multichat.models import Message\n"
            f"print(getattr(Message.objects.filter(room__name={room!r}).last(), 'pk', 0))"
        )
        command = [str(PEERS_PYTHON), "-c", code]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def post_order(self, room: str, *, direct: bool = False) -> dict[str, Any]:
        """Posters send over sockets of their own, on which they get all messages, as people in a chat do.

        `direct` posts over HTTP instead, as to the other peers.
        """
        if direct:
            return super().post_order(room, direct=True)
        return {"port": self.web_port, "websocket": UPGRADE.format(path=f"/{room}/now/")}
