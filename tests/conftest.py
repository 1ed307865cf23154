"""What all tests share: the databases, the running service, and the count of tests by kind."""

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.readers import TRANSPORTS
from tests.service import Service, free_port

KINDS = ("unit", "integration", "browser", "scale", "chaos")
POSTGRES = Path("/usr/lib/postgresql/15/bin")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each kind ran."""
    ran = Counter(
        report.nodeid.split("/")[1]
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.nodeid.startswith("tests/")
    )
    terminalreporter.write_line(", ".join(f"{ran[kind]} {kind} tests" for kind in KINDS))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A private PostgreSQL server; its URL without a database's name."""
    folder = Path(tempfile.mkdtemp(prefix="corkboard-pg-"))
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_postgres = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    port = free_port()
    initdb = [POSTGRES / "initdb", "-D", folder / "data", "-U", "corkboard", "-A", "trust", "-N"]
    subprocess.run([*as_postgres, *initdb], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=200"
    control = [*as_postgres, POSTGRES / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    yield f"postgres://corkboard@127.0.0.1:{port}"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """DATABASE_URL of an empty database: each test that uses it runs on both."""
    if request.param == "sqlite":
        return ""
    server = request.getfixturevalue("postgres")
    name = f"corkboard_{os.getpid()}_{free_port()}"
    subprocess.run([POSTGRES / "psql", "-q", f"{server}/postgres", "-c", f"create database {name}"], check=True)
    return f"{server}/{name}"


@pytest.fixture(scope="session")
def service(database: str) -> Iterator[Service]:
    """The whole service on real parts, shared by the tests of a database: each uses rooms of its own."""
    with Service(database) as running:
        yield running


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """The name of a room that no other test uses."""
    return f"t{free_port()}-{abs(hash(request.node.nodeid)) % 10**8}"


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each test that uses it runs on every transport."""
    return str(request.param)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the service's own log to a failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    running = getattr(item, "funcargs", {}).get("service")
    if report.failed and isinstance(running, Service):
        report.sections.append(("log of the service", running.log_tail()))
