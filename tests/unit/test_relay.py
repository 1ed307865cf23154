"""The relay: every event once more, in order, within its time, on each proxy for itself."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from chat import publish, relay
from chat.models import Closing, Event, Room
from chat.relay import Relay
from tests.unit.conftest import RecordingProxy
from tests.unit.streams import sealed

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.get_current_timezone())


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def post(make_room: Callable[..., Room]) -> Callable[[str, float], None]:
    """`post("den", 3)` logs the room's next event three seconds after the start."""

    def log(name: str, seconds: float) -> None:
        room = Room.objects.filter(name=name).first() or make_room(name)
        room.counter += 1
        room.save()
        Event.objects.create(room=room, eid=room.counter, type="message", data="{}", created=at(seconds))

    return log


def repeated(proxy: RecordingProxy) -> list[str]:
    """The ids of what was published again, on the channels of single rooms."""
    return [items[0]["id"] for items in proxy.delivered if "id" in items[0]]


def notices(proxy: RecordingProxy) -> list[str]:
    """What was sent on control channels."""
    return [items[0]["formats"]["http-stream"]["content"] for items in proxy.delivered if "id" not in items[0]]


def closed(proxy: RecordingProxy) -> list[str]:
    """The control channels that were closed, in the order in which the relay did it."""
    return [
        item["channel"]
        for items in proxy.delivered
        for item in items
        if item["formats"].get("http-stream") == {"action": "close"}
    ]


def test_an_event_is_repeated_after_two_seconds_and_not_twice(proxy: RecordingProxy, post: Any) -> None:
    watcher = Relay(proxy, START)
    post("den", 1)
    assert [watcher.step(at(seconds)) for seconds in (1, 2.9, 3, 3.5, 20, 40)] == [0, 0, 1, 0, 0, 0]
    assert repeated(proxy) == ["1"]


def test_the_repeat_is_what_the_request_published(proxy: RecordingProxy, post: Any) -> None:
    post("den", 0)
    event = Event.objects.select_related("room").get()
    publish.event(event, event.room.name, event.room.rights, event.room.name_key, is_first=True)
    Relay(proxy, START).step(at(2))
    assert proxy.delivered[0] == proxy.sends[0]


def test_events_are_repeated_in_the_order_of_each_room(proxy: RecordingProxy, post: Any) -> None:
    for seconds, name in ((0.3, "a"), (0.1, "b"), (0.2, "a"), (0.4, "b")):
        post(name, seconds)
    assert Relay(proxy, START).step(at(2.45)) == 4
    assert [(items[0]["channel"][0], items[0]["id"]) for items in proxy.delivered] == [
        ("r", "1"),
        ("r", "2"),
        ("r", "1"),
        ("r", "2"),
    ]


@pytest.mark.parametrize(("age", "count"), [(44.9, 1), (45, 0), (600, 0)])
def test_a_relay_that_starts_repeats_what_is_younger_than_45_seconds(
    proxy: RecordingProxy, post: Any, age: float, count: int
) -> None:
    post("den", -age)
    assert Relay(proxy, START).step(START) == count


def test_a_proxy_that_was_away_gets_all_in_order_when_it_is_back(proxy: RecordingProxy, post: Any) -> None:
    watcher = Relay(proxy, START)
    for seconds in (0, 1, 2):
        post("den", seconds)
    proxy.up = False
    assert [watcher.step(at(seconds)) for seconds in (2, 4, 8, 30)] == [0, 0, 0, 0]
    proxy.up = True
    assert watcher.step(at(40)) == 3
    assert repeated(proxy) == ["1", "2", "3"]


def test_what_grew_too_old_while_the_proxy_was_away_is_left_out(proxy: RecordingProxy, post: Any) -> None:
    watcher = Relay(proxy, START)
    post("den", 0)
    post("den", 10)
    proxy.up = False
    watcher.step(at(5))
    proxy.up = True
    assert watcher.step(at(46)) == 1
    assert repeated(proxy) == ["2"]


def test_one_proxy_that_is_away_does_not_concern_the_other(post: Any) -> None:
    near, far = RecordingProxy(), RecordingProxy()
    far.up = False
    watchers = [Relay(near, START), Relay(far, START)]
    post("den", 0)
    assert [watcher.step(at(3)) for watcher in watchers] == [1, 0]


def test_a_transaction_that_committed_late_is_still_repeated(proxy: RecordingProxy, post: Any) -> None:
    watcher = Relay(proxy, START)
    watcher.step(at(10))
    post("den", 1)  # began at 1, seen at 10.5
    assert watcher.step(at(10.5)) == 1
    assert watcher.step(at(11)) == 0


def test_what_is_remembered_does_not_grow(proxy: RecordingProxy, post: Any) -> None:
    watcher = Relay(proxy, START)
    for seconds in range(60):
        post("den", seconds)
        watcher.step(at(seconds))
    assert len(repeated(proxy)) == len(set(repeated(proxy))) == 58
    assert len(watcher._done) < 12


class TestNewest:
    def test_notices_follow_at_growing_distances(self, proxy: RecordingProxy, post: Any) -> None:
        watcher = Relay(proxy, START)
        post("Den", 0)
        counts = []
        for seconds in (2, 2.25, 2.5, 3.25, 3.5, 4, 11.5, 12, 13, 29, 30, 59, 60, 90):
            watcher.step(at(seconds))
            counts.append(len(notices(proxy)))
        assert counts == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5]
        assert notices(proxy)[0] == 'event: newest\ndata: {"room": "Den", "id": "room-Den:1"}\n\n'
        room = Room.objects.get()
        assert [items[0]["channel"] for items in proxy.delivered] == [sealed(f"r{room.pk}.1"), *[f"c{room.pk}.1"] * 5]

    def test_who_waits_for_a_room_is_told_too_in_its_first_minute(self, proxy: RecordingProxy, post: Any) -> None:
        """Their publish and its repeat may both be lost, and no other event reaches them."""
        watcher = Relay(proxy, START)
        told = []
        post("den", 0)
        for seconds in (2, 2.5, 3.5, 12, 30, 59.9, 61):
            if seconds == 12:
                post("den", 9)  # who was not told of the first event waits on
            watcher.step(at(seconds))
            told.append([item for items in proxy.delivered for item in items if item["channel"] == "n.den"])
            proxy.delivered.clear()
        assert [len(items) for items in told] == [1, 1, 1, 1, 1, 1, 0]
        assert json.loads(told[-2][0]["formats"]["ws-message"]["content"])["data"] == publish.newest_data("den", 2)
        assert told[-2][0]["formats"]["http-stream"] == {"action": "hint"}

    @pytest.mark.parametrize("change", [{"visibility": "private"}, {"pruned_through": 1}])
    def test_nobody_is_told_of_a_room_that_is_not_open_or_not_new(
        self, proxy: RecordingProxy, post: Any, change: dict[str, Any]
    ) -> None:
        watcher = Relay(proxy, START)
        post("den", 0)
        Room.objects.update(**change)
        for seconds in (2, 2.5, 3.5):
            watcher.step(at(seconds))
        assert "n.den" not in [item["channel"] for items in proxy.delivered for item in items]

    def test_a_notice_names_no_event_that_was_not_repeated_yet(self, proxy: RecordingProxy, post: Any) -> None:
        watcher = Relay(proxy, START)
        post("den", 0)
        watcher.step(at(2))
        post("den", 2.9)  # were its publish lost, a thousand readers would resume for what the relay brings at 4.9
        watcher.step(at(3))
        assert [notice.split('"')[-2] for notice in notices(proxy)] == ["room-den:1"]

    def test_a_busy_room_gets_one_after_its_last_event(self, proxy: RecordingProxy, post: Any) -> None:
        watcher = Relay(proxy, START)
        for tenth in range(300):
            if tenth % 5 == 0 and tenth <= 100:
                post("den", tenth / 10)
            watcher.step(at(tenth / 10))
        assert [notice.split('"')[-2] for notice in notices(proxy)] == ["room-den:21"] * 3

    def test_it_is_sent_again_when_the_proxy_did_not_take_it(self, proxy: RecordingProxy, post: Any) -> None:
        watcher = Relay(proxy, START)
        post("den", 0)
        watcher.step(at(2))
        proxy.up = False
        watcher.step(at(3))
        proxy.up = True
        watcher.step(at(3.5))
        assert len(notices(proxy)) == 1

    def test_a_deleted_room_gets_none_and_is_forgotten(self, proxy: RecordingProxy, post: Any) -> None:
        watcher = Relay(proxy, START)
        post("den", 0)
        watcher.step(at(2))
        Room.objects.update(deleted_at=START)
        watcher.step(at(100))
        assert notices(proxy) == []
        assert watcher._notices == {}


class TestClosings:
    @pytest.fixture
    def close(self, make_room: Any) -> Callable[[float], str]:
        """`close(3)` takes a right three seconds after the start; the channel that is to be closed."""
        room = make_room()

        def close(seconds: float) -> str:
            number = Closing.objects.count() + 1
            Closing.objects.create(room=room, rights=number, created=START + timedelta(seconds=seconds))
            return f"c{room.pk}.{number}"

        return close

    @staticmethod
    def run(watcher: Relay, first: float, last: float) -> None:
        for quarter in range(int(first * 4), int(last * 4)):
            watcher.step(START + timedelta(seconds=quarter / 4))

    def test_a_close_is_repeated_every_second_for_a_minute(self, proxy: RecordingProxy, close: Any) -> None:
        channel = close(0)
        watcher = Relay(proxy, START)
        self.run(watcher, 0, 1)
        assert closed(proxy) == [channel]
        self.run(watcher, 1, 200)
        assert closed(proxy) == [channel] * 60
        assert all("id" not in item for items in proxy.delivered for item in items)

    def test_a_proxy_that_was_away_is_told_for_a_minute_when_it_is_back(
        self, proxy: RecordingProxy, close: Any
    ) -> None:
        channel = close(0)
        watcher = Relay(proxy, START)
        proxy.up = False
        self.run(watcher, 0, 300)
        proxy.up = True
        self.run(watcher, 300, 301)
        assert closed(proxy) == [channel]
        self.run(watcher, 301, 500)
        assert closed(proxy) == [channel] * 60

    def test_a_relay_that_starts_looks_ten_minutes_back(self, proxy: RecordingProxy, close: Any) -> None:
        close(-601)
        channel = close(-599)
        self.run(Relay(proxy, START), 0, 0.5)
        assert closed(proxy) == [channel]

    def test_proxies_are_told_each_for_itself(self, close: Any) -> None:
        near, far = RecordingProxy(), RecordingProxy()
        far.up = False
        channel = close(0)
        watchers = [Relay(near, START), Relay(far, START)]
        for watcher in watchers:
            self.run(watcher, 0, 70)
        far.up = True
        for watcher in watchers:
            self.run(watcher, 70, 75)
        assert (len(closed(near)), closed(far)) == (60, [channel] * 5)

    def test_two_within_a_minute_are_repeated_beside_each_other(self, proxy: RecordingProxy, close: Any) -> None:
        watcher = Relay(proxy, START)
        channels = [close(0), close(20)]
        self.run(watcher, 0, 200)
        assert sorted(set(closed(proxy))) == channels
        assert len(closed(proxy)) == 120

    def test_many_go_out_in_batches_and_those_that_were_not_taken_first(
        self, proxy: RecordingProxy, close: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relay, "CLOSE_BATCH", 2)
        channels = [close(0) for _ in range(5)]
        watcher = Relay(proxy, START)
        deliver, taken = proxy.deliver, iter([True, False])
        monkeypatch.setattr(proxy, "deliver", lambda items: next(taken, True) and deliver(items))
        self.run(watcher, 0, 1)
        assert closed(proxy) == channels[:2]
        self.run(watcher, 1, 2)
        assert closed(proxy)[2:] == channels[2:] + channels[:2]
        assert [len(items) for items in proxy.delivered] == [2, 2, 2, 1]

    def test_what_is_remembered_does_not_grow(self, proxy: RecordingProxy, close: Any) -> None:
        watcher = Relay(proxy, START)
        for seconds in range(0, 1300, 100):
            close(seconds)
            self.run(watcher, seconds, seconds + 1)
        assert len(watcher._taken) == 6


@pytest.mark.parametrize("error", [OperationalError("gone"), KeyError("a bug")])
def test_it_goes_on_after_an_error(
    proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    outcomes = iter([error, 0, SystemExit])

    def step(self: Relay, now: datetime) -> int:
        outcome = next(outcomes)
        if outcome == 0:
            return 0
        raise outcome

    monkeypatch.setattr(Relay, "step", step)
    monkeypatch.setattr(relay, "PAUSE", 0)
    with pytest.raises(SystemExit):
        relay._forever(lambda entry: proxy, {})
    assert len(caplog.records) == 1
