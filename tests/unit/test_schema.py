"""docs/events.schema.json: everything that the code sends fits it, and so do the examples in docs/protocol.md."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator

from chat import actions, publish
from chat.api.schemas import MessageOut, RoomOut
from chat.models import Room, User
from chat.problems import STATUS, Problem, problem_response
from chat.stream import sse
from tests.unit.conftest import sign_in
from tests.unit.test_docs import ROOT
from tests.unit.test_websocket import Socket

pytestmark = pytest.mark.django_db
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "events.schema.json").read_text())
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
JSON = {"Accept": "application/json", "Prefer": "wait=5"}
ROOM_NAMES = [f"many{number}" for number in range(12)]


def strict(schema: Any) -> Any:
    """`schema` without the fields it doesn't name: clients read over those, but ours must be documented."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: part if key in ("if", "else") else strict(part) for key, part in schema.items()}
    if schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


def errors_of(kind: str, value: Any) -> list[str]:
    """What of `value` doesn't fit the definition `kind`."""
    schema = strict(copy.deepcopy(SCHEMA)) | {"anyOf": [{"$ref": f"#/$defs/{kind}"}]}
    return [f"{error.json_path}: {error.message[:400]}" for error in Draft202012Validator(schema).iter_errors(value)]


def check(kind: str, *values: Any) -> None:
    """Fail unless each of `values` fits the definition `kind`, and there is one at all."""
    assert values
    for value in values:
        assert errors_of(kind, value) == [], value


def stream_events(text: str) -> list[dict[str, Any]]:
    """The events of a stream as the schema describes them: names, ids and decoded data."""
    found = []
    for block in text.strip("\n").split("\n\n"):
        lines = (line.partition(":") for line in block.split("\n"))
        fields = {name: value.removeprefix(" ") for name, _, value in lines}
        fields.pop("retry", None)
        data = fields.pop("data")
        found.append({**fields, "data": json.loads(data) if data else ""})
    return found


def streamed(response: Any) -> dict[str, list[dict[str, Any]]]:
    """The events of a response by their name, all checked."""
    events = stream_events(response.text)
    check("stream-event", *events)
    by_name: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_name.setdefault(event["event"], []).append(event)
    return by_name


def formats_of(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was published, by the first letter of the channel."""
    return {item["channel"][0]: item["formats"] for item in items}


def notices(room: Room, kind: str) -> list[str]:
    """What is published of who comes and goes, as one kind of hold gets it."""
    somebody = {"room": room.name, "name": "Ann “%”", "username": "ann"}
    data = {"enter": somebody, "leave": somebody, "presence": {"room": room.name, "count": 2}}
    items = [publish.notice_items(room, name, fields)[0] for name, fields in data.items()]
    return [json.loads(item)["formats"][kind]["content"] for item in items]


@pytest.fixture
def say(curl: Client, django_capture_on_commit_callbacks: Any) -> Callable[[str], None]:
    """Posts a message in the room den, and publishes it as after a commit."""

    def post(text: str) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            assert curl.post("/rooms/den/messages/", {"from": "ann", "text": text}).status_code == 201

    return post


@pytest.fixture(autouse=True)
def den(say: Callable[[str], None]) -> Room:
    """A room with two messages, one of them with all that could need care."""
    say("one")
    say("100 % “two”\n\tthree\u2028 🎈")
    return Room.objects.get(name="den")


def test_it_is_a_schema_and_names_each_event_that_the_documentation_names() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    named = {re.sub(r"[^a-z-]", "", name) for name in re.findall(r"^### (.+)$", PROTOCOL, re.M)}
    kinds = {part["properties"]["event"]["const"] for part in SCHEMA["$defs"]["stream-event"]["oneOf"]}
    assert kinds <= named


class TestStreams:
    def test_events_of_one_room(self, reader: Client) -> None:
        assert len(streamed(reader.get("/rooms/den/events/?lastEventId=earliest"))["message"]) == 2
        assert list(streamed(reader.get("/rooms/den/events/"))) == ["stream-open"]
        assert list(streamed(reader.get("/rooms/nobody-was-here/events/"))) == ["stream-open"]
        assert streamed(reader.get("/rooms/den/events/?lastEventId=room-den:9"))["stream-reset"]

    def test_events_of_several_rooms_with_long_and_short_ids(self, reader: Client) -> None:
        several = "/events/?channel=room-den&channel=room-b&lastEventId="
        assert streamed(reader.get(several + "earliest"))["message"]
        assert streamed(reader.get(several + "room-den:9"))["stream-reset"]
        many = "&".join(f"channel=room-{name}" for name in ROOM_NAMES)
        short = streamed(reader.get(f"/events/?channel=room-den&{many}&lastEventId=earliest"))["message"]
        assert "@" in short[-1]["id"]

    def test_refusals(self, reader: Client, make_room: Any) -> None:
        make_room("staff", visibility="staff")
        for url in ("/rooms/den/events/?lastEventId=x", "/rooms/staff/events/", "/rooms/a%20b/events/", "/events/"):
            refused = reader.get(url, headers={"Accept": "text/event-stream"})
            assert list(streamed(refused)) == ["stream-error"]
            check("problem", reader.get(url).json())

    def test_what_is_published_and_what_pushpin_sends_by_itself(
        self, say: Callable[[str], None], published: Any, den: Room
    ) -> None:
        say("a % and a “quote”")
        formats = formats_of(published[-1])
        single, several = (formats[family]["http-stream"]["content"] for family in "rm")
        check("stream-event", *stream_events(single))
        check("stream-event", *stream_events(several.replace("%I", "room-b:7,room-den:3")))
        notice = json.loads(publish.newest_items(den, 3)[0])["formats"]["http-stream"]["content"]
        check("stream-event", *stream_events(notice), *stream_events(sse.KEEP_ALIVE))
        check("stream-event", *(event for text in notices(den, "http-stream") for event in stream_events(text)))


class TestLongPolls:
    def test_batches(self, reader: Client) -> None:
        for url, count, has_reset in (
            ("/rooms/den/events/?lastEventId=earliest", 2, False),
            ("/rooms/den/events/?lastEventId=room-den:2", 0, False),
            ("/rooms/den/events/", 0, False),
            ("/rooms/den/events/?lastEventId=room-den:9", 0, True),
            ("/events/?channel=room-den&channel=room-b&lastEventId=earliest", 2, False),
        ):
            batch = reader.get(url, headers=JSON).json()
            check("batch", batch)
            assert (len(batch["events"]), batch["reset"]) == (count, has_reset)

    def test_a_published_event_is_a_batch_too(self, say: Callable[[str], None], published: Any) -> None:
        say("three")
        batch = json.loads(formats_of(published[-1])["p"]["http-response"]["body"])
        check("batch", batch)
        assert batch["last-event-id"] == "room-den:3"

    @pytest.mark.parametrize(
        "change",
        [{"reset": True}, {"channels": ["room-den"]}, {"events": [{}]}, {"last-event-id": "den:1"}, {"other": 1}],
    )
    def test_the_schema_refuses_what_is_none(self, reader: Client, change: dict[str, Any]) -> None:
        batch = reader.get("/rooms/den/events/?lastEventId=earliest", headers=JSON).json()
        assert errors_of("batch", batch | change)


COMMANDS: list[dict[str, Any]] = [
    {"command": "join", "id": "1", "room": "den"},
    {"command": "join", "id": "2", "room": "b", "last-event-id": "earliest"},
    {"command": "join", "id": "3", "room": "den", "last-event-id": "room-den:9"},
    {"command": "sync", "id": "4", "last-event-id": "room-den:0,room-b:0"},
    {"command": "sync", "id": "5", "last-event-id": "room-den:9"},
    {"command": "send", "id": "6", "room": "den", "text": "hi", "from": "ann", "client_id": "k"},
    {"command": "send", "id": "7", "room": "den", "text": "hi", "from": "ann", "client_id": "k"},
    {"command": "leave", "id": "8", "room": "b"},
]
NO_COMMANDS: list[Any] = [
    [],
    {},
    {"command": "join", "room": "den"},
    {"command": "join", "id": 1, "room": "den"},
    {"command": "join", "id": "", "room": "den"},
    {"command": "join", "id": "x" * 65, "room": "den"},
    {"command": "join", "id": "1"},
    {"command": "join", "id": "1", "room": 7},
    {"command": "join", "id": "1", "room": "den", "last-event-id": 7},
    {"command": "dance", "id": "1"},
    {"command": "sync", "id": "1"},
    {"command": "sync", "id": "1", "last-event-id": "garbage"},
    {"command": "send", "id": "1", "room": "den"},
    {"command": "send", "id": "1", "room": "den", "text": ""},
    {"command": "leave", "id": "1"},
]


class TestSockets:
    @pytest.fixture
    def socket(self, reader: Client) -> Socket:
        return Socket(reader, "/rooms/den/events/")

    def test_frames_and_commands(self, socket: Socket) -> None:
        frames = socket.read(socket.opened)
        for command in COMMANDS:
            check("command", command)
            answers = socket.send(command)
            assert answers[-1]["to"] == command["id"]
            frames += answers
        check("frame", *frames)
        assert {frame["type"] for frame in frames} == {"stream-open", "reply", "message", "stream-reset"}
        assert {frame["command"] for frame in frames if frame["type"] == "reply"} == {"join", "leave", "send", "sync"}

    def test_a_socket_without_rooms_and_one_that_is_reset(self, reader: Client) -> None:
        for url in ("/events/", "/rooms/den/events/?lastEventId=room-den:9"):
            socket = Socket(reader, url)
            check("frame", *socket.read(socket.opened))

    @pytest.mark.parametrize(
        "frame", [*NO_COMMANDS, "not JSON", {"command": "leave", "id": "1", "room": "b"}], ids=repr
    )
    def test_errors(self, socket: Socket, frame: Any) -> None:
        socket.read(socket.opened)
        [error] = socket.send(frame)
        check("frame", error)
        assert error["type"] == "error"

    @pytest.mark.parametrize("frame", NO_COMMANDS, ids=repr)
    def test_what_the_schema_refuses_the_service_refuses(self, frame: Any) -> None:
        assert errors_of("command", frame)

    def test_what_is_published_and_what_pushpin_sends_by_itself(
        self, say: Callable[[str], None], socket: Socket, published: Any, den: Room
    ) -> None:
        say("a % and a “quote”")
        notice = json.loads(publish.newest_items(den, 3)[0])["formats"]["ws-message"]["content"]
        socket.read(socket.opened)
        [keep_alive] = [message["content"] for message in socket.control if message["type"] == "keep-alive"]
        live = formats_of(published[-1])["r"]["ws-message"]["content"]
        check("frame", *(json.loads(content) for content in (live, notice, keep_alive)))
        check("frame", *(json.loads(content) for content in notices(den, "ws-message")))
        made = formats_of(published[0])["n"]["ws-message"]["content"]
        check("frame", json.loads(made))


def test_messages_are_the_ones_of_the_rest_api(curl: Client) -> None:
    ours, api = SCHEMA["$defs"]["message"], MessageOut.json_schema()
    assert ours["required"] == api["required"]
    assert list(api["properties"]) == list(ours["properties"])
    check("message", *curl.get("/rooms/den/messages/").json()["messages"])


def test_rooms_are_the_ones_of_the_rest_api(curl: Client) -> None:
    ours, api = SCHEMA["$defs"]["room-state"], RoomOut.json_schema()
    assert [*ours["required"], "role"] == api["required"] == list(api["properties"])
    room = curl.get("/rooms/den/").json()
    assert room.pop("role") is None
    check("room-state", room)


def test_changes_fit_on_every_transport(
    reader: Client, published: Any, people: dict[str, User], django_capture_on_commit_callbacks: Any
) -> None:
    sam = sign_in(people["sam"])
    with django_capture_on_commit_callbacks(execute=True):
        eid = sam.post("/rooms/den/messages/", {"text": "mine"}).json()["id"]
        for method, url, body in (
            ("patch", f"/rooms/den/messages/{eid}/", {"text": "100 % other"}),
            ("delete", f"/rooms/den/messages/{eid}/", None),
            ("patch", "/rooms/den/", {"topic": "100 % new"}),
        ):
            assert getattr(sam, method)(url, body, "application/json").status_code in (200, 204)
    kinds = ["message-edited", "message-deleted", "room-changed"]
    url = "/rooms/den/events/?lastEventId=earliest"
    assert [kind for kind in streamed(reader.get(url)) if kind in kinds] == kinds
    batch = reader.get(url, headers=JSON).json()
    check("batch", batch)
    assert [event["type"] for event in batch["events"]][-3:] == kinds
    frames = [formats_of(items)["r"]["ws-message"]["content"] for items in published[-3:]]
    check("frame", *(json.loads(frame) for frame in frames))


def test_every_refusal_fits() -> None:
    for code in STATUS:
        check("problem", json.loads(problem_response(Problem(code, "Because.")).content))


def test_limits_are_the_ones_of_the_code() -> None:
    assert SCHEMA["$defs"]["message"]["properties"]["text"]["maxLength"] >= settings.MESSAGE_MAX_CHARS
    send = next(part for part in SCHEMA["$defs"]["command"]["oneOf"] if "text" in part["properties"])
    assert send["properties"]["client_id"]["maxLength"] == actions.IDEMPOTENCY_KEY_MAX


def blocks(language: str) -> list[str]:
    """The code blocks of docs/protocol.md in one language; "" for those without."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PROTOCOL, re.M | re.S)
    return [text for named, text in found if named == language]


@pytest.mark.parametrize("text", blocks(""))
def test_the_documented_streams_fit(text: str) -> None:
    check("stream-event", *stream_events(text))


@pytest.mark.parametrize("text", blocks("json"))
def test_the_documented_batches_frames_and_commands_fit(text: str) -> None:
    decoder, values = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    assert values
    for value in values:
        kind = "batch" if "events" in value else "command" if "type" not in value else "frame"
        check(kind, value)
