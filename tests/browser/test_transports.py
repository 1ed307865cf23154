"""The page on each transport, and what it does where a network doesn't let streams through."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.looks import nightly
from tests.browser.test_chat import say, shows, stored
from tests.browser.waiting import wait_for
from tests.readers import TRANSPORTS
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)
Enter = Callable[..., Page]


def is_online(page: Page) -> None:
    """Wait until the page follows its room."""
    expect(page.locator("[data-status]:is([data-state=online], [data-state=back])")).to_be_visible(timeout=20_000)


def asked(page: Page) -> list[str]:
    """The transports by which the page follows events from now on, as they are used.

    A GET without a position is answered at once. Pages on every transport ask it, when a connection failed.
    """
    used: list[str] = []

    def note(request: Request) -> None:
        if "/events/" in request.url and request.resource_type == "eventsource":
            used.append("sse")
        elif "/events/" in request.url and "last-event-id" in request.headers:
            used.append("long-poll")

    page.on("websocket", lambda socket: used.append("websocket"))
    page.on("request", note)
    return used


def asks(page: Page, used: list[str], transport: str, times: int = 1) -> None:
    """Wait until the page has asked by a transport so many times."""
    wait_for(page, lambda: used.count(transport) >= times, what=transport)


def look(page: Page) -> None:
    """Come back to the page: it reconnects at once instead of waiting for its next attempt."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.present
def test_people_on_all_transports_see_the_same_and_survive_pushpin(person: Enter, service: Service, room: str) -> None:
    service.say(room, "before", "zoe")
    people = [person(transport, f"{room}?transport={transport}") for transport in TRANSPORTS]
    used = [asked(page) for page in people]
    for page in people:
        is_online(page)
    for number in range(9):
        say(people[number % 3], f"number {number}")
    wait_until(lambda: len(stored(service, room)) == 10, 20)
    said = [*reversed(stored(service, room))]
    for page in people:
        shows(page, *said)
    service.kill("pushpin")
    service.wait_ready()
    service.say(room, "after", "zoe")
    for page in people:
        shows(page, *said, "after")
        is_online(page)
    service.say(room, "live", "zoe")
    for page in people:
        shows(page, *said, "after", "live")
    assert [set(ways) for ways in used] == [{transport} for transport in TRANSPORTS]


@pytest.mark.parametrize("how", ["aborted", nightly("stalled")])
def test_where_streams_are_blocked_the_page_falls_back_and_remembers_it(
    person: Enter, service: Service, room: str, how: str
) -> None:
    stalled: list[Route] = []

    def block(route: Route) -> None:
        if route.request.resource_type != "eventsource":
            route.fallback()
        elif how == "aborted":
            route.abort()
        else:
            stalled.append(route)  # never answered, as by a proxy that waits for the end

    def prepare(page: Page) -> None:
        page.route("**/events/**", block)
        page.add_init_script("const later = setTimeout; setTimeout = (work, ms) => later(work, ms / 3)")

    ann = person("ann", room, before=prepare)
    is_online(ann)
    used = asked(ann)
    service.say(room, "one", "bob")
    say(ann, "two")
    shows(ann, "one", "two")
    ann.reload()
    is_online(ann)
    service.say(room, "three", "bob")
    shows(ann, "one", "two", "three")
    assert set(used) == {"long-poll"}
    ann.unroute_all(behavior="ignoreErrors")
    ann.evaluate("dispatchEvent(new Event('online'))")  # another network, which lets streams through
    asks(ann, used, "sse")
    is_online(ann)


@pytest.mark.present
def test_a_service_that_is_away_is_no_reason_to_fall_back(person: Enter, service: Service, room: str) -> None:
    ann = person("ann", room)
    is_online(ann)
    used = asked(ann)
    service.stop("gunicorn")
    try:
        service.kill("pushpin")
        for times in (1, 2, 3):
            asks(ann, used, "sse", times)
            look(ann)
    finally:
        service.start("gunicorn")
    service.wait_ready()
    used.clear()
    look(ann)
    is_online(ann)
    service.say(room, "one", "bob")
    shows(ann, "one")
    assert used.count("sse") >= 1
    assert ann.evaluate("sessionStorage.getItem('corkboard transport')") is None


def test_an_unknown_transport_is_said_and_a_known_one_is_kept(person: Enter, service: Service, room: str) -> None:
    for page in (f"/{room}?transport=pigeon", f"/{room}?user=ann&transport=pigeon"):
        answer = service.get(page, {"Accept": "text/html"})
        assert (answer.status, b"transport is sse, long-poll or websocket" in answer.body) == (400, True)
    ann = person("ann", f"{room}?transport=websocket")
    expect(ann).to_have_url(f"{service.url}/{room}?transport=websocket")
    assert "?transport=websocket" in str(ann.get_by_role("link", name="Change").get_attribute("href"))


@pytest.mark.present
def test_who_may_not_read_any_more_is_told_so_on_every_transport(person: Enter, service: Service, room: str) -> None:
    service.say(room, "one", "bob")
    people = [person("ann", f"{room}?transport={transport}") for transport in TRANSPORTS]
    for page in people:
        is_online(page)
    service.shell(f"from chat.models import Room; Room.objects.filter(name='{room}').update(visibility='private')")
    service.kill("pushpin")
    service.wait_ready()
    for page in people:
        look(page)
        expect(page.locator("[data-closed-words]")).to_contain_text("not open any more", timeout=20_000)
