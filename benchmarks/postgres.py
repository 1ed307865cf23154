"""A PostgreSQL server of the benchmark's own, with fsync on: every peer has a database in it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.service import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
# pg_stat_statements counts what the peers ask, BEGIN and COMMIT included; it costs all of them the same.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "fsync": "on",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "top",
    "pg_stat_statements.track_utility": "on",
    "max_wal_size": "4GB",
    "autovacuum_naptime": "10min",  # it would fall on one peer or another by chance
    "checkpoint_timeout": "60min",
}


class Postgres:
    """One running server. `url` lacks the database's name."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="corkboard-bench-pg-"))
        self.port = free_port()
        self.url = f"postgres://corkboard@127.0.0.1:{self.port}"
        # PostgreSQL refuses to run as root.
        self._prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def __enter__(self) -> Self:
        if self._prefix:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", self._data, "-U", "corkboard", "-A", "trust")
        options = " ".join(f"-c {name}={value}" for name, value in OPTIONS.items())
        options += f" -p {self.port} -k {self.folder}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        self.sql("postgres", "create extension pg_stat_statements")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def pid(self) -> int:
        """The process whose children serve the connections."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(PROGRAMS / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def create(self, name: str) -> str:
        """Make a database; its URL."""
        self.sql("postgres", f"create database {name}")
        return f"{self.url}/{name}"

    def sql(self, database: str, statement: str) -> str:
        """Run a statement by psql; its output, unaligned."""
        command = [str(PROGRAMS / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", f"{self.url}/{database}", "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def statements(self, database: str) -> int:
        """How many statements a database was sent, BEGIN and COMMIT included.

        Not the checks of foreign keys that PostgreSQL makes by itself at a COMMIT.
        """
        return int(
            self.sql(
                "postgres",
                "select coalesce(sum(calls), 0)::bigint from pg_stat_statements s join pg_database d on d.oid = s.dbid"
                f" where datname = '{database}' and query not like 'SELECT % FROM ONLY % FOR KEY SHARE OF x'",
            )
        )
