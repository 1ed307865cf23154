"""A right is taken away while its owner reads: nothing more on any transport, and the others miss nothing."""

import json
import time
from contextlib import ExitStack

import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.den import Den
from tests.readers import TRANSPORTS, Reader
from tests.service import Service, wait_until
from tests.trio import Trio

pytestmark = pytest.mark.timeout(90)


def texts(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def assert_exact(reader: Reader, last: int) -> None:
    """All messages from 1 to `last` came, in order."""
    reader.wait_for(texts(1, last))
    assert reader.numbers() == list(range(1, last + 1))
    assert reader.is_exact()


def wait_for_relay(readers: Trio) -> None:
    """Wait until the relay has repeated what was said last: its notice of the newest id comes after that."""
    [stream] = [reader for reader in readers if reader.transport == "sse"]
    before = stream.types().count("newest")
    wait_until(lambda: stream.types().count("newest") > before, 15, "the next notice")


def assert_cut(reader: Reader, code: str, within: float = 1) -> None:
    """The reader's connection ends now, and it is refused with `code` when it comes back, and when it tries again."""
    wait_until(lambda: reader.ends, within, f"the end of {reader.transport}")
    wait_until(lambda: reader.refusals.count(code) > 1, 5, f"{code} on {reader.transport}, not {reader.refusals}")
    if reader.transport == "websocket":
        assert reader.closes == [4403]


def test_who_is_removed_gets_nothing_more_and_the_others_miss_nothing(den: Den) -> None:
    with den.follow_by_all("alice") as alice, den.follow_by_all("bob") as bob, den.follow_by_all("cleo") as cleo:
        for text in texts(1, 10):
            den.say(text)
        for readers in (alice, bob, cleo):
            readers.wait_for(texts(1, 10))
        den.remove("bob")
        for reader in bob:
            assert_cut(reader, "ROOM_INVALID")
        for text in texts(11, 20):
            den.say(text)
        for reader in (*alice, *cleo):
            assert_exact(reader, 20)
        wait_for_relay(alice)
        for reader in bob:
            assert reader.messages() == texts(1, 10)
            assert set(reader.refusals) == {"ROOM_INVALID"}


def test_what_was_kept_gives_nothing_more(den: Den, service: Service) -> None:
    for text in texts(1, 5):
        den.say(text)
    den.remove("bob")
    den.say("6")
    for who in (den.bearer("bob"), den.cookie("bob"), {}):
        for path in (f"/rooms/{den.room}/events/", f"/events/?channel=room-{den.room}"):
            resume = {**who, "Last-Event-ID": f"room-{den.room}:3", "Prefer": "wait=5"}
            poll = service.get(path, {**resume, "Accept": "application/json"})
            assert (poll.status, poll.json()["code"]) == (404, "ROOM_INVALID")
            stream = service.get(path, {**resume, "Accept": "text/event-stream"})
            assert stream.body.startswith(b"event: stream-error\n")
            assert b'"code": "ROOM_INVALID"' in stream.body
        assert service.get(f"/rooms/{den.room}/messages/", who).status == 404
    assert den.post("never", "bob").json()["code"] == "ROOM_INVALID"


def test_kept_recovery_links_end_with_the_right(den: Den, service: Service) -> None:
    den.act("for n in range(1, 103): actions.post_message(alice, name, str(n))")
    signature = jwt.encode({"iss": "pushpin", "exp": int(time.time()) + 86400}, "g" * 40, algorithm="HS256")
    # What Pushpin itself sees, and its log may show.
    seen = service.request(
        "GET",
        f"/rooms/{den.room}/events/",
        headers={**den.bearer("bob"), "Grip-Sig": signature, "Last-Event-ID": "earliest"},
        base=service.web_url,
    )
    batch = seen.headers["Grip-Link"].partition("<")[2].partition(">")[0]
    channel = seen.headers["Grip-Channel"].partition(";")[0]
    held = {"Grip-Sig": signature, "Grip-Last": f"{channel}; last-id=5"}
    recover = service.request("GET", "/recover/", headers=held, base=service.web_url)
    assert b"id: room-" in recover.body
    den.remove("bob")
    den.say("103")
    assert service.get(batch).body == b""
    after = service.request("GET", "/recover/", headers=held, base=service.web_url)
    assert (after.body, after.headers.get("Grip-Hold")) == (b"", None)
    forged = {"Grip-Last": held["Grip-Last"]}
    assert service.get("/recover/", forged).status == 404
    for path in ("/recover/", batch):
        unsigned = service.request("GET", path, headers=forged, base=service.web_url, signed=False)
        assert unsigned.json()["code"] == "REQUEST_UNSIGNED"


def test_the_other_rooms_of_a_connection_go_on(den: Den, room: str) -> None:
    den.act("actions.make_room(open_room)", open_room=room)
    attic = den.act(
        "attic = actions.create_room(cleo, 'attic', visibility='private')\n"
        "Membership.objects.create(room=attic, user=bob)\n"
        "result = attic.name"
    )

    def heard(reader: Reader, name: str) -> list[str]:
        messages = [seen.json() for seen in list(reader.seen) if seen.type == "message"]
        return [message["text"] for message in messages if message["room"] == name]

    with den.follow_by_all("bob", room, attic) as bob:
        for text in texts(1, 3):
            for who, name in (("alice", den.room), ("cleo", room), ("cleo", attic)):
                den.say(text, who, name)
        bob.wait(lambda reader: len(reader.messages()) == 9, 10, "nine messages")
        den.remove("bob")
        for text in texts(4, 6):
            for who, name in (("alice", den.room), ("cleo", room), ("cleo", attic)):
                den.say(text, who, name)
        bob.wait(lambda reader: heard(reader, room) == heard(reader, attic) == texts(1, 6), 10, "the other rooms")
        wait_for_relay(bob)
        for reader in bob:
            assert heard(reader, den.room) == texts(1, 3)
            assert reader.refusals == ["ROOM_INVALID"]
            assert reader.holes == 0


def test_twice_within_a_minute_and_two_different_people(den: Den) -> None:
    begin = time.monotonic()
    with den.follow_by_all("alice") as alice, den.follow_by_all("bob") as bob, den.follow_by_all("cleo") as cleo:
        den.say("1")
        bob.wait_for(["1"])
        den.remove("bob")
        den.say("2")
        for reader in bob:
            assert_cut(reader, "ROOM_INVALID")
        den.invite_back("bob")
        den.say("3")
        bob.wait_for(texts(1, 3))  # who is back may read what was said meanwhile
        before = {reader.transport: (reader.ends, len(reader.refusals)) for reader in bob}
        cleo.wait_for(texts(1, 3))
        den.remove("bob")
        den.remove("cleo")
        den.say("4")
        bob.wait(
            lambda reader: (
                reader.ends > before[reader.transport][0] and len(reader.refusals) > before[reader.transport][1]
            ),
            3,
            "the second refusal",
        )
        cleo.wait(lambda reader: reader.refusals, 3, "the refusal")
        den.say("5")
        for reader in alice:
            assert_exact(reader, 5)
        assert time.monotonic() - begin < 60
        wait_for_relay(alice)
        assert [reader.messages() for reader in (*bob, *cleo)] == [texts(1, 3)] * 6


# How the right is had, how it is taken, how the reader is refused then. `name` is the room.
WAYS = {
    "banned": ("", "actions.restrict(alice, room(name, alice), 'ban', bob)", "ROOM_INVALID"),
    "left": ("", "actions.leave_room(bob, room(name, bob))", "ROOM_INVALID"),
    "deleted": ("", "actions.delete_room(alice, room(name, alice))", "ROOM_INVALID"),
    "made staff-only": (
        "Membership.objects.filter(room__name=name, user=alice).update(user=sam)",
        "actions.change_room(sam, room(name, sam), visibility='staff')",
        "ROOM_ACCESS_DENIED",
    ),
    "demoted": (
        "Room.objects.filter(name=name).update(visibility='staff')\n"
        "User.objects.filter(pk__in=[alice.pk, bob.pk]).update(is_staff=True)",
        "actions.set_staff(sam, bob, False)",
        "ROOM_ACCESS_DENIED",
    ),
    "signed out": ("", "Session.objects.filter(pk=key).delete(); actions.sign_out(bob)", "ROOM_INVALID"),
    "another password": (
        "",
        "with transaction.atomic():\n    actions.sign_out(bob)\n    bob.set_password('another')\n    bob.save()",
        "ROOM_INVALID",
    ),
    "account closed": ("", "actions.close_account(sam, bob)", "ROOM_INVALID"),
    "guest pruned": (
        "User.objects.filter(pk=bob.pk).update(is_guest=True)",
        # Reading keeps the session, so it ends and the time goes by afterwards.
        "bob.sessions.update(expire_date=timezone.now())\n"
        "User.objects.filter(pk=bob.pk).update(left_at=timezone.now() - timedelta(days=9000))\n"
        "actions.people.prune_guests(timezone.now() - timedelta(days=8000))",
        "ROOM_INVALID",
    ),
    "token withdrawn": (
        "",
        "with transaction.atomic():\n    actions.sign_out(bob)\n    bob.tokens.all().delete()",
        "USER_HAS_TO_LOGIN",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_lose_a_right_ends_what_is_read_by_it(den: Den, way: str) -> None:
    before, take, code = WAYS[way]
    den.act(before + "\nMembership.objects.get_or_create(room=Room.objects.get(name=name), user=sam)")
    headers = den.bearer("bob") if way == "token withdrawn" else den.cookie("bob")
    with ExitStack() as stack:
        readers = [stack.enter_context(den.follow("bob", transport, headers=headers)) for transport in TRANSPORTS]
        den.act("actions.post_message(sam, name, '1')")
        for reader in readers:
            reader.wait_for(["1"])
        den.act(take, key=den.cookies["bob"])
        if way != "deleted":
            den.act("actions.post_message(sam, name, '2')")
        for reader in readers:
            assert_cut(reader, code)
        assert [reader.messages() for reader in readers] == [["1"]] * 3


def test_an_open_room_made_private_is_unknown_by_its_old_name(den: Den, service: Service, room: str) -> None:
    den.act("actions.create_room(alice, open_room)", open_room=room)
    path = f"/rooms/{room}/events/"
    with ExitStack() as stack:
        readers = [
            stack.enter_context(Reader(service.url, path, "earliest", transport=transport, headers=headers))
            for transport in TRANSPORTS
            for headers in ({}, den.bearer("bob"))
        ]
        den.say("1", "alice", room)
        for reader in readers:
            reader.wait_for(["1"])
        hidden = den.act(
            "result = actions.change_room(alice, room(open_room, alice), visibility='private').name", open_room=room
        )
        den.say("2", "alice", hidden)
        for reader in readers:
            assert_cut(reader, "ROOM_INVALID")
        assert [reader.messages() for reader in readers] == [["1"]] * len(readers)
    for address in (f"/rooms/{room}/messages/", f"/rooms/{hidden}/messages/"):
        known, unknown = service.get(address), service.get("/rooms/x-0123456789abcdef01234567/messages/")
        assert (known.status, known.body) == (unknown.status, unknown.body)
    with Reader(service.url, f"/rooms/{hidden}/events/", "earliest", headers=den.bearer("alice")) as alice:
        wait_until(lambda: "2" in alice.messages(), 5)


def test_a_ban_from_an_open_room_ends_reading_and_posting_as_that_person(den: Den, service: Service, room: str) -> None:
    den.act("actions.create_room(alice, open_room)", open_room=room)
    path = f"/rooms/{room}/events/"
    with ExitStack() as stack:
        bobs, visitors = (
            [
                stack.enter_context(Reader(service.url, path, "earliest", transport=transport, headers=headers))
                for transport in TRANSPORTS
            ]
            for headers in (den.bearer("bob"), {})
        )
        den.say("1", "alice", room)
        for reader in (*bobs, *visitors):
            reader.wait_for(["1"])
        den.act("actions.restrict(alice, room(open_room, alice), 'ban', bob)", open_room=room)
        den.say("2", "alice", room)
        for reader in bobs:
            assert_cut(reader, "ROOM_ACCESS_DENIED")
            assert reader.messages() == ["1"]
        for reader in visitors:  # as a visitor he could go on: an open room is everybody's
            assert_exact(reader, 2)
    assert den.post("never", "bob", room).json()["code"] == "ROOM_ACCESS_DENIED"


def test_a_socket_whose_session_expired_ends_with_its_next_frame(den: Den, service: Service) -> None:
    address = f"ws://127.0.0.1:{service.port}/rooms/{den.room}/events/"
    sync = json.dumps({"command": "sync", "id": "1", "last-event-id": f"room-{den.room}:0"})
    with connect(address, additional_headers=den.cookie("bob"), proxy=None) as socket:
        assert json.loads(socket.recv(timeout=5))["type"] == "stream-open"
        den.act(
            "Session.objects.filter(pk=key).update(expire_date=timezone.now() - timedelta(1))", key=den.cookies["bob"]
        )
        socket.send(sync)
        assert json.loads(socket.recv(timeout=5))["code"] == "USER_HAS_TO_LOGIN"
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=5)
        assert ended.value.rcvd
        assert ended.value.rcvd.code == 4401


def test_a_waiting_poll_is_answered_at_once(den: Den, service: Service) -> None:
    den.say("1")
    begin = time.monotonic()
    with den.follow("bob", "long-poll") as bob, den.follow("alice", "long-poll") as alice:
        for reader in (alice, bob):
            reader.wait_for(["1"])
        time.sleep(1.2)  # the first poll of a channel is asked twice
        den.remove("bob")
        wait_until(lambda: bob.refusals, 1, "the answer of the poll")
        den.say("2")
        alice.wait_for(["1", "2"], 2)
        assert time.monotonic() - begin < 9  # sooner than the wait, 10 s, would have ended
        assert (bob.connections, bob.messages()) == (1, ["1"])
