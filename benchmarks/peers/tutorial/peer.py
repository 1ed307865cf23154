"""The chat that the django-eventstream tutorial arrives at, behind Pushpin."""

import subprocess

from benchmarks.peers.peer import PEERS_PYTHON, Peer
from tests.service import ROOT


class Tutorial(Peer):
    """gunicorn with 3 workers of 4 threads; publishes over Pushpin's HTTP control port, as GRIP_URL says there."""

    name = "tutorial"
    database = "tutorial"

    def prepare(self) -> None:
        """Make the tables: the library's by its migrations, the tutorial's by their models."""
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "benchmarks.peers.tutorial.settings",
            "GRIP_URL": f"http://127.0.0.1:{self.http_port}?key={self.environment['GRIP_KEY']}",
        }
        command = [str(PEERS_PYTHON), "-m", "django", "migrate", "-v0", "--run-syncdb"]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True)

    def wait_ready(self) -> None:
        """Wait until a room's history is answered through Pushpin."""
        self._wait_for("/rooms/ready/messages/")

    def _command(self, name: str) -> list[str]:
        if name == "pushpin":
            return super()._command(name)
        log = ["--access-logfile", "-"] if self.environment.get("WEB_ACCESS_LOG") else []
        return [
            str(PEERS_PYTHON), "-m", "gunicorn", "--bind", f"127.0.0.1:{self.web_port}", "--backlog", "2048",
            "--workers", "3", "--threads", "4", "--keep-alive", "75", *log,
            "benchmarks.peers.tutorial.wsgi:application",
        ]  # fmt: skip

    def stream_path(self, room: str) -> str:
        """The stream of one room."""
        return f"/events/?channel=room-{room}"
