"""The log: positions, pruning, and the storage interface as django-eventstream uses it."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_eventstream import get_current_event_id
from django_eventstream.storage import EventDoesNotExist
from django_eventstream.utils import get_channelmanager, get_storage
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from chat import eventlog
from chat.models import Event, Message, Room
from tests.unit.conftest import RecordingProxy

ROOM_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,63}", fullmatch=True)


@given(st.dictionaries(ROOM_NAMES.map(str.lower), st.integers(0, 10**18 - 1), min_size=1, max_size=12))
def test_positions_survive_the_wire(positions: dict[str, int]) -> None:
    token = ",".join(eventlog.token(name, eid) for name, eid in positions.items())
    assert eventlog.parse_token(token) == positions


@given(st.text(max_size=40))
def test_any_text_is_a_token_or_a_value_error(text: str) -> None:
    try:
        positions = eventlog.parse_token(text)
    except ValueError:
        return
    assert all(isinstance(number, int) and number <= eventlog.MAX_ID for number in positions.values())


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_encoded_data_is_one_line_without_percent_and_the_same_data(data: dict[str, Any]) -> None:
    import json

    text = eventlog.encode(data)
    assert json.loads(text) == data
    assert not set(text) & set("%\r\n\0")


def fill(room: Room, ages: list[float]) -> None:
    """Events of these ages in hours, oldest first."""
    now = timezone.now()
    Event.objects.bulk_create(
        Event(room=room, eid=eid, type="message", data="{}", created=now - timedelta(hours=age))
        for eid, age in enumerate(ages, room.counter + 1)
    )
    Room.objects.filter(pk=room.pk).update(counter=room.counter + len(ages))


@pytest.mark.django_db
class TestPrune:
    def test_it_removes_what_is_old_in_batches_and_marks_how_far(
        self, make_room: Any, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        room, young = make_room(), make_room("young")
        fill(room, [30] * 25 + [1] * 3)
        fill(young, [1])
        with django_assert_max_num_queries(20):
            assert eventlog.prune(timezone.now() - timedelta(hours=24), batch=10) == 25
        for wanted, name in (((25, 28), "den"), ((0, 1), "young")):
            assert Room.objects.filter(name=name).values_list("pruned_through", "counter")[0] == wanted
        assert list(Event.objects.filter(room=room).values_list("eid", flat=True)) == [26, 27, 28]
        assert eventlog.prune(timezone.now() - timedelta(hours=24)) == 0

    def test_the_mark_comes_before_the_removal(self, make_room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(make_room(), [30, 30])

        def fail(*args: Any, **kwargs: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("django.db.models.query.QuerySet.delete", fail)
        with pytest.raises(ZeroDivisionError):
            eventlog.prune(timezone.now())
        assert Room.objects.get().pruned_through == 2

    def test_it_leaves_no_hole_when_the_clock_went_back(self, make_room: Any) -> None:
        fill(make_room(), [1, 30, 1])
        assert eventlog.prune(timezone.now() - timedelta(hours=24)) == 2
        assert Event.objects.get().eid == 3

    def test_the_command_keeps_messages_and_says_how_many_events_went(
        self, make_room: Any, settings: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.RETENTION_HOURS = 2
        room = make_room()
        fill(room, [3, 1])
        Message.objects.create(room=room, eid=1, name="ann", text="hi", poster="n:ann")
        call_command("prune")
        assert capsys.readouterr().out == "1 events removed, 0 guests removed, 0 visitors' rooms emptied\n"
        assert (Event.objects.count(), Message.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_after_a_restore_no_old_token_is_valid(make_room: Any) -> None:
    room = make_room(counter=7, rights=3)
    assert eventlog.is_retained(room, 7)
    assert eventlog.jump() == 1
    room.refresh_from_db()
    assert not any(eventlog.is_retained(room, number) for number in (0, 7, 8, 2**32))
    assert eventlog.is_retained(room, room.counter)
    assert 2**40 < room.counter < 2**45  # far from all before, and far from what a browser can't count exactly
    assert room.rights > 10**6


@pytest.mark.django_db
def test_the_same_backup_put_back_twice_hands_out_other_ids(make_room: Any) -> None:
    room = make_room(counter=7)
    eventlog.jump()
    room.refresh_from_db()
    seen = room.counter
    Room.objects.update(counter=7, pruned_through=0)
    time.sleep(0.005)
    eventlog.jump()
    room.refresh_from_db()
    assert not eventlog.is_retained(room, seen)
    assert room.counter > seen


@pytest.mark.django_db
def test_after_a_restore_no_new_room_has_the_row_id_of_one_that_is_lost(make_room: Any) -> None:
    old = make_room("old")
    eventlog.jump()
    assert make_room("new").pk > old.pk + 1000


@pytest.mark.django_db
def test_restored_closes_all_streams_and_says_whom_it_told(
    make_room: Any, proxy: RecordingProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    make_room()
    call_command("restored")
    assert capsys.readouterr().out == "1 rooms start anew; streams closed on 1 of 1 proxies\n"
    [[item]] = proxy.delivered
    assert item["channel"] == "all"
    assert {name: form["action"] for name, form in item["formats"].items()} == {
        "http-stream": "close",
        "http-response": "hint",
        "ws-message": "close",
    }
    proxy.up = False
    call_command("restored")
    assert capsys.readouterr().out == "1 rooms start anew; streams closed on 0 of 1 proxies\n"


@pytest.mark.django_db
class TestStorage:
    """Asked through django-eventstream's own functions."""

    def test_it_appends_and_reads_after_a_position(self, make_room: Any) -> None:
        make_room("Den")
        storage = get_storage()
        assert [storage.append_event("room-den", "message", {"n": n}).id for n in (1, 2, 3)] == [1, 2, 3]
        events = storage.get_events("room-Den", 1, limit=1)
        assert [(event.channel, event.type, event.data, event.id) for event in events] == [
            ("room-Den", "message", {"n": 2}, 2)
        ]
        assert storage.get_events("room-den", 3) == []

    def test_it_says_which_positions_are_gone_and_where_to_go_on(self, make_room: Any) -> None:
        make_room(counter=5, pruned_through=3)
        for position in (2, 6, -1, 2**70):
            with pytest.raises(EventDoesNotExist) as caught:
                get_storage().get_events("room-den", position)
            assert caught.value.current_id == 5
        with pytest.raises(EventDoesNotExist) as caught:
            get_storage().get_events("room-none", 1)
        assert caught.value.current_id == 0

    def test_it_names_the_current_id(self, make_room: Any) -> None:
        make_room(counter=5)
        assert get_current_event_id(["room-den", "room-none"]) == "room-den:5,room-none:0"

    @pytest.mark.parametrize("fields", [None, {"deleted_at": "2026-01-01T00:00Z"}])
    def test_it_appends_to_no_room_that_is_not_there(self, make_room: Any, fields: dict[str, Any] | None) -> None:
        if fields:
            make_room(**fields)
        with pytest.raises(ValueError, match="there is no room"):
            get_storage().append_event("room-den", "message", {})

    def test_the_channel_manager_lets_nobody_past_the_rules(self, rf: Any) -> None:
        manager = get_channelmanager()
        assert manager.get_channels_for_request(rf.get("/?channel=room-a&channel=room-b"), {}) == {"room-a", "room-b"}
        assert not manager.can_read_channel(None, "room-a")
        assert manager.is_channel_reliable("room-a")
