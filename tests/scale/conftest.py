"""Services on PostgreSQL for many readers: how many, tests.scope says."""

from collections.abc import Callable, Iterator

import pytest

from tests.scale.books import Books
from tests.service import Service

SUPERVISOR = """
trap 'kill $child; wait $child; exit' TERM
while :; do
    "$0" "$@" & child=$!
    wait $child
    echo "Pushpin ended"
done
"""


class Supervised(Service):
    """A service whose Pushpin is started again when it ends, as wherever Corkboard is run: condure 1.9 can crash when a
    thousand connections end at once ("Known faults" in docs/operating.md)."""

    def _command(self, name: str) -> list[str]:
        command = super()._command(name)
        return ["sh", "-c", SUPERVISOR, *command] if name == "pushpin" else command

    def crashes(self) -> int:
        """How often Pushpin ended by itself so far."""
        return (self.folder / "pushpin.out").read_text(errors="replace").count("Pushpin ended")


@pytest.fixture(scope="module")
def service(new_database: Callable[[], str]) -> Iterator[Supervised]:
    """The whole service, with a line in gunicorn.out for every request to Django."""
    with Supervised(new_database(), has_tables=True, WEB_ACCESS_LOG="1") as running:
        yield running


@pytest.fixture
def books(service: Service) -> Books:
    """Posts to the service and knows what was posted."""
    return Books(service)
