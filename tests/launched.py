"""A service as `make run` gives it: started by the launcher, on SQLite, with the settings as they come."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.receiver import NETWORK
from tests.service import ROOT, START_SECONDS, Service, wait_until


class Launched(Service):
    """In a folder of its own. Webhooks may go to the tests' receivers."""

    def __init__(self, url: str = "", **options: Any) -> None:
        super().__init__(url, **options)
        own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        var = {"CORKBOARD_VAR": str(self.folder), "PORT": str(self.port)}
        self.environment = {**own, **var, "HOOK_ALLOWED_NETWORKS": NETWORK}
        self.output = self.folder / "launcher.out"

    def __enter__(self) -> Self:
        try:
            self.launch()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End it as Ctrl-C does, and remove its folder."""
        if "launcher" in self.processes:
            self.interrupt()
        super().close()

    def launch(self) -> None:
        """Start the launcher and wait until it says that it serves."""
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "server.run"]
            self.processes["launcher"] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        wait_until(
            lambda: f"http://localhost:{self.port}/" in self.said() and self._is_ready(), START_SECONDS, "the start"
        )

    def said(self) -> str:
        """What the launcher printed."""
        return self.output.read_text()

    def pid(self, *words: str) -> int:
        """The first process of this service whose command line begins with a program and holds the other words."""
        for member in sorted(self.members()):
            try:
                line = Path(f"/proc/{member}/cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if Path(line[0]).name.startswith(words[0]) and all(word in line for word in words[1:]):
                return member
        raise AssertionError(f"no process {words}")

    def members(self) -> list[int]:
        """Every process of this service, wherever its parent is gone to."""
        mark = f"CORKBOARD_VAR={self.folder}\0".encode()
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in environ.read_bytes():
                    found.append(int(environ.parent.name))
            except OSError:
                continue
        return found

    def interrupt(self) -> None:
        """Ctrl-C."""
        process = self.processes.pop("launcher")
        process.send_signal(signal.SIGINT)
        process.wait(30)
