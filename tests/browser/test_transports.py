"""The page on each transport, and what it does where a network lets streams not through."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_chat import say, shows
from tests.readers import TRANSPORTS
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)
Enter = Callable[..., Page]


def other(transport: str) -> str:
    """Another transport than this."""
    return TRANSPORTS[TRANSPORTS.index(transport) - 1]


def online(page: Page) -> None:
    """Wait until the page follows its room."""
    expect(page.get_by_role("status")).to_have_text("Connected", timeout=20_000)


def asked(page: Page) -> list[str]:
    """The transports by which the page asks for events from now on, as they are used."""
    used: list[str] = []
    page.on("websocket", lambda socket: used.append("websocket"))

    def note(url: str, kind: str) -> None:
        if "/events/" in url:
            used.append("sse" if kind == "eventsource" else "long-poll")

    page.on("request", lambda request: note(request.url, request.resource_type))
    return used


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pages_on_different_transports_see_the_same_and_survive_pushpin(
    person: Enter, service: Service, room: str, transport: str
) -> None:
    service.say(room, "before", "zoe")
    ann, bob = person("ann", f"{room}?transport={transport}"), person("bob", f"{room}?transport={other(transport)}")
    used = asked(ann)
    online(ann)
    online(bob)
    for number in range(10):
        say(ann if number % 2 else bob, f"number {number}")
    wait_until(lambda: len(service.get(f"/rooms/{room}/messages/").json()["messages"]) == 11, 20)
    said = [m["text"] for m in reversed(service.get(f"/rooms/{room}/messages/").json()["messages"])]
    shows(ann, *said)
    shows(bob, *said)
    service.kill("pushpin")
    service.wait_ready()
    service.say(room, "after", "zoe")
    shows(ann, *said, "after")
    shows(bob, *said, "after")
    assert set(used) == {transport}
    assert f"transport={transport}" in ann.url
