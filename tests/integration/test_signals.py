"""Signals that gunicorn's worker gets at the worst moment: while its main thread holds the locks of its threads."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interrupted import FOLDER, SIGNAL
from tests.service import ROOT, free_port, kill_session, wait_until

pytestmark = pytest.mark.timeout(60)
QUICKLY = 10  # seconds: a worker that is stuck is replaced by its master after 30
ENDING = [signal.SIGQUIT, signal.SIGINT, signal.SIGTERM, signal.SIGABRT]
PASSING = [signal.SIGUSR1, signal.SIGWINCH]


class Gunicorn:
    """gunicorn as the service starts it, with one worker that interrupts itself."""

    def __init__(self, folder: Path, signum: int | None) -> None:
        self.port = free_port()
        environment = {**os.environ, "WEB_PORT": str(self.port), "WEB_WORKERS": "1", FOLDER: str(folder)}
        if signum:
            environment[SIGNAL] = str(int(signum))
        config = ["-c", "server/gunicorn.conf.py", "-k", "tests.interrupted.Interrupted"]
        command = [sys.executable, "-m", "gunicorn", *config, "tests.interrupted:application"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)

    def ask(self, path: str = "/", seconds: float = 1) -> str | None:
        """The process that answers; None without an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds) as response:
                return str(response.read().decode())
        except OSError:
            return None

    def has_port(self) -> bool:
        """Whether somebody still listens there."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", self.port))
            except OSError:
                return True
        return False


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Starts one, which gets this signal with its first request."""
    started: list[Gunicorn] = []

    def start(signum: int | None = None) -> Gunicorn:
        started.append(Gunicorn(tmp_path, signum))
        return started[-1]

    yield start
    for one in started:
        kill_session(one.process.pid)
        one.process.wait()


@pytest.mark.parametrize("signum", ENDING + PASSING, ids=lambda signum: signum.name)
def test_a_signal_at_any_moment_leaves_no_worker_stuck(
    gunicorn: Callable[..., Gunicorn], tmp_path: Path, signum: signal.Signals
) -> None:
    one = gunicorn(signum)
    wait_until(lambda: one.ask() or (tmp_path / "interrupted").exists(), QUICKLY, "the first request")
    wait_until(one.ask, QUICKLY, "an answer after the signal")
    assert (tmp_path / "interrupted").exists()
    assert one.process.poll() is None


def test_a_master_killed_while_its_worker_is_handed_a_request_leaves_the_port(
    gunicorn: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    one = gunicorn(signal.SIGSTOP)  # the master is killed meanwhile; then the worker goes on, and is told so
    wait_until(lambda: one.ask(seconds=0.2) or (tmp_path / "interrupted").exists(), QUICKLY, "the first request")
    workers = _children(one.process.pid)
    wait_until(lambda: all(_is_stopped(pid) for pid in workers), QUICKLY, "a worker that stands still")
    one.process.kill()
    one.process.wait()
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not one.has_port(), QUICKLY, "a free port")


def test_a_master_killed_while_a_request_is_under_way_leaves_the_port(
    gunicorn: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    one = gunicorn()
    wait_until(one.ask, QUICKLY, "the first answer")
    one.ask("/slow", seconds=0.5)
    wait_until((tmp_path / "slow").exists, QUICKLY, "a request under way")
    one.process.kill()
    wait_until(lambda: not one.has_port(), QUICKLY, "a free port")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
