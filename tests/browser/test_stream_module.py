"""What `static/chat/stream.js` promises to pages that use it, on real transports. The rest of it is in tests/node."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.readers import TRANSPORTS
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(60)

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


def by_room(got: list[str]) -> dict[str, list[str]]:
    """What came in each room, in order; across rooms none is promised."""
    rooms: dict[str, list[str]] = {}
    for name, text in (one.split() for one in got):
        rooms.setdefault(name, []).append(text)
    return rooms


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
