"""The events endpoint: positions, refusals and holds, read as Pushpin reads them."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Room, User
from tests.unit.conftest import sign_in
from tests.unit.streams import holds, ids, link, log, no_grip, parse, recover, sealed, types

pytestmark = pytest.mark.django_db
SSE = {"Accept": "text/event-stream"}


class TestTokens:
    @pytest.fixture(autouse=True)
    def den(self, make_room: Any) -> Room:
        """Six events, of which the first two were pruned."""
        return log(make_room("Den", counter=2, pruned_through=2), 4)

    @pytest.mark.parametrize("url", ["/rooms/Den/events/", "/rooms/den/events/", "/events/?channel=room-DEN"])
    @pytest.mark.parametrize(
        ("token", "first"),
        [
            ("room-Den:4", 5),
            ("room-den:4", 5),
            ("room-Den:2", 3),
            ("room-Den:6", None),
            ("room-Den:6,room-Den:4", None),
            ("room-Den:4,room-other:99", 5),
            ("earliest", 3),
            ("", None),
            ("room-other:1", None),
        ],
    )
    def test_a_stream_goes_on_after_its_token(self, reader: Client, url: str, token: str, first: int | None) -> None:
        response = reader.get(url, headers={"Last-Event-ID": token})
        wanted = [f"room-Den:{n}" for n in range(first or 7, 7)]
        assert types(response) == ["stream-open", *["message"] * len(wanted)]
        assert ids(response) == wanted
        assert response["Last-Event-ID"] == parse(response)[0]["id"] == f"room-Den:{(first or 7) - 1}"
        assert next(iter(holds(response).values())) == "6"

    @pytest.mark.parametrize(
        ("query", "headers", "first"),
        [
            ("lastEventId=room-Den:4", {}, 5),
            ("last_event_id=room-Den:4", {}, 5),
            ("lastEventId=earliest", {}, 3),
            ("lastEventId=room-Den:3&lastEventId=room-Den:5", {}, 6),
            ("lastEventId=&last_event_id=room-Den:5", {}, 6),
            ("lastEventId=room-Den:3", {"Last-Event-ID": "room-Den:5"}, 6),
            ("lastEventId=room-Den:3", {"Last-Event-ID": ""}, 4),
        ],
    )
    def test_the_token_comes_by_header_first_and_by_query(
        self, reader: Client, query: str, headers: dict[str, str], first: int
    ) -> None:
        response = reader.get(f"/rooms/Den/events/?{query}", headers=headers)
        assert ids(response)[0] == f"room-Den:{first}"

    @pytest.mark.parametrize("number", ["1", "0", "7", "-1", "-0001", str(2**63 - 1), str(2**63), "9" * 4000])
    def test_a_position_that_is_not_retained_is_a_reset_to_the_newest(self, reader: Client, number: str) -> None:
        response = reader.get("/rooms/Den/events/", headers={"Last-Event-ID": f"room-Den:{number}", **SSE})
        opened, reset = parse(response)
        assert (opened["event"], reset["event"]) == ("stream-open", "stream-reset")
        assert reset["id"] == opened["id"] == response["Last-Event-ID"] == "room-Den:6"
        assert json.loads(reset["data"]) == {"channels": ["room-Den"]}
        assert next(iter(holds(response).values())) == "6"

    @pytest.mark.parametrize(
        "token",
        ["garbage", "room-Den", "room-Den:", "room-Den:x", "room-Den:1.5", "Den:4", ":4", ",", "4"]
        + ["room-Den:4,garbage", "room-Den:--4", "room-Den:٤", "room-Den:+4", "@x.1.y", "x@1.2", "latest"],
    )
    def test_a_malformed_token_is_refused(self, reader: Client, token: str) -> None:
        url, query = "/rooms/Den/events/", {"lastEventId": token}
        response = reader.get(url, query, headers=SSE)
        assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
        [error] = parse(response)
        assert (error["event"], error["id"]) == ("stream-error", "error")
        data = json.loads(error["data"])
        assert (data["condition"], data["code"], data["status"]) == ("bad-request", "TOKEN_INVALID", 400)
        assert no_grip(response)
        problem = reader.get(url, query)
        assert (problem.status_code, problem["Content-Type"]) == (400, "application/problem+json")
        assert problem.json()["code"] == "TOKEN_INVALID"

    def test_an_eventsource_that_was_refused_and_comes_back_is_stopped_by_a_status(self, reader: Client) -> None:
        response = reader.get("/rooms/Den/events/", headers={"Last-Event-ID": "error", **SSE})
        assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


class TestRefusals:
    def test_a_request_past_the_proxy_is_not_implemented(self, curl: Client, make_room: Any) -> None:
        make_room()
        forged = {"Grip-Sig": "x.y.z"}
        for headers in ({}, SSE, forged, forged | SSE):
            for url in ("/rooms/den/events/", "/events/?channel=room-den"):
                response = curl.get(url, headers=headers)
                assert (response.status_code, response.json()["code"]) == (501, "PROXY_REQUIRED")
                assert no_grip(response)

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("", "CHANNEL_INVALID"),
            ("channel=", "CHANNEL_INVALID"),
            ("channel=den", "CHANNEL_INVALID"),
            ("channel=room-den&channel=x", "CHANNEL_INVALID"),
            ("&".join(f"channel=room-r{n}" for n in range(51)), "CHANNEL_INVALID"),
            ("channel=room-", "ROOM_INVALID"),
            ("channel=room-a%07", "ROOM_INVALID"),
            ("channel=room-x-none", "ROOM_INVALID"),
        ],
    )
    def test_channels_that_cant_be_are_refused(self, reader: Client, query: str, code: str) -> None:
        assert reader.get(f"/events/?{query}").json()["code"] == code
        assert json.loads(parse(reader.get(f"/events/?{query}", headers=SSE))[0]["data"])["code"] == code

    @pytest.mark.parametrize(
        ("fields", "who", "condition"),
        [
            ({"visibility": "private"}, "", "item-not-found"),
            ({"visibility": "private"}, "charlie", "item-not-found"),
            ({"visibility": "private"}, "bob", None),
            ({"visibility": "staff"}, "", "forbidden"),
            ({"visibility": "staff"}, "bob", "forbidden"),
            ({"visibility": "staff"}, "sam", None),
            ({"deleted_at": "2026-01-01T00:00Z"}, "sam", "item-not-found"),
            ({"archived_at": "2026-01-01T00:00Z"}, "", None),
        ],
    )
    def test_who_may_not_read_gets_an_error_and_no_hold(
        self,
        reader: Client,
        people: dict[str, User],
        make_room: Any,
        fields: dict[str, str],
        who: str,
        condition: str | None,
    ) -> None:
        log(make_room(members=(people["bob"],), **fields), 1)
        make_room("open")
        client = sign_in(people[who], proxied=True) if who else reader
        for url in ("/rooms/den/events/?x=1", "/events/?channel=room-open&channel=room-den"):
            response = client.get(f"{url}&lastEventId=earliest", headers=SSE)
            if condition is None:
                assert "message" in types(response)
                assert holds(response)
            else:
                assert types(response) == ["stream-error"]
                assert json.loads(parse(response)[0]["data"])["condition"] == condition
                assert no_grip(response)

    @pytest.mark.parametrize(
        ("accept", "status"),
        [("", 200), ("*/*", 200), ("text/*", 200), ("text/event-stream;q=0.9", 200), ("image/png", 406)],
    )
    def test_accept_decides_whether_a_stream_will_do(
        self, reader: Client, make_room: Any, accept: str, status: int
    ) -> None:
        make_room()
        assert reader.get("/rooms/den/events/", headers={"Accept": accept}).status_code == status


class TestHolds:
    def test_a_stream_of_one_room_holds_its_channel_and_its_control_channel(
        self, reader: Client, make_room: Any
    ) -> None:
        room = log(make_room(rights=3), 2)
        response = reader.get("/rooms/den/events/", headers=SSE)
        assert holds(response) == {sealed(f"r{room.pk}.3"): "2", f"c{room.pk}.3": None}
        assert "build-id" not in response["Grip-Channel"]
        assert "Grip-Set-Meta" not in response.headers
        assert response["Grip-Keep-Alive"] == r"event: keep-alive\ndata:\n\n; format=cstring; timeout=20"
        assert response["Content-Type"] == "text/event-stream"
        assert response["Cache-Control"] == "no-cache, no-store"
        assert response["X-Accel-Buffering"] == "no"
        assert re.match(r"retry: [123]\d{3}\nevent: stream-open\nid: room-den:2\ndata: \n\n\Z", response.text)

    def test_a_room_that_does_not_exist_yet_is_waited_for_and_no_get_makes_it(self, reader: Client) -> None:
        for url in ("/rooms/New/events/", "/events/?channel=room-New"):
            response = reader.get(url, headers=SSE)
            assert holds(response) == {"a.new": "0", "n.new": None}
            assert response["Last-Event-ID"] == "room-New:0"
        assert not Room.objects.exists()

    def test_several_rooms_hold_all_their_channels_and_name_all_positions(self, reader: Client, make_room: Any) -> None:
        b, a = log(make_room("b"), 2), log(make_room("A"), 1)
        response = reader.get("/events/?channel=room-b&channel=room-A&channel=room-new&channel=room-B", headers=SSE)
        assert holds(response) == {
            sealed(f"m{a.pk}.1"): "1",
            f"c{a.pk}.1": None,
            sealed(f"m{b.pk}.1"): "2",
            f"c{b.pk}.1": None,
            "a.new": "0",
            "n.new": None,
        }
        assert response["Grip-Channel"].count("filter=build-id") == 3
        assert response["Last-Event-ID"] == "room-A:1,room-b:2,room-new:0"
        wanted = sealed(f"room-A:%(m{a.pk}.1)s,room-b:%(m{b.pk}.1)s,room-new:%(a.new)s")
        assert response["Grip-Set-Meta"] == f'id_format="{wanted}"'

    def test_events_of_several_rooms_come_in_each_rooms_order_with_all_positions(
        self, reader: Client, make_room: Any
    ) -> None:
        log(make_room("a"), 2)
        log(make_room("b"), 1)
        url = "/events/?channel=room-a&channel=room-b"
        response = reader.get(url, headers={"Last-Event-ID": "room-a:0,room-b:0"})
        assert ids(response) == [
            "room-a:1,room-a:1,room-b:0",
            "room-a:2,room-a:2,room-b:0",
            "room-b:1,room-a:2,room-b:1",
        ]
        assert ids(reader.get(url, headers={"Last-Event-ID": ids(response)[0]})) == ids(response)[1:]

    def test_above_ten_rooms_the_id_is_short_and_resumes_the_same_rooms_only(
        self, reader: Client, make_room: Any
    ) -> None:
        rooms = [log(make_room(f"r{n:02}"), 2) for n in range(12)]
        query = "&".join(f"channel=room-{room.name}" for room in rooms[:11])
        first = reader.get(f"/events/?{query}", headers={"Last-Event-ID": "earliest"})
        assert len(ids(first)) == 22
        assert re.fullmatch(r"room-r00:1,@[0-9a-f]+\.1(\.0){10}", ids(first)[0])
        channel = re.escape(sealed(f"m{rooms[0].pk}.1"))
        assert re.search(rf'id_format="@[0-9a-f]+\.%\({channel}\)s\.', first["Grip-Set-Meta"])
        for position, token in enumerate(ids(first)):
            assert ids(reader.get(f"/events/?{query}", headers={"Last-Event-ID": token})) == ids(first)[position + 1 :]
        opened = parse(first)[0]["id"]
        assert len(ids(reader.get(f"/events/?{query}", headers={"Last-Event-ID": opened}))) == 22

        for others in (f"{query}&channel=room-r11", "&".join(query.split("&")[1:]), query.replace("r00", "r11")):
            response = reader.get(f"/events/?{others}", headers={"Last-Event-ID": ids(first)[5]})
            assert types(response) == ["stream-open", "stream-reset"]

    def test_a_reset_of_one_room_spares_the_others(self, reader: Client, make_room: Any) -> None:
        log(make_room("a"), 2)
        log(make_room("b", counter=5, pruned_through=5), 1)
        response = reader.get("/events/?channel=room-a&channel=room-b", headers={"Last-Event-ID": "room-a:1,room-b:2"})
        assert types(response) == ["stream-open", "stream-reset", "message"]
        assert json.loads(parse(response)[1]["data"]) == {"channels": ["room-b"]}
        assert parse(response)[1]["id"] == "room-a:1,room-b:6"

    @pytest.mark.parametrize(("seconds", "opening", "timeout"), [(10, True, 25), (500, True, 25), (10, False, 25)])
    def test_a_new_or_busy_hold_is_looked_after_often(
        self, reader: Client, make_room: Any, seconds: int, opening: bool, timeout: int
    ) -> None:
        room = make_room(last_event_at=timezone.now() - timedelta(seconds=seconds))
        response = reader.get("/rooms/den/events/") if opening else recover(room, 0)
        assert link(response) == ("/recover/", timeout)

    @pytest.mark.parametrize("last", [None, timedelta(seconds=61)])
    def test_a_recovered_hold_of_an_idle_room_rarely(self, make_room: Any, last: timedelta | None) -> None:
        room = make_room(last_event_at=last and timezone.now() - last)
        times = {link(recover(room, 0)) for _ in range(100)}
        assert times <= {("/recover/", seconds) for seconds in range(180, 420, 20)}
        assert len(times) > 4  # spread, so that not all idle readers ask in the same minute
