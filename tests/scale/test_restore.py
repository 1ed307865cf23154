"""An older backup is put back, by the commands of docs/operating.md: every reader is told to start anew."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.postgres import PROGRAMS
from tests.scale.books import Books
from tests.service import ROOT, Service
from tests.swarm import Swarm, SwarmReader

pytestmark = pytest.mark.timeout(240)
DUMP = 'pg_dump --format=custom --file=backup.dump "$DATABASE_URL"'
RESTORE = 'pg_restore --clean --if-exists --dbname="$DATABASE_URL" backup.dump'
COPY = "VACUUM INTO 'backup.sqlite3'"
RESTORED = ".venv/bin/python manage.py restored"
TOLD, NOT_TOLD = 15, 150  # seconds until every reader knows


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service of its own for each restore."""
    url = request.getfixturevalue("new_database")() if request.param == "postgresql" else ""
    with Service(url, has_tables=True) as running:
        yield running


class Backup:
    """What an operator does, in the service's folder."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.is_sqlite = not service.environment["DATABASE_URL"]

    def take(self) -> None:
        """While the service runs."""
        if self.is_sqlite:
            file = self.service.folder / "backup.sqlite3"
            self.service.shell(
                f"from django.db import connection; connection.cursor().execute('VACUUM INTO %s', [{str(file)!r}])"
            )
        else:
            self._run(DUMP)

    def put_back(self) -> None:
        """While gunicorn and the relay are ended."""
        if self.is_sqlite:
            for suffix in ("-wal", "-shm"):
                (self.service.folder / f"corkboard.sqlite3{suffix}").unlink(missing_ok=True)
            shutil.copy(self.service.folder / "backup.sqlite3", self.service.folder / "corkboard.sqlite3")
        else:
            self._run(RESTORE)

    def _run(self, command: str) -> None:
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        environment = {**self.service.environment, "PATH": path}
        subprocess.run(command, shell=True, check=True, cwd=self.service.folder, env=environment)


@pytest.mark.nightly
@pytest.mark.parametrize("told", [True, False])
def test_after_a_restore_every_reader_starts_anew(service: Service, room: str, told: bool) -> None:
    books, backup = Books(service), Backup(service)
    busy, quiet, idle, lost = (f"{room}.{name}" for name in ("busy", "quiet", "idle", "lost"))
    for name in (busy, quiet, idle):
        books.say(name)
    backup.take()
    for name in (busy, quiet, lost, busy):  # the time that will be lost, with a room and a right of its own
        books.say(name)
    service.shell(f"from chat.models import Room; Room.objects.filter(name={quiet!r}).update(rights=2)")
    sets = [[busy], [quiet], [busy, quiet, idle], [lost], [lost, busy]] * 20
    readers = [SwarmReader(some, documented=number % 2 == 0) for number, some in enumerate(sets)]
    readers += [SwarmReader([idle], start=1) for _ in range(20)]  # who never got anything
    with Swarm(service.url, readers) as swarm:
        swarm.wait_live()
        swarm.wait(lambda reader: reader.is_at(books.texts) or idle in reader.rooms, 10)
        tokens = {reader.token for reader in readers if lost not in reader.rooms}
        for name in ("gunicorn", "relay"):
            service.stop(name)  # Pushpin goes on and holds the streams of the time that is lost
        backup.put_back()
        if not told:
            service.environment["GRIP_URL"] = "tcp://127.0.0.1:1"
        output = service.manage("restored")
        service.environment["GRIP_URL"] = f"tcp://127.0.0.1:{service.zmq_port}"
        for name in ("gunicorn", "relay"):
            service.start(name)
        service.wait_ready()
        begin = time.monotonic()
        books.say(f"{room}.new")  # it may not come to who held the room that is lost
        swarm.wait(lambda reader: reader.resets, TOLD if told else NOT_TOLD, "stream-reset")
        print(f"\n{output.strip()}: all {len(readers)} know after {time.monotonic() - begin:.1f} s")
        for name in (busy, quiet, idle, lost):
            books.say(name, f"new in {name}")
        swarm.wait(lambda reader: all(reader.texts[name][-1:] == [f"new in {name}"] for name in reader.rooms), 30)
        assert [reader.errors for reader in readers if reader.errors] == []
        assert output.split(";")[1].strip() == f"streams closed on {int(told)} of 1 proxies"
    come_later(service, tokens)


@pytest.mark.nightly
def test_a_token_of_a_room_that_the_backup_does_not_have_gets_a_reset_later_too(service: Service, room: str) -> None:
    backup = Backup(service)
    backup.take()
    service.say(room, "lost")
    token = service.token(room)
    for name in ("gunicorn", "relay"):
        service.stop(name)
    backup.put_back()
    service.manage("restored")
    for name in ("gunicorn", "relay"):
        service.start(name)
    service.wait_ready()
    service.say(room, "of another time")
    come_later(service, {token})


def come_later(service: Service, tokens: set[str]) -> None:
    """Readers who were away, with tokens of the time that is lost."""
    names = [[part.rpartition(":")[0].removeprefix("room-") for part in token.split(",")] for token in tokens]
    readers = [SwarmReader(set(some), token=token) for some, token in zip(names, tokens, strict=True)]
    with Swarm(service.url, readers) as swarm:
        swarm.wait(lambda reader: reader.resets, 10, "stream-reset for who comes later")


def test_the_commands_are_those_of_the_documentation() -> None:
    text = " ".join((ROOT / "docs" / "operating.md").read_text().split())
    for command in (DUMP, RESTORE, COPY, RESTORED):
        assert command in text
