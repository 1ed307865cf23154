"""What waits for a room behind a change of who may do what there is looked at as things are when it gets the room."""

from collections.abc import Callable
from typing import Self

import pytest

from tests.den import Den
from tests.pool import Pool
from tests.service import Service

Wait = Callable[..., list[str]]

# `change` is under way in a transaction while `late`, on a connection of its own, waits for what it has locked.
_WAIT = """
import threading, time
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from chat.problems import Problem

said = []
nobody = AnonymousUser()
CHANGE = "chat.change_room"

def try_late():
    try:
        exec(late, globals())
        said.append("done")
    except Problem as problem:
        said.append(problem.code)
    except Exception as error:
        said.append(repr(error))
    finally:
        connection.close()

def is_waiting():
    if connection.vendor == "sqlite":  # whoever writes waits for whoever writes
        time.sleep(0.5)
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0

exec(before, globals())
thread = threading.Thread(target=try_late)
with transaction.atomic():
    exec(change, globals())
    thread.start()
    for _ in range(500):
        if is_waiting():
            break
        time.sleep(0.02)
    else:
        said.append("it did not wait")
thread.join(20)
result = said
"""

POST = "actions.post_message(bob, here.name, 'late')"
# By name: who takes what away, while Bob's post waits.
TAKEN = {
    "ban": "actions.restrict(alice, here, 'ban', bob)",
    "mute": "actions.restrict(alice, here, 'mute', bob)",
    "removal": "actions.remove_member(alice, here, bob)",
    "departure": "actions.leave_room(bob, here)",
    "archive": "actions.change_room(alice, here, archived=True)",
    "staff only": "actions.change_room(sam, access.room_for_operator(sam, here.pk, CHANGE), visibility='staff')",
    "deletion": "actions.delete_room(alice, here)",
    "closing": "actions.close_account(sam, bob)",
}


class DatabaseOnly(Service):
    """Nobody asks anything over HTTP here."""

    def __enter__(self) -> Self:
        self.prepare()
        return self


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    return pool.get("database only", database, DatabaseOnly)


@pytest.fixture
def wait(den: Den) -> Wait:
    """What comes of `late` while `change` is under way; `here` is the den."""

    def wait(change: str, late: str, before: str = "") -> list[str]:
        begin = "here = room(name, alice)\n"
        said: list[str] = den.act(begin + _WAIT, change=change, late=late, before=before)
        return said

    return wait


@pytest.mark.both_databases
@pytest.mark.parametrize("how", TAKEN)
def test_a_post_that_waits_behind_the_end_of_a_right_is_refused(wait: Wait, den: Den, how: str) -> None:
    [code] = wait(TAKEN[how], POST)
    assert code in ("ROOM_ACCESS_DENIED", "ROOM_INVALID", "USER_HAS_TO_LOGIN")
    assert den.act("result = Message.objects.filter(text='late', room__name=name).count()") == 0


@pytest.mark.both_databases
def test_a_visitors_post_that_waits_behind_the_ban_of_the_address_is_refused(wait: Wait, room: str) -> None:
    said = wait(
        "actions.restrict(alice, open, 'ban', '192.0.2.7')",
        "actions.post_message(nobody, open.name, 'late', name='ann', address='192.0.2.7')",
        f"open = actions.create_room(alice, {room!r})",
    )
    assert said == ["ROOM_ACCESS_DENIED"]


def test_an_alert_of_a_moderator_that_waits_behind_the_loss_of_the_role_is_refused(wait: Wait) -> None:
    said = wait(
        "actions.set_role(alice, here, bob, 'member')",
        "actions.post_message(bob, here.name, 'late', kind=2)",
        "actions.set_role(alice, here, bob, 'moderator')",
    )
    assert said == ["ROOM_ACCESS_DENIED"]


def test_an_edit_that_waits_behind_a_mute_is_refused(wait: Wait) -> None:
    late = "actions.edit_message(bob, here, 1, 'late')"
    assert wait(TAKEN["mute"], late, "actions.post_message(bob, here.name, 'early')") == ["ROOM_ACCESS_DENIED"]


def test_a_deletion_by_a_moderator_that_waits_behind_the_loss_of_the_role_is_refused(wait: Wait) -> None:
    said = wait(
        "actions.set_role(alice, here, bob, 'member')",
        "actions.delete_message(bob, here, 1)",
        "actions.set_role(alice, here, bob, 'moderator'); actions.post_message(cleo, here.name, 'early')",
    )
    assert said == ["ROOM_ACCESS_DENIED"]


def test_what_takes_nothing_from_the_poster_lets_the_post_through(wait: Wait) -> None:
    assert wait("actions.restrict(alice, here, 'ban', cleo)", POST) == ["done"]
    assert wait("actions.change_room(alice, here, title='Other')", POST) == ["done"]


# Two closings at once, which meet where each has begun; on PostgreSQL a deadlock ends one of two with an error.
_CLOSE_EACH_OTHER = """
import threading
from chat.actions import people
from django.db import connection

User.objects.exclude(pk__in=[alice.pk, sam.pk]).update(is_superuser=False)
User.objects.filter(pk__in=[alice.pk, sam.pk]).update(is_superuser=True, is_staff=True)
both = threading.Barrier(2)
said = []
sign_out = people.sign_out

def meet(*users):
    try:
        both.wait(1)
    except threading.BrokenBarrierError:  # the other one waits for a lock
        pass
    sign_out(*users)

def close(actor, user):
    try:
        actions.close_account(actor, User.objects.get(pk=user.pk))
        said.append("done")
    except Exception as error:
        said.append(type(error).__name__)
    finally:
        connection.close()

people.sign_out = meet
threads = [threading.Thread(target=close, args=pair) for pair in ((alice, sam), (sam, alice))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
people.sign_out = sign_out
result = sorted(said)
"""


@pytest.mark.both_databases
def test_of_two_operators_who_close_each_other_at_once_one_is_told_why_not(den: Den) -> None:
    assert den.act(_CLOSE_EACH_OTHER) == ["ValidationError", "done"]
