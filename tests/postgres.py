"""A PostgreSQL server of a test process, with databases that have their tables already."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import prepared
from tests.service import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
TEMPLATE = "prepared"
# Nothing of it outlives the tests.
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"


def as_postgres() -> list[str]:
    """What a command begins with so that PostgreSQL runs it: it refuses to run as root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class Postgres:
    """A server on a copy of the prepared cluster; `url` is without a database's name."""

    def __init__(self, data: Path | None = None) -> None:
        """`data`: the cluster to run on, instead of a copy."""
        self._folder = Path(tempfile.mkdtemp(prefix="corkboard-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._data = data
        self._keeps_data = data is not None
        self.port = free_port()
        self.url = f"postgres://corkboard@127.0.0.1:{self.port}"
        self._databases = 0

    def __enter__(self) -> Self:
        if self._data is None:
            self._data = self._folder / "data"
            copy_cluster(self._data)
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder} {FAST}"
        self._control("-l", str(self._folder / "log"), "-o", options, "start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode = "fast" if self._keeps_data else "immediate"
        self._control("-m", mode, "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self, template: str = TEMPLATE) -> str:
        """Make a database, with tables and the first room; its URL."""
        self._databases += 1
        name = f"corkboard_{self._databases}"
        self.run(f"create database {name} template {template}")
        return f"{self.url}/{name}"

    def run(self, statement: str) -> None:
        """Run a statement."""
        subprocess.run([PROGRAMS / "psql", "-q", f"{self.url}/postgres", "-c", statement], check=True)

    def _control(self, *arguments: str) -> None:
        command = [*as_postgres(), str(PROGRAMS / "pg_ctl"), "-D", str(self._data), "-w", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


def copy_cluster(data: Path) -> None:
    """Copy the prepared cluster, in which the database TEMPLATE has its tables."""
    # Keeps owners and modes, which PostgreSQL is particular about.
    subprocess.run(["cp", "-a", prepared.once("postgres", _make_cluster) / "data", data], check=True)


def _make_cluster(path: Path) -> None:
    """A cluster with the database that others are copied from."""
    if os.geteuid() == 0:
        shutil.chown(path, "postgres")
    initdb = [*as_postgres(), PROGRAMS / "initdb", "-D", path / "data", "-U", "corkboard", "-A", "trust", "-N"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=path)
    with Postgres(path / "data") as server:
        server.run(f"create database {TEMPLATE}")
        prepared.set_up({"CORKBOARD_VAR": str(path), "DATABASE_URL": f"{server.url}/{TEMPLATE}"})
