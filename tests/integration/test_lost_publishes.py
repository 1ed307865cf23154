"""A publish that never reached the proxy: the relay repairs it, with or without a next message."""

from collections.abc import Iterator

import pytest

from tests.readers import Reader
from tests.service import Service

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def deaf(database: str) -> Iterator[Service]:
    """A service whose gunicorn publishes into the void; only the relay reaches Pushpin."""
    with Service(database, lose_publishes=True) as running:
        yield running


def test_a_lost_publish_with_nothing_after_it_arrives_within_five_seconds(
    deaf: Service, room: str, transport: str
) -> None:
    with Reader(deaf.url, f"/rooms/{room}/events/", "earliest", transport=transport) as reader:
        deaf.say(room, "lost")
        reader.wait_for(["lost"], 5)


def test_lost_publishes_arrive_in_order_and_once(deaf: Service, room: str, transport: str) -> None:
    with Reader(deaf.url, f"/rooms/{room}/events/", "earliest", transport=transport) as reader:
        texts = [str(number) for number in range(20)]
        for text in texts:
            deaf.say(room, text)
        reader.wait_for(texts, 8)
        if transport == "sse":
            newest = reader.wait_for_type("newest", 8)
            assert newest.json() == {"room": room, "id": f"room-{room}:20"}
        assert reader.messages() == texts
