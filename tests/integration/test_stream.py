"""The promise on real parts: no gap, no duplicate, one order, whatever ends or restarts in between."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.readers import Reader
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)


def follow(service: Service, room: str, transport: str, token: str = "earliest") -> Reader:
    """A reader of one room."""
    return Reader(service.url, f"/rooms/{room}/events/", token, transport=transport)


def follow_all(service: Service, rooms: list[str], transport: str, token: str = "") -> Reader:
    """A reader of several rooms on one connection."""
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in rooms)
    return Reader(service.url, path, token, transport=transport)


def test_a_message_reaches_an_open_stream_in_the_form_of_seed_d(service: Service, room: str, transport: str) -> None:
    service.say(room, "first")
    with follow(service, room, transport, service.token(room)) as reader:
        answer = service.post(room, "hi")
        reader.wait_for(["hi"])
        seen = reader.wait_for_type("message")
    assert answer.status == 201
    assert answer.json().items() >= {"id": 2, "from": "ann", "text": "hi"}.items()
    assert seen.id == f"room-{room}:2"
    assert seen.json() == answer.json()
    assert service.get(f"/rooms/{room}/messages/").json()["messages"][0] == answer.json()


def test_both_addresses_of_a_room_carry_the_same_events(service: Service, room: str, transport: str) -> None:
    with (
        follow_all(service, [room], transport, "earliest") as other,
        follow(service, room, transport) as reader,
    ):
        service.say(room, "hi")
        for one in (reader, other):
            one.wait_for(["hi"])
        first, second = reader.wait_for_type("message"), other.wait_for_type("message")
        assert (first.id, first.json()) == (second.id, second.json())


def test_a_stream_cut_and_resumed_gets_exactly_what_it_missed(service: Service, room: str, transport: str) -> None:
    said = []
    with follow(service, room, transport) as reader:
        for round_ in range(5):
            for number in range(6):
                said.append(f"{round_}.{number}")
                service.say(room, said[-1])
                if number == 3:
                    reader.cut()
        reader.wait_for(said)
        assert reader.numbers() == list(range(1, 31))


def test_500_missed_events_come_in_order_and_the_stream_goes_on(service: Service, room: str, transport: str) -> None:
    service.say(room, "0")
    token = service.token(room)
    service.shell(
        "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
        f"for n in range(1, 501): actions.post_message(AnonymousUser(), {room!r}, str(n), name='ann')"
    )
    with follow(service, room, transport, token) as reader:
        reader.wait_for([str(number) for number in range(1, 501)], 20)
        service.say(room, "501")
        reader.wait_for([str(number) for number in range(1, 502)])


def test_posting_during_the_handshake_loses_nothing(service: Service, room: str, transport: str) -> None:
    service.say(room, "start")
    token = service.token(room)
    stop = threading.Event()
    said: list[str] = []

    def post() -> None:
        while not stop.is_set():
            said.append(str(len(said)))
            service.say(room, said[-1])

    poster = threading.Thread(target=post)
    poster.start()
    readers = []
    for _ in range(10):
        reader = follow(service, room, transport, token)
        reader.__enter__()
        readers.append(reader)
        time.sleep(0.05)
    stop.set()
    poster.join()
    for reader in readers:
        reader.wait_for(said, 15)
        reader.__exit__(None, None, None)


def test_concurrent_posters_leave_no_hole_and_one_order(service: Service, room: str, transport: str) -> None:
    with follow(service, room, transport) as one, follow(service, room, transport) as two:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: service.post(room, str(number), f"p{number % 8}"), range(80)))
        assert {answer.status for answer in answers} == {201}
        wait_until(lambda: len(one.messages()) >= 80 and len(two.messages()) >= 80, 15)
        assert one.numbers() == two.numbers() == list(range(1, 81))
        assert one.messages() == two.messages()
        assert sorted(answer.json()["id"] for answer in answers) == list(range(1, 81))


def test_a_rolled_back_message_reaches_nobody_and_leaves_no_hole(service: Service, room: str, transport: str) -> None:
    with follow(service, room, transport) as reader:
        service.say(room, "one")
        service.shell(
            "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
            "from django.db import transaction\n"
            "with transaction.atomic():\n"
            f"    actions.post_message(AnonymousUser(), {room!r}, 'never', name='ann')\n"
            "    transaction.set_rollback(True)"
        )
        service.say(room, "two")
        reader.wait_for(["one", "two"])
        time.sleep(3)  # the relay has looked by then
        assert reader.messages() == ["one", "two"]
        assert reader.numbers() == [1, 2]


def test_a_room_that_does_not_exist_yet_can_be_followed_from_its_beginning(
    service: Service, room: str, transport: str
) -> None:
    with follow(service, room, transport, f"room-{room}:0") as reader:
        service.say(room, "born")
        service.say(room, "grown")
        reader.wait_for(["born", "grown"])
        assert reader.ends == 0


def test_several_rooms_come_on_one_stream_and_resume_together(service: Service, room: str, transport: str) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    with follow_all(service, rooms, transport, "earliest") as reader:
        for number in range(12):
            service.say(rooms[number % 3], str(number))
            if number == 6:
                reader.cut()
        wait_until(lambda: len(reader.messages()) >= 12, 10)
        time.sleep(0.5)
    by_room = {
        name: [s.json()["text"] for s in reader.seen if s.type == "message" and s.json()["room"] == name]
        for name in rooms
    }
    assert by_room == {name: [str(n) for n in range(12) if n % 3 == place] for place, name in enumerate(rooms)}


def test_many_rooms_come_on_one_stream_with_short_ids(service: Service, room: str, transport: str) -> None:
    rooms = [f"{room}.{number}" for number in range(50)]
    for name in rooms[::2]:
        service.say(name, "old")
    with follow_all(service, rooms, transport) as reader:
        for name in rooms:
            service.say(name, "one")
        wait_until(lambda: len(reader.messages()) >= 50, 20)
        reader.cut()
        for name in rooms:
            service.say(name, "two")
        wait_until(lambda: len(reader.messages()) >= 100, 20)
        time.sleep(0.5)
    for name in rooms:
        texts = [s.json()["text"] for s in reader.seen if s.type == "message" and s.json()["room"] == name]
        assert texts == ["one", "two"]
    assert "stream-reset" not in reader.types()


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


@pytest.mark.parametrize("number", [999, 2**63, 10**40])
def test_an_unknown_position_gets_a_reset_and_goes_on_from_now(
    service: Service, room: str, transport: str, number: int
) -> None:
    service.say(room, "old")
    with follow(service, room, transport, f"room-{room}:{number}") as reader:
        reset = reader.wait_for_type("stream-reset")
        assert reset.json() == {"channels": [f"room-{room}"]}
        assert reset.id == f"room-{room}:1"
        service.say(room, "new")
        reader.wait_for(["new"])


def test_a_pruned_position_gets_a_reset(service: Service, room: str, transport: str) -> None:
    for number in range(3):
        service.say(room, str(number))
    service.shell(
        "from chat import eventlog; from chat.models import Event; from django.utils import timezone\n"
        f"old = Event.objects.filter(room__name={room!r}, eid__lte=2); now = timezone.now()\n"
        "old.update(created=now - timezone.timedelta(days=9)); eventlog.prune(now - timezone.timedelta(days=8))"
    )
    with (
        follow(service, room, transport, f"room-{room}:1") as reader,
        follow(service, room, transport, "earliest") as earliest,
    ):
        reader.wait_for_type("stream-reset")
        earliest.wait_for(["2"])
        assert "stream-reset" not in earliest.types()
        assert len(service.get(f"/rooms/{room}/messages/").json()["messages"]) == 3
