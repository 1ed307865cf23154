"""What `static/chat/stream.js` promises to pages that use it: order, each event once, repair."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute

from tests.readers import TRANSPORTS
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(60)
Run = Callable[..., Any]

# A stream whose transport is driven by the test: `sink` speaks for the service, `got` is what the page was given. Time
# runs ten times as fast.
DRIVEN = """async ([channels, token, canLose, script]) => {
  const later = globalThis.realTimeout ??= setTimeout;
  globalThis.setTimeout = (work, ms) => later(work, ms / 10);
  const { Stream } = await import('/static/chat/stream.js');
  const query = channels.map((channel) => `channel=${channel}`).join('&');
  const got = [], states = [];
  let sink, connects = 0, syncs = 0;
  const connect = (request, to) => {
    sink = to;
    connects += 1;
    return { close() {}, ...(canLose && { sync() { syncs += 1; } }) };
  };
  const stream = new Stream({
    url: `/events/?${query}`,
    connect,
    onEvent: (event) => got.push(event.type === 'message' ? event.id : [event.type, ...event.data.channels]),
    onStatus: (status) => states.push(status),
  });
  stream.start(token);
  const say = (...ids) => ids.forEach((id) => sink.event({ id, type: 'message', data: {} }));
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await eval(`(async () => { ${script} })()`);
  stream.stop();
  return { got, states, connects, syncs, token: stream.token };
}"""

FOLLOW = """async ([transport, rooms, token]) => {
  const { Stream, eventsUrl } = await import('/static/chat/stream.js');
  const { connect } = await import(`/static/chat/transports/${transport}.js`);
  globalThis.got ??= [];
  globalThis.states ??= [];
  globalThis.stream?.stop();
  token ??= globalThis.stream?.token;
  globalThis.stream = new Stream({
    url: eventsUrl('', ...rooms),
    connect,
    onEvent: ({ type, data }) => type === 'message' && got.push(`${data.room} ${data.text}`),
    onStatus: ({ state }) => states.push(state),
  });
  stream.start(token);
}"""


@pytest.fixture
def page(chromium: Browser, service: Service) -> Iterator[Page]:
    """A page of the service without scripts of its own."""
    with chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"{service.url}/health/live")
        yield page


@pytest.fixture
def drive(page: Page) -> Run:
    """Runs a script against a stream of two rooms."""

    def run(script: str, token: str = "room-a:3,room-b:7", *, can_lose: bool = False) -> Any:
        return page.evaluate(DRIVEN, [["room-a", "room-b"], token, can_lose, script])

    return run


def by_room(got: list[str]) -> dict[str, list[str]]:
    """What came in each room, in order; across rooms none is promised."""
    rooms: dict[str, list[str]] = {}
    for name, text in (one.split() for one in got):
        rooms.setdefault(name, []).append(text)
    return rooms


def test_each_event_comes_once(drive: Run) -> None:
    out = drive("say('room-a:3', 'room-a:4', 'room-a:4', 'room-b:7', 'room-b:8', 'room-a:2')")
    assert (out["got"], out["token"]) == (["room-a:4", "room-b:8"], "room-a:4,room-b:8")


def test_what_lies_behind_a_hole_is_held_back_and_asked_for(drive: Run) -> None:
    out = drive("say('room-a:5', 'room-a:6', 'room-b:8')", can_lose=True)
    assert (out["got"], out["token"]) == (["room-b:8"], "room-a:3,room-b:8")
    assert out["syncs"] >= 1
    out = drive("say('room-a:6', 'room-a:5', 'room-a:4', 'room-a:5')", can_lose=True)
    assert out["got"] == ["room-a:4", "room-a:5", "room-a:6"]


def test_a_newest_id_ahead_is_repaired_once(drive: Run) -> None:
    behind = (
        "sink.newest('room-a:3'); sink.newest('room-b:9'); await wait(1100); sink.newest('room-b:9'); await wait(1100)"
    )
    assert drive(behind)["connects"] == 2
    out = drive(behind, can_lose=True)
    assert (out["connects"], out["syncs"]) == (1, 1)
    assert drive("sink.newest('room-b:8'); say('room-b:8'); await wait(1100)")["connects"] == 1


@pytest.mark.parametrize("can_lose", [False, True])
def test_what_one_room_lacks_is_repaired_when_another_has_caught_up(drive: Run, can_lose: bool) -> None:
    behind = "sink.newest('room-a:4'); sink.newest('room-b:8'); say('room-a:4'); await wait(1100)"
    out = drive(behind, can_lose=can_lose)
    assert (out["connects"], out["syncs"]) == ((1, 1) if can_lose else (2, 0))


def test_a_reset_moves_the_position_of_its_rooms_only(drive: Run) -> None:
    out = drive("sink.reset(['room-a'], 'room-a:1,room-b:1'); say('room-a:2', 'room-b:2')")
    assert (out["got"], out["token"]) == ([["stream-reset", "room-a"], "room-a:2"], "room-a:2,room-b:7")


def test_the_short_form_of_positions_is_read_and_given_back(drive: Run) -> None:
    out = drive("sink.opened('@e0ac0ce0.3.7'); say('room-b:8,@e0ac0ce0.3.8', 'room-b:8,@e0ac0ce0.3.8')", "")
    assert (out["got"], out["token"]) == (["room-b:8,@e0ac0ce0.3.8"], "@e0ac0ce0.3.8")


def test_a_handler_that_fails_loses_nothing(drive: Run, page: Page) -> None:
    with page.expect_event("pageerror"):
        out = drive("got.push = () => { delete got.push; throw new Error('no') }; say('room-a:4', 'room-a:5')")
    assert (out["got"], out["token"]) == (["room-a:5"], "room-a:5,room-b:7")


@pytest.mark.parametrize("can_lose", [False, True])
def test_what_is_beside_the_log_is_told_and_moves_no_position(drive: Run, can_lose: bool) -> None:
    enter = "sink.aside({ type: 'enter', data: { channels: ['Zoe'] } })"
    out = drive(f"{enter}; say('room-a:4'); {enter}; sink.aside({{ type: 'leave', data: null }})", can_lose=can_lose)
    assert (out["got"], out["token"]) == ([["enter", "Zoe"], "room-a:4", ["enter", "Zoe"]], "room-a:4,room-b:7")


def test_a_stream_that_moves_goes_on_where_it_was_in_rooms_that_stay(drive: Run) -> None:
    move = "stream.move('/events/?channel=room-b&channel=room-c', 'room-c:5,room-b:1');"
    out = drive(f"say('room-a:4', 'room-b:8'); {move} say('room-a:5', 'room-b:8', 'room-c:6', 'room-b:9')")
    assert (out["got"], out["token"]) == (["room-a:4", "room-b:8", "room-c:6", "room-b:9"], "room-b:9,room-c:6")
    assert out["connects"] == 2
    out = drive(f"say('room-a:6', 'room-b:9'); {move} say('room-b:8', 'room-b:9')", can_lose=True)
    assert out["got"] == ["room-b:8", "room-b:9"]  # what was held back is asked for again
    out = drive(f"sink.opened('@e0ac0ce0.3.7'); {move} say('room-b:8')", "")
    assert (out["got"], out["token"]) == (["room-b:8"], "room-b:8,room-c:5")


@pytest.mark.parametrize("can_lose", [False, True])
def test_a_handler_that_stops_the_stream_finds_the_token_of_what_it_was_given(drive: Run, can_lose: bool) -> None:
    said = "say('room-a:5', 'room-a:4', 'room-a:6')" if can_lose else "say('room-a:4', 'room-a:5')"
    stopping = "got.push = (id) => { got[got.length] = id; stream.stop() };"
    out = drive(stopping + said, can_lose=can_lose)
    assert (out["got"], out["token"]) == (["room-a:4"], "room-a:4,room-b:7")


def test_refusals_stop_and_failures_are_tried_again(drive: Run) -> None:
    out = drive("sink.refused({ status: 403, detail: 'Not you.' }); await wait(2500)")
    assert out["states"][-1] == {"state": "stopped", "text": "Not you."}
    assert out["connects"] == 1
    for failure in ("sink.refused({ status: 503 })", "sink.ended()"):
        out = drive(f"{failure}; await wait(2100)")
        assert [status["state"] for status in out["states"]] == ["connecting", "waiting", "connecting"]


def test_what_an_old_connection_says_is_not_heard(drive: Run) -> None:
    out = drive(
        "const old = sink; sink.ended(); await wait(2100); old.event({ id: 'room-a:4', type: 'message', data: {} })"
    )
    assert out["got"] == []


class PlayedSocket:
    """A service for sockets that answers each `sync` with the next of the answers given, and then not at all."""

    def __init__(self, page: Page, *answers: list[dict[str, Any]]) -> None:
        self.asked: list[str] = []
        self.opened = 0
        self._answers = iter(answers)
        page.route_web_socket("**/events/**", self._open)

    def _open(self, socket: WebSocketRoute) -> None:
        self.opened += 1
        socket.on_message(lambda text: self._answer(socket, json.loads(text)))
        self._send(socket, {"type": "stream-open", "id": "room-a:3"})

    def _answer(self, socket: WebSocketRoute, command: dict[str, Any]) -> None:
        self.asked.append(command["last-event-id"])
        for frame in next(self._answers, []):
            self._send(socket, frame, to=command["id"])

    def _send(self, socket: WebSocketRoute, frame: dict[str, Any], to: str = "") -> None:
        socket.send(json.dumps(frame | ({"to": to} if frame["type"] in ("reply", "error") else {})))


def event(number: int) -> dict[str, Any]:
    """A message of room a as a frame."""
    return {"id": f"room-a:{number}", "type": "message", "data": {"room": "a", "text": str(number)}}


def reply(*, more: bool = False) -> dict[str, Any]:
    """The reply to a sync."""
    return {"type": "reply", "command": "sync", "last-event-id": "", "more": more}


def test_a_socket_asks_for_what_is_missing_until_it_has_it(page: Page) -> None:
    # An event that overtakes the answer to the first sync leaves a hole, which that answer may be too old to fill.
    played = PlayedSocket(page, [event(5), reply()], [event(4), reply(more=True)], [event(6), reply()])
    page.evaluate(FOLLOW, ["websocket", ["a"], "room-a:3"])
    page.wait_for_function("got.length === 3")
    assert page.evaluate("got") == ["a 4", "a 5", "a 6"]
    assert played.asked == ["room-a:3", "room-a:3", "room-a:5"]


def test_a_socket_on_which_nothing_is_answered_is_replaced(page: Page) -> None:
    page.clock.install()
    unavailable = {"type": "error", "code": "SERVICE_UNAVAILABLE", "status": 503, "detail": "Try again."}
    played = PlayedSocket(page, [unavailable], [reply()])
    page.evaluate(FOLLOW, ["websocket", ["a"], "room-a:3"])
    page.wait_for_function("states.at(-1) === 'online'")
    page.clock.run_for(3100)
    wait_for(page, lambda: len(played.asked) == 2)
    assert played.opened == 1
    page.clock.run_for(30_000)  # asks, and is not answered
    page.clock.run_for(90_000)
    wait_for(page, lambda: played.opened >= 2)


def wait_for(page: Page, condition: Callable[[], bool]) -> None:
    """Wait while Playwright works, which hears of sockets only then."""

    def is_true() -> bool:
        page.wait_for_timeout(20)
        return condition()

    wait_until(is_true, 10)


@pytest.mark.parametrize("transport", [*TRANSPORTS, "auto"])
def test_several_rooms_on_one_connection(page: Page, service: Service, room: str, transport: str) -> None:
    rooms = [f"{room}-{number}" for number in range(12)]
    service.say(rooms[1], "before")
    page.evaluate(FOLLOW, [transport, rooms])
    wait_until(lambda: page.evaluate("states.at(-1)") == "online", 15)
    assert page.evaluate("stream.token") != ""
    expected = []
    for number in range(3):
        for name in (rooms[0], rooms[1], rooms[10]):
            service.say(name, str(number))
            expected.append(f"{name} {number}")
    wait_until(lambda: len(page.evaluate("got")) >= len(expected), 15)
    got = page.evaluate("got")
    for name in rooms:
        assert [text for text in got if text.startswith(f"{name} ")] == [
            t for t in expected if t.startswith(f"{name} ")
        ]


def test_the_transport_can_change_at_any_moment(page: Page, service: Service, room: str) -> None:
    rooms = [f"{room}-{number}" for number in range(12)]
    page.evaluate(FOLLOW, ["sse", rooms, ",".join(f"room-{name}:0" for name in rooms)])
    count = 0
    for transport in [*TRANSPORTS, *reversed(TRANSPORTS)]:
        for name in (rooms[2], rooms[10]):
            service.say(name, str(count))
        count += 1
        page.evaluate(FOLLOW, [transport, rooms])
    service.say(rooms[2], "end")
    wait_until(lambda: len(page.evaluate("got")) >= 2 * count + 1, 20)
    numbers = [*map(str, range(count))]
    assert by_room(page.evaluate("got")) == {rooms[2]: [*numbers, "end"], rooms[10]: numbers}
