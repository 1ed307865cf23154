"""The service on real parts for tests: Pushpin, gunicorn and the relay, with ports and folders of their own."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jwt

from tests import prepared
from tests.console import Console
from tests.prepared import SECRETS

ROOT = Path(__file__).resolve().parent.parent
ANSWER_SECONDS = 30  # what a busy machine may need while gunicorn starts; tests that are about time measure it
START_SECONDS = 100  # four processes on a machine that may be busy
# Tests post as fast as they can, all from one address: the limits are counted and never reached.
NO_LIMIT = "1000000/minute"
LIMITS = (
    *("POST_LIMIT", "TOKEN_POST_LIMIT", "ADDRESS_POST_LIMIT", "WRITE_LIMIT", "ADDRESS_WRITE_LIMIT"),
    "ADDRESS_ROOM_LIMIT",
)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on, given to nobody else in this run of tests: what it is for may
    start seconds later. It is below those that the system gives to outgoing connections: one of them could take it
    while its owner is restarted."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener:
            try:
                (prepared.folder() / f"port-{port}").touch(exist_ok=False)
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], Any], seconds: float, what: str = "it") -> Any:
    """The first true value of `condition()`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def signed_headers() -> dict[str, str]:
    """What a proxy adds to a request that it forwards."""
    signature = jwt.encode({"iss": "pushpin", "exp": int(time.time()) + 86400}, SECRETS["GRIP_KEY"], algorithm="HS256")
    return {"Grip-Sig": signature, "X-Forwarded-For": "127.0.0.1"}


def session_members(session: int) -> list[int]:
    """The processes of a session: what was started with start_new_session, first, and then all its descendants."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return sorted(members, key=lambda pid: pid != session)


def kill_session(session: int) -> None:
    """kill -9 of a session. The first process goes first: a master that outlives a worker starts another one."""
    for pid in session_members(session):
        with suppress(ProcessLookupError):  # a first process that ends its others, or PDEATHSIG, was quicker
            os.kill(pid, signal.SIGKILL)


class Answer:
    """A response of the service."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Service:
    """One running service. `lose_publishes=True` sends what gunicorn publishes nowhere; the relay still works.

    Without `has_tables` the tables of a PostgreSQL are made first: those of tests.postgres have theirs.
    """

    def __init__(
        self,
        database_url: str = "",
        *,
        has_tables: bool = False,
        lose_publishes: bool = False,
        **environment: str,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="corkboard-test-"))
        self.port, self.web_port = free_port(), free_port()
        self.zmq_port, self.http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.web_url = f"http://127.0.0.1:{self.web_port}"
        self.has_tables = has_tables
        self.lose_publishes = lose_publishes
        self.void = "tcp://127.0.0.1:1"  # where these go
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._console: Console | None = None
        self.environment = {
            **os.environ,
            "CORKBOARD_VAR": str(self.folder),
            **SECRETS,
            "PORT": str(self.port),
            "WEB_PORT": str(self.web_port),
            "PUSHPIN_BIND": "127.0.0.1",
            "PUSHPIN_ZMQ_PORT": str(self.zmq_port),
            "PUSHPIN_HTTP_PORT": str(self.http_port),
            "GRIP_URL": f"tcp://127.0.0.1:{self.zmq_port}",
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "server.settings",
            **dict.fromkeys(LIMITS, NO_LIMIT),
            **environment,
        }

    def __enter__(self) -> Self:
        try:
            self.prepare()
            for name in ("pushpin", "gunicorn", "relay"):
                self.start(name)
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes and remove the folder."""
        if self._console:
            self._console.close()
        for process in self.processes.values():
            process.terminate()  # all at once: each takes its time
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL)  # nothing of it is needed any more
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Make what is there before a service is started."""
        self.environment["STATIC_ROOT"] = str(prepared.files() / "static")
        if not self.environment["DATABASE_URL"]:
            shutil.copy(prepared.files() / "corkboard.sqlite3", self.folder)
        elif not self.has_tables:
            self.console.run(prepared.SET_UP)

    @property
    def console(self) -> Console:
        """A process inside the service's Django, started when it is first asked for."""
        self._console = self._console or Console(self.environment)
        return self._console

    def manage(self, *arguments: str) -> str:
        """Run a management command; its output."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}:\n{done.stderr}"
        return done.stdout

    def shell(self, code: str) -> str:
        """Run Python code inside the service's Django; what it prints."""
        return self.console.print(code)

    def sessions(self, *names: str, **fields: Any) -> dict[str, str]:
        """A session for each of these user names: the value of their cookie `sessionid`. Accounts that are missing are
        made, with `fields`."""
        code = f"from tests import sessions; sessions.give({list(names)!r}, {fields!r})"
        made: dict[str, str] = json.loads(self.shell(code))
        return made

    def session(self, name: str, **fields: Any) -> str:
        """The same for one."""
        return self.sessions(name, **fields)[name]

    def start(self, name: str) -> None:
        """Start one of pushpin, gunicorn, relay, presence and hooks."""
        environment = dict(self.environment)
        if name == "gunicorn" and self.lose_publishes:
            environment["GRIP_URL"] = self.void
        with (self.folder / f"{name}.out").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                self._command(name),
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_presence(self) -> None:
        """Start the companion, and wait until it listens: what the proxies said before, they say again after 45 s."""
        self.start("presence")
        output = self.folder / "presence.out"
        wait_until(lambda: "proxies" in output.read_text(), START_SECONDS, "presence")
        time.sleep(1)  # it connects in the background

    def _command(self, name: str) -> list[str]:
        if name == "pushpin":
            return ["sh", str(ROOT / "pushpin" / "entrypoint.sh")]
        if name == "gunicorn":
            return [sys.executable, "-m", "gunicorn", "-c", "server/gunicorn.conf.py", "server.wsgi:application"]
        return [sys.executable, "manage.py", name]

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End a process and everything it started (Pushpin's parts have process groups of their own)."""
        process = self.processes.pop(name)
        if how != signal.SIGKILL:
            process.send_signal(how)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                pass
        kill_session(process.pid)
        process.wait(15)

    def kill(self, name: str) -> None:
        """kill -9 of a process and everything it started, then start it again."""
        self.stop(name, signal.SIGKILL)
        self.start(name)

    def wait_ready(self) -> None:
        """Wait until the service answers through the proxy."""
        wait_until(lambda: self._is_ready(), START_SECONDS, "readiness")

    def _is_ready(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended:\n{self.log_tail()}"
        try:
            return self.get("/health/ready").status == 200
        except OSError:
            return False

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        base: str = "",
        *,
        signed: bool = True,
    ) -> Answer:
        """One request through the proxy; a refusal is an answer too. One to `base` goes past it, `signed` as if not."""
        headers = {**(signed_headers() if base and signed else {}), **(headers or {})}
        request = urllib.request.Request((base or self.url) + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """A GET."""
        return self.request("GET", path, headers=headers)

    def post(self, room: str, text: str, name: str = "ann", key: str = "", base: str = "") -> Answer:
        """Post a message as a form, as curl does."""
        body = urllib.parse.urlencode({"from": name, "text": text}).encode()
        headers = {"Idempotency-Key": key} if key else {}
        return self.request("POST", f"/rooms/{room}/messages/", body, headers, base)

    def say(self, room: str, text: str, name: str = "ann") -> int:
        """Post a message that must be taken; its id."""
        answer = self.post(room, text, name)
        assert answer.status == 201, answer.body
        return int(answer.json()["id"])

    def token(self, room: str) -> str:
        """The resume token of a room as it is now."""
        return str(self.get(f"/rooms/{room}/messages/").json()["last-event-id"])

    def log_tail(self) -> str:
        """The last lines of every log."""
        logs = sorted([*self.folder.glob("*.out"), *self.folder.glob("**/*.log")])
        return "\n".join(f"== {log.name}\n" + log.read_text(errors="replace")[-3000:] for log in logs)
