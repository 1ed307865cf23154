"""The promise on real parts: no gap, no duplicate, one order, whatever ends or restarts in between."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.readers import TRANSPORTS, Reader
from tests.service import Service, wait_until
from tests.trio import Trio, follow, follow_all

pytestmark = pytest.mark.timeout(120)


def texts_of(reader: Reader, room: str) -> list[str]:
    """The texts of one of its rooms."""
    messages = [seen.json() for seen in list(reader.seen) if seen.type == "message"]
    return [message["text"] for message in messages if message["room"] == room]


def test_a_message_reaches_an_open_stream_in_the_form_of_seed_d(service: Service, room: str) -> None:
    service.say(room, "first")
    with follow(service, room, service.token(room)) as readers:
        answer = service.post(room, "hi")
        readers.wait_for(["hi"])
        found = readers.wait_for_type("message")
    assert answer.status == 201
    assert answer.json().items() >= {"id": 2, "from": "ann", "text": "hi"}.items()
    for seen in found:
        assert seen.id == f"room-{room}:2"
        assert seen.json() == answer.json()
    assert service.get(f"/rooms/{room}/messages/").json()["messages"][0] == answer.json()


def test_both_addresses_of_a_room_carry_the_same_events(service: Service, room: str) -> None:
    with follow_all(service, [room], "earliest") as others, follow(service, room) as readers:
        service.say(room, "hi")
        found = []
        for trio in (readers, others):
            trio.wait_for(["hi"])
            found += trio.wait_for_type("message")
        assert [(seen.id, seen.json()) for seen in found] == [(f"room-{room}:1", found[0].json())] * 6


def test_a_stream_cut_and_resumed_gets_exactly_what_it_missed(service: Service, room: str) -> None:
    said = []
    with follow(service, room) as readers:
        for round_ in range(5):
            for number in range(6):
                said.append(f"{round_}.{number}")
                service.say(room, said[-1])
                if number == 3:
                    readers.cut()
        readers.wait_for(said)
        assert [reader.numbers() for reader in readers] == [list(range(1, 31))] * 3


def test_500_missed_events_come_in_order_and_the_stream_goes_on(service: Service, room: str) -> None:
    service.say(room, "0")
    token = service.token(room)
    service.shell(
        "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
        f"for n in range(1, 501): actions.post_message(AnonymousUser(), {room!r}, str(n), name='ann')"
    )
    with follow(service, room, token) as readers:
        readers.wait_for([str(number) for number in range(1, 501)], 20)
        service.say(room, "501")
        readers.wait_for([str(number) for number in range(1, 502)])


def test_posting_during_the_handshake_loses_nothing(service: Service, room: str) -> None:
    service.say(room, "start")
    token = service.token(room)
    stop = threading.Event()
    said: list[str] = []

    def post() -> None:
        while not stop.is_set():
            said.append(str(len(said)))
            service.say(room, said[-1])

    poster = threading.Thread(target=post)
    with ExitStack() as stack:
        poster.start()
        readers = []
        for _ in range(4):
            for transport in TRANSPORTS:  # one after the other, each at another moment of the posts
                reader = Reader(service.url, f"/rooms/{room}/events/", token, transport=transport)
                readers.append(stack.enter_context(reader))
        stop.set()
        poster.join()
        for reader in readers:
            reader.wait_for(said, 15)


@pytest.mark.both_databases
def test_concurrent_posters_leave_no_hole_and_one_order(service: Service, room: str) -> None:
    with follow(service, room) as readers:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: service.post(room, str(number), f"p{number % 8}"), range(80)))
        assert {answer.status for answer in answers} == {201}
        readers.wait(lambda reader: len(reader.messages()) >= 80, 15, "80 messages")
        assert [reader.numbers() for reader in readers] == [list(range(1, 81))] * 3
        assert sorted(answer.json()["id"] for answer in answers) == list(range(1, 81))


@pytest.mark.both_databases
def test_a_rolled_back_message_reaches_nobody_and_leaves_no_hole(service: Service, room: str) -> None:
    with follow(service, room) as readers:
        service.say(room, "one")
        service.shell(
            "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
            "from django.db import transaction\n"
            "with transaction.atomic():\n"
            f"    actions.post_message(AnonymousUser(), {room!r}, 'never', name='ann')\n"
            "    transaction.set_rollback(True)"
        )
        service.say(room, "two")
        readers.wait_for(["one", "two"])
        [stream] = [reader for reader in readers if reader.transport == "sse"]
        stream.wait_for_type("newest")  # the relay has repeated all that there is
        assert [reader.messages() for reader in readers] == [["one", "two"]] * 3
        assert [reader.numbers() for reader in readers] == [[1, 2]] * 3


def test_a_room_that_does_not_exist_yet_can_be_followed_from_its_beginning(service: Service, room: str) -> None:
    with follow(service, room, f"room-{room}:0") as readers:
        service.say(room, "born")
        service.say(room, "grown")
        readers.wait_for(["born", "grown"])
        assert [reader.ends for reader in readers] == [0] * 3


def come_exactly(readers: Trio, expected: dict[str, list[str]]) -> None:
    """Wait until each has exactly the expected texts of each room; what is said last in every room proves the end."""
    readers.wait(lambda reader: {name: texts_of(reader, name) for name in expected} == expected, 20, "all of it")


def test_several_rooms_come_on_one_stream_and_resume_together(service: Service, room: str) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    with follow_all(service, rooms, "earliest") as readers:
        for number in range(12):
            service.say(rooms[number % 3], str(number))
            if number == 6:
                readers.cut()
        come_exactly(readers, {name: [str(n) for n in range(12) if n % 3 == place] for place, name in enumerate(rooms)})


def test_many_rooms_come_on_one_stream_with_short_ids(service: Service, room: str) -> None:
    rooms = [f"{room}.{number}" for number in range(50)]
    for name in rooms[::2]:
        service.say(name, "old")
    with follow_all(service, rooms) as readers:
        for name in rooms:
            service.say(name, "one")
        come_exactly(readers, {name: ["one"] for name in rooms})
        readers.cut()
        for name in rooms:
            service.say(name, "two")
        come_exactly(readers, {name: ["one", "two"] for name in rooms})
        assert not any("stream-reset" in reader.types() for reader in readers)


def test_several_rooms_far_behind_come_back_however_much_there_is(service: Service, room: str) -> None:
    """Two limits of Pushpin 1.36: no comma in a Grip-Link, and 100,000 bytes of a first answer with a filter."""
    rooms = [f"{room}.{letter}" for letter in "ab"]
    long = "ü 100% " * 600
    service.shell(
        "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
        f"for n in range(150): actions.post_message(AnonymousUser(), {rooms[0]!r}, str(n), name='ann')\n"
        f"for n in range(40): actions.post_message(AnonymousUser(), {rooms[1]!r}, {long!r}, name='ann')"
    )
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in rooms)
    with Reader(service.url, path, f"room-{rooms[0]}:0,room-{rooms[1]}:0") as reader:
        wait_until(lambda: len(reader.messages()) >= 190, 10)
        service.say(rooms[0], "live")
        wait_until(lambda: reader.messages()[-1] == "live", 10)
        assert len(reader.messages()) == 191
        assert reader.ends == 0


def test_one_event_larger_than_a_first_answer_may_be_reaches_a_stream_of_several_rooms(
    service: Service, room: str
) -> None:
    """MESSAGE_MAX_CHARS allows 50,000 characters of four bytes: twice what a first answer with a filter may have."""
    large = "🧷" * 50_000
    service.shell(
        "from django.conf import settings; settings.MESSAGE_MAX_CHARS = 50_000\n"
        "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
        f"actions.post_message(AnonymousUser(), {room!r}, {large[0]!r} * 50_000, name='ann')"
    )
    path = f"/events/?channel=room-{room}&channel=room-{room}.b"
    with Reader(service.url, path, f"room-{room}:0,room-{room}.b:0") as reader:
        reader.wait_for([large])
        service.say(room, "live")
        reader.wait_for([large, "live"])
        assert reader.ends == 0


@pytest.mark.both_databases
@pytest.mark.parametrize("number", [999, 2**63, 10**40])
def test_an_unknown_position_gets_a_reset_and_goes_on_from_now(service: Service, room: str, number: int) -> None:
    service.say(room, "old")
    with follow(service, room, f"room-{room}:{number}") as readers:
        for reset in readers.wait_for_type("stream-reset"):
            assert reset.json() == {"channels": [f"room-{room}"]}
            assert reset.id == f"room-{room}:1"
        service.say(room, "new")
        readers.wait_for(["new"])


def test_a_pruned_position_gets_a_reset(service: Service, room: str) -> None:
    for number in range(3):
        service.say(room, str(number))
    service.shell(
        "from chat import eventlog; from chat.models import Event; from django.utils import timezone\n"
        f"old = Event.objects.filter(room__name={room!r}, eid__lte=2); now = timezone.now()\n"
        "old.update(created=now - timezone.timedelta(days=9)); eventlog.prune(now - timezone.timedelta(days=8))"
    )
    with follow(service, room, f"room-{room}:1") as readers, follow(service, room) as earliest:
        readers.wait_for_type("stream-reset")
        earliest.wait_for(["2"])
        assert not any("stream-reset" in reader.types() for reader in earliest)
        assert len(service.get(f"/rooms/{room}/messages/").json()["messages"]) == 3
