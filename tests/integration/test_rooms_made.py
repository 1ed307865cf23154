"""Rooms that are made while readers wait for them."""

from collections.abc import Iterator

import pytest

from tests.pool import Pool
from tests.readers import Reader
from tests.service import Service, wait_until

SLOW_SECONDS = 4.0


@pytest.fixture
def service(pool: Pool, database: str) -> Iterator[Service]:
    """Recoveries take their time, as on a machine that does too much."""
    running = pool.get("slowed", database, Service, DJANGO_SETTINGS_MODULE="tests.slowed")
    (running.folder / "slow").write_text(str(SLOW_SECONDS))
    (running.folder / "recovering").unlink(missing_ok=True)
    yield running
    (running.folder / "slow").unlink()


def test_a_room_that_is_made_while_the_link_of_a_stream_is_followed_is_found(service: Service, room: str) -> None:
    rooms = [f"{room}-{number}" for number in range(3)]
    for _ in range(4):
        service.say(f"{room}-other", "a worker's first request takes longer")
    path = "/events/?" + "&".join(f"channel=room-{name}" for name in rooms)
    with Reader(service.url, path, ",".join(f"room-{name}:0" for name in rooms)) as reader:
        # One second after its channels' first subscription Pushpin follows the link. The answer is made at once and is
        # 4 s on its way. Meanwhile the room is made, and the relay says so again.
        wait_until((service.folder / "recovering").exists, 10, "the recovery")
        service.say(rooms[1], "first")
        service.say(rooms[1], "second")
        reader.wait_for(["first", "second"], 3 * SLOW_SECONDS)
    assert (reader.connections, reader.duplicates, reader.holes) == (1, 0, 0)
