"""Long-polling: what is answered at once, what is held and how, read as Pushpin reads it."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.models import User
from chat.stream import longpoll
from tests.unit.conftest import sign_in
from tests.unit.streams import log, no_grip, sealed

pytestmark = pytest.mark.django_db
URL = "/rooms/den/events/"


def poll(client: Client, url: str = URL, token: str = "", **headers: str) -> Any:
    """One long-poll."""
    more = {"Last-Event-ID": token} if token else {}
    return client.get(url, headers={"Accept": "application/json", **more, **headers})


def ids(response: Any) -> list[str]:
    """The ids of the batch."""
    return [event["id"] for event in response.json()["events"]]


def channels(response: Any) -> list[str]:
    """The channels of the hold, beside the one that all holds have."""
    assert response["Grip-Hold"] == "response"
    *own, last = str(response["Grip-Channel"]).split(", ")
    assert last == "all"
    return own


def test_everything_after_the_token_comes_at_once_as_one_batch(reader: Client, make_room: Any) -> None:
    log(make_room("Den"), 300)
    response = poll(reader, token="room-Den:40")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert ids(response) == [f"room-Den:{n}" for n in range(41, 301)]
    assert response.json()["events"][0] == {"id": "room-Den:41", "type": "message", "data": {"n": 41}}
    assert (response.json()["last-event-id"], response.json()["reset"]) == ("room-Den:300", False)
    assert (response["Last-Event-ID"], response["Cache-Control"]) == ("room-Den:40", "no-store")
    assert no_grip(response)


def test_with_nothing_new_it_is_held_from_the_token(reader: Client, make_room: Any) -> None:
    room = log(make_room("Den"), 3)
    response = poll(reader, token="room-Den:3")
    assert channels(response) == [sealed(f"p{room.pk}.1; prev-id=3"), f"c{room.pk}.1"]
    assert response["Grip-Timeout"] == "25"
    assert response.json() == {"events": [], "last-event-id": "room-Den:3", "reset": False}  # the time-out's answer
    assert "Grip-Link" not in response


def test_without_a_token_the_position_is_answered_at_once(reader: Client, make_room: Any) -> None:
    log(make_room("Den"), 3)
    response = poll(reader)
    assert response.json() == {"events": [], "last-event-id": "room-Den:3", "reset": False}
    assert no_grip(response)


@pytest.mark.parametrize(
    ("prefer", "timeout", "applied"),
    [
        ("", "25", None),
        ("wait=10", "10", "wait=10"),
        ("wait=1", "5", "wait=5"),
        ("wait=9999", "25", "wait=25"),
        ('respond-async, wait="12"', "12", "wait=12"),
        ("Wait = 7", "7", "wait=7"),
        ("wait=soon", "25", None),
        ("await=6", "25", None),
    ],
)
def test_prefer_wait_is_kept_within_bounds(
    reader: Client, make_room: Any, prefer: str, timeout: str, applied: str | None
) -> None:
    log(make_room(), 1)
    response = poll(reader, token="room-den:1", Prefer=prefer)
    assert response["Grip-Timeout"] == timeout
    assert response.headers.get("Preference-Applied") == applied


def test_a_position_that_is_not_retained_is_a_reset_at_once(reader: Client, make_room: Any) -> None:
    log(make_room(), 3)
    response = poll(reader, token="room-den:9")
    assert response.json() == {
        "events": [],
        "last-event-id": "room-den:3",
        "reset": True,
        "channels": ["room-den"],
    }
    assert no_grip(response)


def test_several_rooms_come_in_one_batch_with_all_positions(reader: Client, make_room: Any) -> None:
    a, b = log(make_room("a"), 2), log(make_room("b"), 1)
    url = "/events/?channel=room-b&channel=room-a"
    response = poll(reader, url, "room-a:1,room-b:0")
    assert ids(response) == ["room-a:2,room-a:2,room-b:0", "room-b:1,room-a:2,room-b:1"]
    assert response.json()["last-event-id"] == "room-a:2,room-b:1"
    held = poll(reader, url, response.json()["last-event-id"])
    assert channels(held) == [
        sealed(f"q{a.pk}.1; prev-id=2"),
        f"c{a.pk}.1",
        sealed(f"q{b.pk}.1; prev-id=1"),
        f"c{b.pk}.1",
    ]


def test_a_room_that_does_not_exist_yet_is_waited_for(reader: Client) -> None:
    assert channels(poll(reader, token="earliest")) == ["n.den"]


def test_a_batch_is_bounded_by_bytes_and_goes_on(
    reader: Client, make_room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(make_room(), 9)
    monkeypatch.setattr(longpoll, "BATCH_BYTES", 20)  # three events of 7 bytes
    token, seen = "room-den:0", []
    while batch := ids(response := poll(reader, token=token)):
        assert len(batch) <= 3
        seen += batch
        token = response.json()["last-event-id"]
    assert seen == [f"room-den:{n}" for n in range(1, 10)]


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain", "application/json;q=0.9, */*"])
def test_json_asks_for_long_polling(reader: Client, make_room: Any, accept: str) -> None:
    log(make_room(), 1)
    assert poll(reader, token="room-den:1", Accept=accept)["Grip-Hold"] == "response"


@pytest.mark.parametrize(
    ("url", "token", "status", "code"),
    [
        (URL, "garbage", 400, "TOKEN_INVALID"),
        ("/rooms/a%20b/events/", "", 404, "ROOM_INVALID"),
        ("/rooms/staff/events/", "", 401, "USER_HAS_TO_LOGIN"),
        ("/rooms/secret/events/", "", 404, "ROOM_INVALID"),
        ("/events/", "", 400, "CHANNEL_INVALID"),
    ],
)
def test_refusals_come_with_their_status(
    reader: Client, make_room: Any, url: str, token: str, status: int, code: str
) -> None:
    make_room("staff", visibility="staff")
    make_room("secret", visibility="private")
    response = poll(reader, url, token)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    assert no_grip(response)


def test_a_forged_grip_last_moves_nothing(reader: Client, make_room: Any) -> None:
    room = log(make_room(), 3)
    response = poll(reader, token="room-den:1", **{"Grip-Last": sealed(f"p{room.pk}.1; last-id=3")})
    assert ids(response) == ["room-den:2", "room-den:3"]


def test_a_poll_of_any_number_of_rooms_takes_two_and_signed_in_three(
    reader: Client, people: dict[str, User], make_room: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rooms = [log(make_room(f"r{n:02}"), 1) for n in range(50)]
    url = "/events/?" + "&".join(f"channel=room-{room.name}" for room in rooms)
    bob = sign_in(people["bob"], proxied=True)
    with django_assert_num_queries(2):
        assert len(ids(poll(reader, url, "earliest"))) == 50
    with django_assert_num_queries(3):
        assert len(ids(poll(bob, url, "earliest"))) == 50
