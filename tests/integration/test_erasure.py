"""What SQLite's files hold, byte by byte, after something was deleted."""

import random
import string
import subprocess
import sys

import pytest

from tests.pool import Pool
from tests.service import ROOT, Service, free_port, wait_until

pytestmark = pytest.mark.timeout(180)
MARK = b"s3cret"
# Short, over many lines of a page, and over many pages of their own.
SIZES = (1, 40, 200, 500)


def texts(seed: int) -> list[str]:
    """Each piece of each text holds the mark, so that a part that stayed is found, too."""
    chance = random.Random(seed)
    letters = string.ascii_letters
    return [" ".join(f"{MARK.decode()}{''.join(chance.choices(letters, k=6))}" for _ in range(size)) for size in SIZES]


def raw(service: Service) -> dict[str, int]:
    """How often the mark is in each file of the service's folder; other than its logs, which have their own tests."""
    files = [path for path in service.folder.rglob("*") if path.is_file() and path.suffix not in (".out", ".log")]
    assert "corkboard.sqlite3" in {path.name for path in files}
    return {path.name: path.read_bytes().count(MARK) for path in files if MARK in path.read_bytes()}


PEOPLE = """
from chat import access, actions
from chat.models import Message, Room, User
alice, bob = (User.objects.get_or_create(username=name)[0] for name in ("alicia", "bobby"))
def found(): return access.find_room(alice, "{room}")
"""
BEGIN = """
actions.create_room(alice, "{room}", title="{title}", topic="{topic}")
actions.join_room(bob, found())
for text in {texts!r}:
    actions.post_message(bob, "{room}", text)
    eid = Message.objects.latest("pk").eid
    actions.edit_message(bob, access.find_room(bob, "{room}"), eid, text + " s3cret-edit")
    actions.post_message(bob, "{room}", "kept " * 50)
"""
ENDS: dict[str, str] = {
    "message by its author": """
for message in Message.objects.filter(text__contains="s3cret"):
    actions.delete_message(bob, access.find_room(bob, "{room}"), message.eid)
actions.change_room(alice, found(), title="t", topic="t")
""",
    "message by a moderator": """
for message in Message.objects.filter(text__contains="s3cret"):
    actions.delete_message(alice, found(), message.eid)
actions.change_room(alice, found(), title="t", topic="t")
""",
    "room": "actions.delete_room(alice, found())",
    "edit": """
for message in Message.objects.filter(text__contains="s3cret"):
    actions.edit_message(bob, access.find_room(bob, "{room}"), message.eid, "better")
actions.change_room(alice, found(), title="t", topic="t")
""",
}
# A change of a room's title is told in events, which stay until they are old.
AGE = """
from datetime import timedelta
from chat.models import Event
from django.db.models import F
Event.objects.filter(type="room-changed").update(created=F("created") - timedelta(days=1000))
"""


@pytest.fixture
def sqlite(pool: Pool) -> Service:
    """A service of this file, in which nobody else writes."""
    return pool.get("erasure", "sqlite", Service)


@pytest.mark.parametrize(
    "how", [how if number == 0 else pytest.param(how, marks=pytest.mark.nightly) for number, how in enumerate(ENDS)]
)
def test_deleted_texts_are_in_no_file_after_prune(sqlite: Service, how: str) -> None:
    room = f"e{free_port()}"
    written = texts(list(ENDS).index(how))
    sqlite.shell((PEOPLE + BEGIN).format(room=room, title="s3cret-title", topic="s3cret-topic " * 10, texts=written))
    assert sum(raw(sqlite).values()) > sum(SIZES)
    sqlite.shell((PEOPLE + ENDS[how]).format(room=room))
    assert raw(sqlite)  # the file of writes has the old pages
    sqlite.shell(AGE)
    wait_until(lambda: sqlite.manage("prune") and not raw(sqlite), 30, "the overwriting")


TABLES = """
from django.apps import apps
rows = [(model.__name__, row) for model in apps.get_models() for row in model._base_manager.values()]
print([row for row in rows if "{mark}" in str(row)])
"""


@pytest.mark.both_databases
def test_a_deleted_room_is_in_no_table(service: Service, room: str) -> None:
    """On both databases."""
    mark = f"mark{free_port()}"
    written = [f"{mark}-{number}" for number in range(3)]
    code = (PEOPLE + BEGIN).format(room=room, title=f"{mark}-title", topic=f"{mark}-topic", texts=written)
    service.shell(code.replace("s3cret", mark))
    assert len(service.shell(TABLES.format(mark=mark))) > 100
    service.shell((PEOPLE + ENDS["room"]).format(room=room))
    service.manage("prune")
    assert service.shell(TABLES.format(mark=mark)).strip() == "[]"


@pytest.mark.nightly
def test_a_companion_overwrites_what_is_deleted_meanwhile(sqlite: Service) -> None:
    """`prune --every` looks more often than it prunes: here as often as it can."""
    code = (
        "import sys; from chat.management.commands import prune; prune.OVERWRITE_EVERY = 0.2;"
        "from django.core.management import execute_from_command_line as run; run(sys.argv)"
    )
    prepare = "import django; django.setup();"
    command = [sys.executable, "-c", prepare + code, "prune", "--every", "3600"]
    room = f"e{free_port()}"
    with subprocess.Popen(command, cwd=ROOT, env=sqlite.environment) as companion:
        try:
            sqlite.shell((PEOPLE + BEGIN).format(room=room, title="t", topic="", texts=texts(7)))
            sqlite.shell((PEOPLE + ENDS["message by its author"]).format(room=room))
            wait_until(lambda: not raw(sqlite), 60, "the overwriting")
        finally:
            companion.terminate()
    assert companion.returncode == 0


@pytest.mark.nightly
def test_writers_wait_only_a_moment_for_it(sqlite: Service) -> None:
    """A reader that stays holds it up, not others: it gives up, and comes again."""
    said = sqlite.shell("""
import sqlite3, threading, time
from django.conf import settings
from django.db import connection
from chat import actions
from django.contrib.auth.models import AnonymousUser
path = settings.DATABASES["default"]["NAME"]
reader = sqlite3.connect(path, isolation_level=None)
reader.execute("BEGIN"); reader.execute("SELECT count(*) FROM chat_room").fetchall()
actions.post_message(AnonymousUser(), "default", "hi", name="vera-waits")
began = time.monotonic()
first = actions.overwrite_deleted()
took = time.monotonic() - began
reader.execute("COMMIT")
print(first, took < 5, actions.overwrite_deleted())
with connection.cursor() as cursor:
    cursor.execute("PRAGMA busy_timeout"); print(cursor.fetchone()[0])
""")
    assert said.split() == ["False", "True", "True", "20000"]


@pytest.mark.nightly
def test_the_migration_overwrites_what_was_deleted_before() -> None:
    """A database of before: texts that were deleted without secure_delete, rooms with topics, addresses."""
    service = Service("")
    service.prepare()
    try:
        service.manage("migrate", "chat", "0016")
        service.shell("""
from django.db import connection
from django.utils import timezone
from chat.models import *
with connection.cursor() as cursor:
    cursor.execute("PRAGMA secure_delete=OFF")
now, first = timezone.now(), Room.objects.get(name="default")
room = Room.objects.create(name="old", name_key="old", title="s3cret", topic="s3cret topic", deleted_at=now)
bob = User.objects.create_user("s3cretary")
Invite.objects.create(room=room, created_by=bob, digest="s3cret", expires=now)
OutgoingHook.objects.create(room=room, url="https://s3cret.example", secret="s3cret", position=0)
Message.objects.create(room=first, eid=1, name="vera", text="", address="s3cret", deleted_at=now)
AuditEntry.objects.create(action="delete room", room=room, detail="s3cret title")
AuditEntry.objects.create(action="ban", room=room, detail="s3cret")
kept = Message.objects.create(room=first, eid=2, name="vera", text="s3cret " * 2000)
Message.objects.filter(pk=kept.pk).update(text="")
User.objects.filter(pk=bob.pk).update(username="other", username_key="other", name_key="other")
""")
        assert raw(service)
        service.manage("migrate")
        service.shell("from chat import actions; print(actions.overwrite_deleted())")
        assert raw(service) == {}
    finally:
        service.close()
