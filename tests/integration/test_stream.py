"""The promise on real parts: no gap, no duplicate, one order, whatever ends or restarts in between."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.readers import Reader
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)


def follow(service: Service, room: str, token: str = "earliest") -> Reader:
    """A reader of one room."""
    return Reader(service.url, f"/rooms/{room}/events/", token)


def ids(reader: Reader) -> list[int]:
    """The numbers of the messages' event ids."""
    return [int(seen.id.rpartition(":")[2]) for seen in list(reader.seen) if seen.type == "message"]


def test_a_message_reaches_an_open_stream_in_the_form_of_seed_d(service: Service, room: str) -> None:
    service.say(room, "first")
    with follow(service, room, service.token(room)) as reader:
        answer = service.post(room, "hi")
        reader.wait_for(["hi"])
        seen = reader.wait_for_type("message")
    assert answer.status == 201
    assert answer.json().items() >= {"id": 2, "from": "ann", "text": "hi"}.items()
    assert seen.id == f"room-{room}:2"
    assert seen.json() == answer.json()
    assert service.get(f"/rooms/{room}/messages/").json()["messages"][0] == answer.json()


def test_both_addresses_of_a_room_carry_the_same_events(service: Service, room: str) -> None:
    with Reader(service.url, f"/events/?channel=room-{room}", "earliest") as other, follow(service, room) as reader:
        service.say(room, "hi")
        reader.wait_for(["hi"])
        other.wait_for(["hi"])
        assert [seen for seen in other.seen if seen.type == "message"] == [
            seen for seen in reader.seen if seen.type == "message"
        ]


def test_the_answer_is_not_cached_or_buffered_and_names_its_start(service: Service, room: str) -> None:
    service.say(room, "hi")
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", f"/rooms/{room}/events/")
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "text/event-stream"
    assert "no-cache" in (response.getheader("Cache-Control") or "")
    assert response.getheader("X-Accel-Buffering") == "no"
    assert response.getheader("Last-Event-ID") == f"room-{room}:1"
    assert response.getheader("Grip-Hold") is None
    assert response.getheader("Grip-Link") is None
    assert response.readline().startswith(b"retry: ")
    connection.close()


def test_a_stream_cut_and_resumed_gets_exactly_what_it_missed(service: Service, room: str) -> None:
    said = []
    with follow(service, room) as reader:
        for round_ in range(5):
            for number in range(6):
                said.append(f"{round_}.{number}")
                service.say(room, said[-1])
                if number == 3:
                    reader.cut()
        reader.wait_for(said)
        assert ids(reader) == list(range(1, 31))


def test_500_missed_events_come_in_order_and_the_stream_goes_on(service: Service, room: str) -> None:
    service.say(room, "0")
    token = service.token(room)
    service.shell(
        "from chat import actions; from django.contrib.auth.models import AnonymousUser\n"
        f"for n in range(1, 501): actions.post_message(AnonymousUser(), {room!r}, str(n), name='ann')"
    )
    with follow(service, room, token) as reader:
        reader.wait_for([str(number) for number in range(1, 501)], 20)
        service.say(room, "501")
        reader.wait_for([str(number) for number in range(1, 502)])


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
    poster.start()
    readers = []
    for _ in range(10):
        reader = follow(service, room, token)
        reader.__enter__()
        readers.append(reader)
        time.sleep(0.05)
    stop.set()
    poster.join()
    for reader in readers:
        reader.wait_for(said, 15)
        reader.__exit__(None, None, None)


def test_concurrent_posters_leave_no_hole_and_one_order(service: Service, room: str) -> None:
    with follow(service, room) as one, follow(service, room) as two:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: service.post(room, str(number), f"p{number % 8}"), range(80)))
        assert {answer.status for answer in answers} == {201}
        wait_until(lambda: len(one.messages()) >= 80 and len(two.messages()) >= 80, 15)
        assert ids(one) == ids(two) == list(range(1, 81))
        assert one.messages() == two.messages()
        assert sorted(answer.json()["id"] for answer in answers) == list(range(1, 81))


def test_the_same_first_post_from_many_makes_one_room(service: Service, room: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: service.post(room, str(number)), range(8)))
    assert sorted(answer.json()["id"] for answer in answers) == list(range(1, 9))


def test_a_repeated_post_stores_one_message(service: Service, room: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: service.post(room, "once", key="k1"), range(6)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [201]
    assert len({answer.body for answer in answers}) == 1
    assert service.post(room, "other", key="k1").json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert [message["text"] for message in service.get(f"/rooms/{room}/messages/").json()["messages"]] == ["once"]


def test_a_rolled_back_message_reaches_nobody_and_leaves_no_hole(service: Service, room: str) -> None:
    with follow(service, room) as reader:
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
        assert ids(reader) == [1, 2]


def test_a_room_that_does_not_exist_yet_can_be_followed_from_its_beginning(service: Service, room: str) -> None:
    with follow(service, room, f"room-{room}:0") as reader:
        service.say(room, "born")
        service.say(room, "grown")
        reader.wait_for(["born", "grown"])
        assert reader.ends == 0


def test_several_rooms_come_on_one_stream_and_resume_together(service: Service, room: str) -> None:
    rooms = [f"{room}.{letter}" for letter in "abc"]
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in rooms)
    with Reader(service.url, path, "earliest") as reader:
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


def test_many_rooms_come_on_one_stream_with_short_ids(service: Service, room: str) -> None:
    rooms = [f"{room}.{number}" for number in range(50)]
    for name in rooms[::2]:
        service.say(name, "old")
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in rooms)
    with Reader(service.url, path) as reader:
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


@pytest.mark.parametrize("number", [999, 2**63, 10**40])
def test_an_unknown_position_gets_a_reset_and_goes_on_from_now(service: Service, room: str, number: int) -> None:
    service.say(room, "old")
    with follow(service, room, f"room-{room}:{number}") as reader:
        reset = reader.wait_for_type("stream-reset")
        assert reset.json() == {"channels": [f"room-{room}"]}
        assert reset.id == f"room-{room}:1"
        service.say(room, "new")
        reader.wait_for(["new"])


def test_a_pruned_position_gets_a_reset(service: Service, room: str) -> None:
    for number in range(3):
        service.say(room, str(number))
    service.shell(
        "from chat import eventlog; from chat.models import Event; from django.utils import timezone\n"
        f"old = Event.objects.filter(room__name={room!r}, eid__lte=2); now = timezone.now()\n"
        "old.update(created=now - timezone.timedelta(days=9)); eventlog.prune(now - timezone.timedelta(days=8))"
    )
    with follow(service, room, f"room-{room}:1") as reader, follow(service, room, "earliest") as earliest:
        reader.wait_for_type("stream-reset")
        earliest.wait_for(["2"])
        assert "stream-reset" not in earliest.types()
        assert len(service.get(f"/rooms/{room}/messages/").json()["messages"]) == 3


def test_malformed_tokens_are_refused_in_the_words_of_an_event_stream(service: Service, room: str) -> None:
    refused = service.get(f"/rooms/{room}/events/", {"Accept": "text/event-stream", "Last-Event-ID": "garbage"})
    assert refused.status == 200
    assert b"event: stream-error" in refused.body
    assert b"TOKEN_INVALID" in refused.body
    assert service.get(f"/rooms/{room}/events/?lastEventId=garbage").status == 400
    assert service.get(f"/rooms/{room}/events/", {"Last-Event-ID": "error"}).status == 400


def test_streams_are_refused_past_the_proxy_and_forged_signatures_do_not_help(service: Service, room: str) -> None:
    for headers in ({}, {"Grip-Sig": "forged"}, {"Accept": "text/event-stream"}):
        answer = service.request("GET", f"/rooms/{room}/events/", headers=headers, base=service.web_url)
        assert (answer.status, answer.json()["code"]) == (501, "PROXY_REQUIRED")
    forged = {"Grip-Last": "r1.1; last-id=0"}
    assert service.get("/recover/", forged).status == 404
    assert service.request("GET", "/recover/", headers=forged, base=service.web_url).status == 404


def test_a_graceful_restart_of_gunicorn_drops_no_stream_and_no_post(service: Service, room: str) -> None:
    with follow(service, room) as reader:
        service.say(room, "before")
        service.processes["gunicorn"].send_signal(signal.SIGHUP)
        said = ["before"]
        end = time.monotonic() + 4
        while time.monotonic() < end:
            said.append(str(len(said)))
            service.say(room, said[-1])
        reader.wait_for(said)
        assert (reader.connections, reader.ends) == (1, 0)


def test_kill_9_of_gunicorn_drops_no_stream_and_loses_no_message(service: Service, room: str) -> None:
    with follow(service, room) as reader:
        accepted = []
        for number in range(60):
            if number == 20:
                service.kill("gunicorn")
            for _ in range(200):  # the same post, with its key, until it is answered
                if service.post(room, str(number), key=f"k{number}").status in (200, 201):
                    break
                time.sleep(0.05)
            accepted.append(str(number))
        reader.wait_for(accepted, 15)
        assert (reader.connections, reader.ends) == (1, 0)


def test_kill_9_of_pushpin_costs_a_reconnect_and_no_message(service: Service, room: str) -> None:
    with follow(service, room) as reader:
        service.say(room, "before")
        reader.wait_for(["before"])
        service.kill("pushpin")
        answer = service.post(room, "while it is away", base=service.web_url)
        assert answer.status == 201
        service.wait_ready()
        service.say(room, "after")
        reader.wait_for(["before", "while it is away", "after"], 20)
        assert reader.ends >= 1


def test_recovery_after_kill_9_does_not_wait_for_other_rooms(service: Service, room: str) -> None:
    readers = [follow(service, f"{room}.{number}", "earliest") for number in range(30)]
    for reader in readers:
        reader.__enter__()
    service.kill("pushpin")
    service.wait_ready()
    for number in range(30):
        service.say(f"{room}.{number}", "after")
    for reader in readers:
        reader.wait_for(["after"], 10)
        reader.__exit__(None, None, None)
