"""What Pushpin asks by itself: the next batch, and what a hold missed."""

from typing import Any

import pytest
from django.conf import settings as project
from django.core import signing
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat import eventlog
from chat.models import Event, Room, User
from chat.stream import feeds, sse
from tests.unit.conftest import grip_headers, sign_in
from tests.unit.streams import holds, ids, link, log, no_grip, parse, recover, sealed, types

pytestmark = pytest.mark.django_db


class TestBatches:
    def test_a_long_catch_up_comes_in_batches_without_hold_until_the_last(self, reader: Client, make_room: Any) -> None:
        log(make_room(last_event_at=timezone.now()), 250)
        response = reader.get("/rooms/den/events/", headers={"Last-Event-ID": "earliest"})
        seen, sizes = ids(response), [len(ids(response))]
        while "Grip-Hold" not in response.headers:
            path, timeout = link(response)
            assert timeout is None
            response = reader.get(path)
            seen += ids(response)
            sizes.append(len(ids(response)))
            assert "stream-open" not in types(response)
        assert sizes == [100, 100, 50]
        assert seen == [f"room-den:{n}" for n in range(1, 251)]
        assert link(response) == ("/recover/", 25)

    @pytest.mark.parametrize(("count", "more"), [(99, False), (100, False), (101, True)])
    def test_a_batch_holds_a_hundred(self, reader: Client, make_room: Any, count: int, more: bool) -> None:
        log(make_room(), count)
        response = reader.get("/rooms/den/events/", headers={"Last-Event-ID": "earliest"})
        assert (len(ids(response)), "Grip-Hold" not in response.headers) == (min(count, 100), more)

    def test_batches_of_several_rooms_lose_nothing_and_keep_every_room_in_order(
        self, reader: Client, make_room: Any
    ) -> None:
        for name in ("a", "b", "c"):
            log(make_room(name), 70)
        url = "/events/?channel=room-a&channel=room-b&channel=room-c&channel=room-new"
        response = reader.get(url, headers={"Last-Event-ID": "earliest"})
        seen = ids(response)
        while "Grip-Hold" not in response.headers:
            response = reader.get(link(response)[0])
            seen += ids(response)
        assert [token.split(",")[0] for token in seen] == [f"room-{r}:{n}" for r in "abc" for n in range(1, 71)]
        assert len(holds(response)) == 8

    def test_the_link_to_a_batch_works_for_the_proxy_alone_and_only_as_it_was_made(
        self, reader: Client, curl: Client, make_room: Any
    ) -> None:
        room = log(make_room(visibility="private", members=()), 101)
        path = f"/recover/{sse._signer().sign(sealed(f'r{room.pk}.1=0'))}/"
        assert len(ids(reader.get(path))) == 100
        assert curl.get(path).status_code == 404
        for forged in (path.replace("=0", "=1"), f"/recover/r{room.pk}.1=0/", "/recover/x/", "/recover/::/"):
            response = reader.get(forged)
            assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
        other = signing.Signer(salt="another").sign(sealed(f"r{room.pk}.1=0"))
        assert reader.get(f"/recover/{other}/").status_code == 404


class TestRecovery:
    def test_it_sends_what_was_missed_and_holds_again_from_the_newest(self, make_room: Any) -> None:
        room = log(make_room(), 5)
        response = recover(room, 3)
        assert types(response) == ["message", "message"]
        assert ids(response) == ["room-den:4", "room-den:5"]
        assert holds(response) == {sealed(f"r{room.pk}.1"): "5", f"c{room.pk}.1": None}

    def test_it_says_nothing_when_nothing_was_missed(self, make_room: Any) -> None:
        room = log(make_room(), 5)
        response = recover(room, 5)
        assert (response.content, response["Last-Event-ID"]) == (b"", "room-den:5")

    def test_only_the_proxy_and_only_with_positions_may_follow_it(self, curl: Client, make_room: Any) -> None:
        room = log(make_room(), 1)
        last = {"Grip-Last": sealed(f"r{room.pk}.1; last-id=0")}
        for headers in ({}, last, last | {"Grip-Sig": "forged"}, grip_headers()):
            response = curl.get("/recover/", headers=headers)
            assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
            assert no_grip(response)

    @pytest.mark.parametrize(
        "forged",
        [
            "{family}{pk}.1",
            "{family}{pk}.1.",
            "{family}{pk}.1.AAAAAAAA",
            "{family}{pk}.1.{other}",
            "{family}{pk}.1.{earlier}",
            "{family}{pk}.1.{long_poll}",
            "{family}{pk}.1.{seal}x",
            "{family}{pk}.1.{cut}",
            "{family}{pk}.1.{swapped}",
            "{family}0{pk}.1.{seal}",
            "{family}{pk}.01.{seal}",
            "{long_poll_name}",
            "c{pk}.1",
            "c{pk}.1.{seal}",
            "a.{name}",
        ],
    )
    def test_a_channel_is_not_made_up_by_who_has_a_signature(self, make_room: Any, forged: str) -> None:
        room, other = log(make_room("den", visibility="private"), 2), log(make_room("other"), 2)

        def seal(pk: int, rights: int, family: str = "r") -> str:
            return sealed(f"{family}{pk}.{rights}").rpartition(".")[2]

        own = seal(room.pk, 1)
        name = forged.format(
            family="r",
            pk=room.pk,
            name=room.name_key,
            seal=own,
            cut=own[:-1],
            swapped=own.swapcase(),
            other=seal(other.pk, 1),
            earlier=seal(room.pk, 2),
            long_poll=seal(room.pk, 1, "p"),
            long_poll_name=sealed(f"p{room.pk}.2"),
        )
        response = recover(name, 0)
        assert response.content == b""
        assert no_grip(response)

    def test_a_seal_is_of_one_key(self, make_room: Any, settings: Any) -> None:
        room = log(make_room(), 1)
        name = sealed(f"r{room.pk}.1")
        assert ids(recover(name, 0)) == ["room-den:1"]
        settings.GRIP_KEY = "another key that is long enough for anybody"
        assert sealed(f"r{room.pk}.1") != name

    def test_it_does_not_depend_on_who_asks(self, people: dict[str, User], make_room: Any) -> None:
        room = log(make_room(visibility="private", members=(people["bob"],)), 1)
        bob, nobody = recover(room, 0, client=sign_in(people["bob"])), recover(room, 0)
        assert bob.content == nobody.content
        assert ids(bob) == ["room-den:1"]

    def test_a_right_taken_away_ends_the_stream_without_an_event(self, make_room: Any) -> None:
        room, other = log(make_room(), 2), log(make_room("other"), 2)
        Room.objects.filter(pk=room.pk).update(rights=2)
        for response in (recover(room, 0), recover(room, 0, other, 0), recover("r999.1", 0), recover("nonsense", 0)):
            assert (response.status_code, response.content) == (200, b"")
            assert no_grip(response)

    def test_a_deleted_room_ends_the_stream(self, make_room: Any) -> None:
        room = log(make_room(deleted_at=timezone.now()), 2)
        assert no_grip(recover(room, 0))

    def test_several_rooms_go_on_as_several(self, make_room: Any) -> None:
        a, b = log(make_room("a"), 2), log(make_room("b"), 2)
        response = recover(a, 1, b, 2)
        assert ids(response) == ["room-a:2,room-a:2,room-b:2"]
        assert holds(response) == {
            sealed(f"m{a.pk}.1"): "2",
            f"c{a.pk}.1": None,
            sealed(f"m{b.pk}.1"): "2",
            f"c{b.pk}.1": None,
        }

    def test_who_waited_for_a_room_gets_it_from_its_first_event(self, make_room: Any) -> None:
        assert holds(recover("a.den", 0)) == holds(recover("n.den", 0)) == {"a.den": "0", "n.den": None}
        room = log(make_room("Den"), 2)
        response = recover("a.den", 0)
        assert ids(response) == ["room-Den:1", "room-Den:2"]
        assert holds(response) == {sealed(f"r{room.pk}.1"): "2", f"c{room.pk}.1": None}

    @pytest.mark.parametrize(
        "fields", [{"visibility": "private"}, {"visibility": "staff"}, {"deleted_at": "2026-01-01T00:00Z"}]
    )
    def test_who_waited_for_a_room_that_is_not_open_is_let_go(self, make_room: Any, fields: dict[str, Any]) -> None:
        log(make_room(**fields), 2)
        assert no_grip(recover("a.den", 0))

    @pytest.mark.parametrize("last", ["0", "9", "", "x", "9" * 30])
    def test_a_position_that_is_not_retained_is_a_reset_or_the_end(self, make_room: Any, last: str) -> None:
        room = log(make_room(counter=3, pruned_through=3), 2)
        response = recover(room, last)
        if last.isdigit():
            assert types(response) == ["stream-reset"]
            assert parse(response)[0]["id"] == "room-den:5"
        else:
            assert no_grip(response)

    def test_what_was_pruned_between_the_two_reads_is_a_reset_and_no_gap(
        self, make_room: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = log(make_room(), 5)
        read = eventlog.read_after

        def prune_first(*args: Any) -> list[Event]:
            Event.objects.filter(eid__lte=3).delete()
            return read(*args)

        monkeypatch.setattr(eventlog, "read_after", prune_first)
        response = recover(room, 1)
        assert types(response) == ["stream-reset", "message", "message"]
        assert parse(response)[0]["id"] == "room-den:3"


class TestStatements:
    def test_a_resume_of_one_room_takes_two_and_of_a_private_one_four(
        self,
        reader: Client,
        people: dict[str, User],
        make_room: Any,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        log(make_room(visibility="private", members=(people["bob"],)), 3)
        log(make_room("open"), 3)
        bob = sign_in(people["bob"], proxied=True)
        with django_assert_num_queries(2):
            reader.get("/rooms/open/events/", headers={"Last-Event-ID": "room-open:1"})
        with django_assert_num_queries(4):
            assert len(ids(bob.get("/rooms/den/events/", headers={"Last-Event-ID": "room-den:1"}))) == 2

    def test_a_resume_of_fifty_rooms_signed_in_takes_three_and_is_exact(
        self, people: dict[str, User], make_room: Any, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        rooms = [log(make_room(f"r{n:02}"), 2) for n in range(feeds.ROOMS_MAX)]
        query = "&".join(f"channel=room-{room.name}" for room in rooms)
        bob = sign_in(people["bob"], proxied=True)
        with django_assert_num_queries(3):
            response = bob.get(f"/events/?{query}&lastEventId=earliest")
        assert len(ids(response)) == 100
        assert len(holds(response)) == 100

    def test_a_recovery_takes_two(self, make_room: Any, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        a, b = log(make_room("a"), 3), log(make_room("b"), 3)
        with django_assert_num_queries(2):
            recover(a, 0)
        with django_assert_num_queries(2):
            recover(a, 0, b, 0)


def test_links_and_channels_need_no_quoting() -> None:
    signed = sse._signer().sign(",".join(sealed(f"m{10**17}.{10**8}={2**63}") for _ in range(50)))
    assert len(f"/recover/{signed}/") < 4096
    assert project.GRIP_PROXY_REQUIRED
