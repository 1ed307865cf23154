"""What all tests share: how much runs, the databases, the running services, and the count of tests by kind."""

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests import prepared
from tests.pool import USUAL, Pool
from tests.postgres import Postgres
from tests.readers import TRANSPORTS
from tests.scope import ALL, DATABASES
from tests.service import Service, free_port

# Files of tests that take longest, in this order. A process of xdist takes a whole file at a time (--dist loadfile), so
# that tests which need a service of their own share it; one that began late with a long file would keep the others
# waiting. docs/testing.md has the command that measures them.
FIRST = ("test_presence", "test_launcher", "test_restarts", "test_revocation", "test_rights", "test_limits")
KINDS = ("unit", "integration", "browser", "scale", "chaos")
POOL = pytest.StashKey[Pool]()
WHOLE = 13  # a table of so many inputs is tried as a whole


def pytest_configure(config: pytest.Config) -> None:
    """Give the processes of a run one folder for what they prepare."""
    if prepared.SHARED not in os.environ:
        os.environ[prepared.SHARED] = str(prepared.make_folder())
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(prepared.SHARED), ignore_errors=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses `database` on PostgreSQL; with the marker `both_databases`, or in a full run, on SQLite too."""
    if "database" in metafunc.fixturenames:
        both = ALL or metafunc.definition.get_closest_marker("both_databases")
        metafunc.parametrize("database", DATABASES if both else DATABASES[:1], indirect=True)


@pytest.hookimpl(trylast=True)  # after the order was drawn at random
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only a full run needs, and let the files that last longest begin first."""
    if not ALL:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("nightly")])
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
        left_out = _left_out(items)
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    turns = {name: turn for turn, name in enumerate(FIRST)}
    items.sort(key=lambda item: turns.get(item.path.stem, len(turns) + item.nodeid.startswith("tests/unit/")))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collected tests stay to the end: the garbage collector need not look through them again and again."""
    gc.freeze()


def _left_out(items: list[pytest.Item]) -> set[pytest.Item]:
    """The inputs that the gate leaves out of tests marked `sampled`: always the same, spread over the table."""
    tables: dict[str, list[pytest.Item]] = {}
    for item in sorted(items, key=lambda item: item.nodeid):
        if item.get_closest_marker("sampled"):
            tables.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out: set[pytest.Item] = set()
    for table in tables.values():
        marker = table[0].get_closest_marker("sampled")
        assert marker is not None
        if len(table) > WHOLE:
            left_out.update(item for number, item in enumerate(table) if number % marker.args[0])
    return left_out


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
def start_postgres() -> Iterator[Callable[[], Postgres]]:
    """Starts this process's PostgreSQL when it is first asked for."""
    started: list[Postgres] = []

    def start() -> Postgres:
        if not started:
            started.append(Postgres().__enter__())
        return started[0]

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def new_database(start_postgres: Callable[[], Postgres]) -> Callable[[], str]:
    """Makes a database on PostgreSQL that has its tables; its URL."""
    return lambda: start_postgres().new_database()


@pytest.fixture(scope="session")
def pool(request: pytest.FixtureRequest, start_postgres: Callable[[], Postgres]) -> Iterator[Pool]:
    """The services of this process."""
    pool = request.session.stash[POOL] = Pool(start_postgres)
    yield pool
    pool.close()


@pytest.fixture(scope="module", autouse=True)
def end_services(request: pytest.FixtureRequest) -> Iterator[None]:
    """At the end of a file its own services are needed no more."""
    yield
    if (running := request.session.stash.get(POOL, None)) is not None:
        running.end_file()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """`postgresql` or `sqlite`."""
    return str(request.param)


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    """The whole service on real parts, as it comes: each test uses rooms of its own."""
    return pool.get(USUAL, database, Service)


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
    """Add the services' own logs to a failure, and give the next test new ones."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed:
        return
    used = getattr(item, "funcargs", {})
    for name, running in used.items():
        if isinstance(running, Service):
            report.sections.append((f"log of the service ({name})", running.log_tail()))
            if isinstance(used.get("pool"), Pool):
                used["pool"].drop(running)
