"""The service of a run: real parts, a supervisor that starts again what dies, and the hands that kill."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.chaos import orders
from tests.chaos.plan import Options
from tests.postgres import PROGRAMS, TEMPLATE, copy_cluster
from tests.service import Service, free_port, kill_session, session_members, wait_until

CHANCE = 0.05  # of each: a publish is lost, late, doubled
AGAIN_SECONDS = 0.2  # until the supervisor starts what ended; a second longer each time when it did not live for one
LOG_QUERY = """
import json
from chat.models import Event, Message, Room
print(json.dumps({
    "counters": dict(Room.objects.values_list("name", "counter")),
    "events": list(Event.objects.order_by("room_id", "eid").values_list("room__name", "eid", "type", "data")),
    "messages": list(Message.objects.order_by("room_id", "eid").values_list("room__name", "eid", "text")),
}))
"""


class Parts(Service):
    """Pushpin, gunicorn, the relay, the forwarder before the control port, and PostgreSQL or SQLite."""

    def __init__(self, options: Options, note: Callable[[str], None]) -> None:
        self._publish_port, self._postgres_port = free_port(), free_port()
        self._with_postgres = options.database == "postgresql"
        self._data = Path(tempfile.mkdtemp(prefix="corkboard-chaos-pg-")) / "data" if self._with_postgres else None
        url = f"postgres://corkboard@127.0.0.1:{self._postgres_port}/{TEMPLATE}" if self._with_postgres else ""
        super().__init__(
            url,
            has_tables=True,
            DJANGO_SETTINGS_MODULE="tests.chaos.settings",
            GRIP_URL=f"tcp://127.0.0.1:{self._publish_port}",
            WEB_ACCESS_LOG="1",
        )
        self.environment[orders.FOLDER] = str(self.folder)
        self.keep = False  # the folder, for a look at the logs
        self.harm: dict[str, int] = {}  # what the forwarder did, known at the end
        self._seed = options.seed
        self._note = note
        self._began: dict[str, float] = {}
        self._sessions: list[int] = []
        self._forwarder_input: Any = None

    def __enter__(self) -> Self:
        try:
            if self._data:
                self._init_postgres(self._data)
            self.prepare()
            for name in ("pushpin", "forwarder", "gunicorn", "relay"):
                self.start(name)
            self.wait_ready()
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end_all()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._data:
            shutil.rmtree(self._data.parent, ignore_errors=True)

    def _end_all(self) -> None:
        if self._console:
            self._console.close()
        for name, process in reversed(self.processes.items()):
            if name == "forwarder":
                self._end_forwarder()
            elif name == "postgres":
                self._kill_postgres(process.pid)
        for session in self._sessions:
            kill_session(session)
        for process in self.processes.values():
            process.wait(15)

    def _end_forwarder(self) -> None:
        self._forwarder_input.close()
        try:
            self.processes["forwarder"].wait(5)
            self.harm = json.loads((self.folder / "forwarder.out").read_text().splitlines()[-1])
        except (subprocess.TimeoutExpired, IndexError, ValueError):
            pass

    def _init_postgres(self, data: Path) -> None:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(data.parent, "postgres")
        copy_cluster(data)
        self.start("postgres")
        ready = [str(PROGRAMS / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._postgres_port)]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 30, "PostgreSQL")

    def start(self, name: str) -> None:
        """Start a part."""
        if name == "forwarder":
            with (self.folder / "forwarder.out").open("ab") as output:
                self.processes[name] = subprocess.Popen(
                    self._command(name), stdin=subprocess.PIPE, stdout=output, start_new_session=True
                )
            self._forwarder_input = self.processes[name].stdin
        else:
            super().start(name)
        self._began[name] = time.monotonic()
        self._sessions.append(self.processes[name].pid)

    def _command(self, name: str) -> list[str]:
        if name == "postgres":
            options = ["-c", "listen_addresses=127.0.0.1", "-p", str(self._postgres_port), "-k", str(self._data)]
            return [*_as_postgres(), str(PROGRAMS / "postgres"), "-D", str(self._data), *options]
        if name == "forwarder":
            ports = ["--listen", str(self._publish_port), "--to", str(self.zmq_port)]
            chance = ["--seed", f"{self._seed}/forwarder", "--chance", str(CHANCE)]
            return [sys.executable, "-m", "tests.chaos.forwarder", *ports, *chance]
        return super()._command(name)

    async def supervise(self) -> None:
        """Start again whatever ends, as an init system would, and leave its orphans as they are."""
        quick: dict[str, int] = {}
        due: dict[str, float] = {}
        while True:
            now = time.monotonic()
            for name, process in list(self.processes.items()):
                if process.poll() is None:
                    continue
                if name not in due:
                    quick[name] = quick.get(name, 0) + 1 if now - self._began[name] < 1 else 0
                    due[name] = now + AGAIN_SECONDS + quick[name]
                elif now >= due[name]:
                    del due[name]
                    self.start(name)
            await asyncio.sleep(0.05)

    def command_forwarder(self, line: str) -> None:
        """Send the forwarder a command."""
        self._forwarder_input.write(line.encode() + b"\n")
        self._forwarder_input.flush()

    def pids(self, part: str, program: str) -> list[int]:
        """The processes of a part whose command line begins with a program; "" finds all."""
        found = []
        for pid in sorted(session_members(self.processes[part].pid)):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if not program or Path(words[0].decode()).name == program:
                found.append(pid)
        return found

    def master(self, part: str) -> int:
        """The process that the supervisor started."""
        return self.processes[part].pid

    def kill_postgres(self) -> str:
        """kill -9 of the postmaster and all its children."""
        return self._kill_postgres(self.processes["postgres"].pid)

    def _kill_postgres(self, postmaster: int) -> str:
        try:
            os.kill(postmaster, signal.SIGSTOP)  # no new children while we look
        except OSError:
            return ""
        children = _children(postmaster)  # each has a session of its own
        for pid in (postmaster, *children):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        return f"{1 + len(children)} processes"

    def read_log(self) -> dict[str, Any]:
        """What the database holds at the end: counters of rooms, events and messages."""
        loaded: dict[str, Any] = json.loads(self.shell(LOG_QUERY))
        return loaded

    def recoveries(self) -> int:
        """How many recovery requests Django answered."""
        return sum("GET /recover/" in line for line in (self.folder / "gunicorn.out").open(errors="replace"))


def _as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found
