"""Services that run to the end of the session: starting one takes longer than most tests."""

from collections.abc import Callable
from typing import TypeVar

from tests.postgres import Postgres
from tests.service import Service

Running = TypeVar("Running", bound=Service)


USUAL = "usual"  # the service as it comes, which tests of all files share


class Pool:
    """The services of this process by name and database, each started when a test first asks for it.

    Tests of one service use rooms and people of their own. One with settings of its own has a name of its own, and
    the tests that ask for it are in one file, which one process of xdist takes: it ends with the file.
    """

    def __init__(self, postgres: Callable[[], Postgres]) -> None:
        self._postgres = postgres
        self._running: dict[tuple[str, str], Service] = {}

    def get(self, name: str, database: str, make: Callable[..., Running], **environment: str) -> Running:
        """The service of this name, made by `make(<URL of a database>, has_tables=True, **environment)`."""
        found = self._running.get((name, database))
        if found is None:
            url = self._postgres().new_database() if database == "postgresql" else ""
            found = self._running[name, database] = make(url, has_tables=True, **environment).__enter__()
        return found  # type: ignore[return-value]

    def drop(self, service: Service) -> None:
        """End a service that a failed test may have left in any state; the next test gets a new one."""
        self._end(lambda name, running: running is service)

    def end_file(self) -> None:
        """End the services that only the tests of this file ask for: each takes a share of the machine."""
        self._end(lambda name, running: name != USUAL)

    def close(self) -> None:
        """End all of them."""
        self._end(lambda name, running: True)

    def _end(self, is_done: Callable[[str, Service], bool]) -> None:
        for key, running in list(self._running.items()):
            if is_done(key[0], running):
                del self._running[key]
                running.__exit__(None, None, None)
