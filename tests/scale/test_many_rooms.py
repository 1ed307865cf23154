"""Many rooms on one stream: what an event costs in bytes, and how rooms are joined and left."""

import json
import time

import pytest

from tests.scale.books import Books
from tests.service import Service
from tests.swarm import Swarm, SwarmReader

pytestmark = pytest.mark.nightly
# Of the wire, without the event's `data`: its type, its id, and the frame of its chunk. Short names of rooms.
MOST = {1: 70, 10: 250, 50: 250}


def names(room: str, count: int) -> list[str]:
    """Names of ten characters, as people give them."""
    return [f"r{abs(hash(room)) % 10**5:05}.{number:03}" for number in range(count)]


@pytest.mark.parametrize("count", [1, 10, 50])
def test_bytes_per_event(service: Service, books: Books, room: str, count: int) -> None:
    rooms = names(f"{room}{count}", count)
    for name in rooms:
        books.say(name, "x")
    reader = SwarmReader(rooms)
    with Swarm(service.url, [reader]) as swarm:
        swarm.wait_exact(books.texts, 10)
        time.sleep(2.5)
        before = reader.received
        for number in range(10):
            for name in rooms[:5]:
                books.say(name, f"{number:050}")
        swarm.wait_exact(books.texts, 10)
        events = 10 * len(rooms[:5])
        [last] = service.get(f"/rooms/{rooms[0]}/messages/?limit=1").json()["messages"]
        data = len(json.dumps(last, separators=(",", ":")))
        each = (reader.received - before) / events
        print(f"\n{count} rooms: {each:.0f} bytes an event on the wire, {each - data:.0f} beside its data")
        assert each - data <= MOST[count]


def test_fifty_rooms_are_joined_and_left_by_coming_back_with_another_list(
    service: Service, books: Books, room: str
) -> None:
    rooms = names(room, 80)
    for name in rooms[::3]:
        books.say(name)
    reader = SwarmReader(rooms[:50])
    with Swarm(service.url, [reader]) as swarm:
        for begin in (0, 30, 10, 25, 0):
            wanted = rooms[begin : begin + 50]
            for name in rooms[::2]:
                books.say(name)

            def change(reader: SwarmReader, wanted: list[str] = wanted) -> None:
                reader.follow(wanted)

            swarm.call(change, [reader])
            swarm.resume([reader])
            for name in rooms[::5]:
                books.say(name)  # also while it changes
            swarm.wait_exact(books.texts, 15)
            for name in rooms:
                books.say(name)
            swarm.wait_exact(books.texts, 15)
        assert reader.resets == []
