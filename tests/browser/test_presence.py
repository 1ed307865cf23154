"""A person in tabs of a real browser: present once, through reloads, and gone when the browser is."""

import re
import time
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import CHROMIUM, ELSEWHERE, QUIET
from tests.browser.looks import nightly
from tests.browser.test_transports import is_online
from tests.browser.waiting import Requests, wait_for
from tests.readers import Reader
from tests.service import Service, free_port, wait_until

GRACE = 12  # of chat.presence
pytestmark = [pytest.mark.present, pytest.mark.timeout(300)]


@dataclass
class Person:
    """Somebody with an account, signed in in a browser profile of their own."""

    username: str
    cookie: str

    def sign_in(self, context: BrowserContext, service: Service) -> None:
        context.add_cookies([{"name": "sessionid", "value": self.cookie, "url": service.url}])


@pytest.fixture
def ann(service: Service) -> Person:
    return make_person(service)


def make_person(service: Service) -> Person:
    username = f"ann{free_port()}"
    return Person(username, service.session(username))


def people(service: Service, room: str) -> list[str]:
    return [person["username"] for person in service.get(f"/rooms/{room}/people/").json()["people"]]


def notices(reader: Reader) -> list[str]:
    return [seen.type for seen in list(reader.seen) if seen.type in ("enter", "leave")]


def test_three_tabs_that_reload_ten_times_are_one_person_who_enters_once(
    chromium: Browser, service: Service, room: str, ann: Person
) -> None:
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    presence = Requests(context, "/presence/?")
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        tabs = [context.new_page() for _ in range(3)]
        for tab in tabs:
            tab.goto(f"{service.url}/{room}?user={ann.username}")
        wait_until(lambda: people(service, room) == [ann.username], 30, "presence")
        assert len(presence.asked) == 1  # one connection for all tabs
        for number in range(10):
            tabs[number % 3].reload()
        for tab in tabs[:2]:
            tab.close()
        wait_for(tabs[2], lambda: presence.holders() == [tabs[2]], what="the last tab being the one that is connected")
        assert people(service, room) == [ann.username]
        assert notices(reader) == ["enter"]
    context.close()


@pytest.mark.nightly
@pytest.mark.quick
def test_a_browser_that_is_killed_is_gone_within_30_s(
    chromium: Browser, service: Service, room: str, ann: Person
) -> None:
    service.say(room, "hello")
    other = chromium.browser_type.launch(executable_path=CHROMIUM, args=QUIET)
    context = other.new_context()
    ann.sign_in(context, service)
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        context.new_page().goto(f"{service.url}/{room}?user={ann.username}")
        wait_until(lambda: people(service, room) == [ann.username], 30, "presence")
        killing = time.monotonic()
        other.close()  # Playwright ends the process; nothing of the page runs any more
        wait_until(lambda: notices(reader) == ["enter", "leave"], 30, "leaving")
        assert time.monotonic() - killing > GRACE / 10
        assert people(service, room) == []


def test_a_visitor_asks_for_nothing(chromium: Browser, service: Service, room: str) -> None:
    service.say(room, "hello")
    page = chromium.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{service.url}/{room}?user=gus")
    is_online(page)
    expect(here(page)).to_be_hidden()  # "0 here" would deny the one who reads it
    expect(page.locator("script[src*=presence]")).to_have_count(0)
    page.close()
    assert not [url for url in asked if "presence" in url]


@pytest.mark.nightly
@pytest.mark.quick
def test_where_polls_are_asked_for_presence_polls_too(
    chromium: Browser, service: Service, room: str, ann: Person
) -> None:
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    presence = Requests(context, "/presence/?")
    page = context.new_page()
    page.goto(f"{service.url}/{room}?user={ann.username}&transport=long-poll")
    wait_for(page, lambda: len(presence.asked) >= 3, 90, "the third poll")
    assert people(service, room) == [ann.username]
    context.close()


def test_who_loses_the_right_asks_no_more(chromium: Browser, service: Service, room: str, ann: Person) -> None:
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    presence = Requests(context, "/presence/?")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{service.url}/{room}?user={ann.username}")
    wait_until(lambda: people(service, room) == [ann.username], 30, "presence")
    service.shell(
        "from chat.models import *; from chat import actions;"
        f"sam = User.objects.create_user('sam{room}', is_staff=True);"
        f"[room] = Room.objects.standing(sam.pk, [{room.lower()!r}]);"
        f"actions.restrict(sam, room, 'ban', User.objects.get(username={ann.username!r}))"
    )
    wait_until(lambda: not people(service, room), 3, "removal")
    expect(page.locator("[data-closed-words]")).to_contain_text("A moderator removed you", timeout=20_000)
    wait_for(page, lambda: len(presence.asked) == 2 and not presence.holders(), what="one more, which is refused")
    page.clock.run_for(600_000)
    assert len(presence.asked) == 2
    context.close()


@pytest.mark.quick
@pytest.mark.parametrize(
    ("transport", "scheme", "width"),
    [("sse", "light", 390), nightly("websocket", "dark", 390), nightly("long-poll", "dark", 1280)],
)
def test_the_page_says_who_is_here(
    chromium: Browser, service: Service, room: str, ann: Person, transport: str, scheme: str, width: int
) -> None:
    bob = make_person(service)
    service.say(room, "hello")
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 780})  # type: ignore[arg-type]
    ann.sign_in(context, service)
    page = context.new_page()
    page.goto(f"{service.url}/{room}?transport={transport}")
    expect(here(page)).to_have_text(re.compile("^1 person here"), timeout=10_000)
    here(page).focus()
    page.keyboard.press("Enter")
    rows = page.locator("[data-here] li")
    expect(rows).to_have_text([f"{ann.username} you"])
    other = chromium.new_context()
    bob.sign_in(other, service)
    other.new_page().goto(f"{service.url}/-/?room={room}")
    wait_until(lambda: len(people(service, room)) == 2, 30, "presence")
    if transport == "long-poll":  # which hears of nobody, so it asks when the list is opened
        page.keyboard.press("Escape")
        expect(rows.first).to_be_hidden()
        page.keyboard.press("Enter")
    expect(rows).to_have_text([f"{ann.username} you", bob.username], timeout=10_000)
    expect(here(page)).to_have_text(re.compile("^2 people here"))
    assert Axe().run(page).violations_count == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if transport == "sse":
        other.close()
        expect(rows).to_have_text([f"{ann.username} you"], timeout=30_000)
    for one in (context, other):
        one.close()


def here(page: Page) -> Locator:
    """How many are in the room."""
    return page.locator("[data-here] > summary")


@pytest.mark.nightly
def test_a_room_that_was_left_asks_no_more_who_is_here(
    chromium: Browser, service: Service, room: str, ann: Person
) -> None:
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    page = context.new_page()
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/people/" in request.url else None)
    page.goto(f"{service.url}/-/?room={room}&room=default")
    page.locator(f"[data-room='{room}']").get_by_role("link", name="Close").click()
    asked.clear()
    page.clock.run_for(400_000)
    assert [url for url in asked if f"/rooms/{room}/" in url] == []
    assert [url for url in asked if "/rooms/default/" in url]
    context.close()


def test_tabs_without_web_locks_agree_too(chromium: Browser, service: Service, room: str, ann: Person) -> None:
    """Plain http to another machine: no Web Locks there, and six connections for all tabs."""
    service.say(room, "hello")
    url = f"http://{ELSEWHERE}:{service.port}"
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": ann.cookie, "url": url}])
    presence = Requests(context, "/presence/?")
    tabs = [context.new_page() for _ in range(3)]
    for tab in tabs:
        tab.goto(f"{url}/{room}?user={ann.username}")
    assert tabs[0].evaluate("navigator.locks === undefined")
    wait_until(lambda: people(service, room) == [ann.username], 30, "presence")
    for tab in tabs:
        is_online(tab)
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        [holder] = presence.holders()
        assert len(presence.asked) == 1
        holder.close()
        left = [tab for tab in tabs if tab is not holder]
        wait_for(left[0], lambda: len(presence.holders()) == 1, what="another tab being connected")
        assert len(presence.asked) == 2
        assert notices(reader) == []
    context.close()


@pytest.mark.nightly
def test_a_page_comes_back_after_django_was_away_and_nobody_left(
    chromium: Browser, service: Service, room: str, ann: Person
) -> None:
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    presence = Requests(context, "/presence/?")
    page = context.new_page()
    page.goto(f"{service.url}/{room}?user={ann.username}")
    wait_until(lambda: people(service, room) == [ann.username], 30, "presence")
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        service.stop("gunicorn")
        gone = time.monotonic()
        context.set_offline(True)  # ends the hold, as the companion does with an old one
        wait_for(page, lambda: not presence.holders(), what="the end of the connection")
        context.set_offline(False)
        service.start("gunicorn")
        service.wait_ready()
        wait_for(page, lambda: presence.holders() == [page], 60, "the page coming back")
        wait_until(lambda: people(service, room) == [ann.username], 30, "presence")
        if time.monotonic() - gone < GRACE:  # on a machine that starts gunicorn in time
            assert notices(reader) == []
    context.close()
