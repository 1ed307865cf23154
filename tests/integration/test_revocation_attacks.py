"""Ways into a room without a right, by names and tokens that were guessed; and revocations that meet each other."""

import json
import time
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.den import Den
from tests.service import Service
from tests.trio import Trio

pytestmark = pytest.mark.timeout(90)


def guesses(den: Den) -> list[str]:
    """Names that would be channels of the room, were they taken for that."""
    key, rights = den.act("found = Room.objects.get(name=name); result = found.pk, found.rights")
    channels = [f"{family}{key}.{rights + more}" for family in "rmpqc" for more in (0, 1)]
    return [*channels, f"n.{den.room}", "all", den.room.replace("x-", "X-0")]


def test_channel_names_that_were_guessed_carry_nothing(den: Den, service: Service) -> None:
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in guesses(den)[:-1])
    with Trio(service.url, path, "earliest") as readers:
        den.say("1")
        den.remove("bob")
        den.say("2")
        time.sleep(3.5)  # the relay's repeats, its newest and its closings are out by then
        for reader in readers:
            assert reader.seen == [] or set(reader.types()) <= {"stream-open", "keep-alive"}
            assert (reader.refusals, reader.closes) == ([], [])
    for name in guesses(den):
        for channel in (name, f"room-{name}/", f"room-{name},room-{den.room}"):
            answer = service.get(f"/events/?channel={channel}", {"Accept": "application/json"})
            assert answer.json()["code"] in ("CHANNEL_INVALID", "ROOM_INVALID")


def test_a_socket_gets_nothing_of_rooms_that_it_may_not_join(den: Den, service: Service) -> None:
    den.say("1")
    secret = f"room-{den.room}:0"
    frames = [{"command": "join", "room": name, "last-event-id": secret} for name in (den.room, den.room.upper())]
    frames += [{"command": "sync", "last-event-id": token} for token in (secret, f"room-default:0,{secret}")]
    frames += [{"command": "send", "room": den.room, "text": "x"}, {"command": "leave", "room": den.room}]
    forged = {"Meta-rooms": f"{den.room}=r1.1", "Meta-user": "1", "Grip-Last": "r1.1; last-id=0"}
    address = f"ws://127.0.0.1:{service.port}/events/?channel=room-default"
    for headers in (forged, den.bearer("sam") | forged):
        with connect(address, additional_headers=headers, proxy=None) as socket:
            socket.recv(timeout=5)
            for number, frame in enumerate(frames):
                socket.send(json.dumps(frame | {"id": str(number)}))
                answer: Any = json.loads(socket.recv(timeout=5))
                assert (answer["to"], answer["type"]) == (str(number), "error")
                assert answer["code"] in ("ROOM_INVALID", "ROOM_ACCESS_DENIED")
            den.say("2")
            with pytest.raises(TimeoutError):
                socket.recv(timeout=3.5)


_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from django.db import DatabaseError, connection
from chat.problems import Problem

cave = actions.create_room(alice, "cave", visibility="private").name
names = [name, cave]

def work(job):
    failed = []
    try:
        for turn in range(6):
            for one in names if (job + turn) % 2 else reversed(names):
                try:
                    with transaction.atomic():
                        Membership.objects.get_or_create(room=Room.objects.get(name=one), user=(bob, cleo)[job % 2])
                    JOBS[job % len(JOBS)](one)
                except Problem:
                    pass
                except DatabaseError as error:
                    failed.append(repr(error))
    finally:
        connection.close()
    return failed

JOBS = [
    lambda one: actions.remove_member(alice, room(one, alice), bob),
    lambda one: actions.restrict(alice, room(one, alice), "ban", cleo),
    lambda one: actions.sign_out(bob),
    lambda one: actions.restrict(alice, room(one, alice), "ban", bob),
    lambda one: actions.post_message(alice, one, "hi"),
    lambda one: actions.remove_member(alice, room(one, alice), cleo),
    lambda one: actions.post_message(alice, one, "ho"),
    lambda one: actions.set_staff(sam, cleo, False),
]
for user in (bob, cleo):
    User.objects.filter(pk=user.pk).update(is_staff=False)
globals().update(cave=cave, names=names, alice=alice, bob=bob, cleo=cleo, sam=sam, JOBS=JOBS)
with ThreadPoolExecutor(8) as pool:
    failed = [error for errors in pool.map(work, range(8)) for error in errors]
rows = Room.objects.filter(name__in=names)
result = failed, [[row.rights - 1, row.closings.count()] for row in rows]
result += ([[e.eid for e in row.events.order_by("eid")] for row in rows],)
"""


@pytest.mark.both_databases
def test_revocations_and_posts_at_once_wait_for_each_other(den: Den) -> None:
    failed, closings, ids = den.act(_AT_ONCE)
    assert failed == []
    assert all(raised == rows > 0 for raised, rows in closings)
    assert all(events == list(range(1, len(events) + 1)) for events in ids)
