"""A person in tabs of a real browser: present once, through reloads, and gone when the browser is."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import CHROMIUM, QUIET
from tests.readers import Reader
from tests.service import Service, free_port, wait_until

GRACE = 12  # of chat.presence
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def present_service() -> Iterator[Service]:
    """A service with its companion."""
    with Service() as running:
        running.start_presence()
        yield running


@dataclass
class Person:
    """Somebody with an account, signed in in a browser profile of their own."""

    username: str
    cookie: str

    def sign_in(self, context: BrowserContext, service: Service) -> None:
        context.add_cookies([{"name": "sessionid", "value": self.cookie, "url": service.url}])


@pytest.fixture
def ann(present_service: Service) -> Person:
    return make_person(present_service)


def make_person(service: Service) -> Person:
    username = f"ann{free_port()}"
    return Person(username, service.session(username))


def people(service: Service, room: str) -> list[str]:
    return [person["username"] for person in service.get(f"/rooms/{room}/people/").json()["people"]]


def notices(reader: Reader) -> list[str]:
    return [seen.type for seen in list(reader.seen) if seen.type in ("enter", "leave")]


def test_three_tabs_that_reload_ten_times_are_one_person_who_enters_once(
    chromium: Browser, present_service: Service, room: str, ann: Person
) -> None:
    service = present_service
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if "/presence/?" in request.url else None)
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        tabs = [context.new_page() for _ in range(3)]
        for tab in tabs:
            tab.goto(f"{service.url}/{room}?user={ann.username}")
        wait_until(lambda: people(service, room) == [ann.username], 10, "presence")
        assert len(asked) == 1  # one connection for all tabs
        for number in range(10):
            tabs[number % 3].reload()
            tabs[number % 3].wait_for_timeout(300)
        tabs[0].wait_for_timeout((GRACE + 3) * 1000)
        assert people(service, room) == [ann.username]
        assert notices(reader) == ["enter"]
        tabs[0].close()
        tabs[1].close()
        tabs[2].wait_for_timeout((GRACE + 3) * 1000)
        assert notices(reader) == ["enter"]
        context.close()
        wait_until(lambda: notices(reader) == ["enter", "leave"], 30, "leaving")
        assert people(service, room) == []


def test_a_browser_that_is_killed_is_gone_within_30_s(
    chromium: Browser, present_service: Service, room: str, ann: Person
) -> None:
    service = present_service
    service.say(room, "hello")
    other = chromium.browser_type.launch(executable_path=CHROMIUM, args=QUIET)
    context = other.new_context()
    ann.sign_in(context, service)
    context.new_page().goto(f"{service.url}/{room}?user={ann.username}")
    wait_until(lambda: people(service, room) == [ann.username], 10, "presence")
    other.close()  # Playwright ends the process; nothing of the page runs any more
    killed = time.monotonic()
    wait_until(lambda: not people(service, room), 30, "leaving")
    assert time.monotonic() - killed > GRACE - 2


def test_a_visitor_asks_for_nothing(chromium: Browser, present_service: Service, room: str) -> None:
    present_service.say(room, "hello")
    page = chromium.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{present_service.url}/{room}?user=gus")
    page.wait_for_timeout(1500)
    expect(here(page)).to_be_hidden()  # "0 here" would deny the one who reads it
    page.close()
    assert not [url for url in asked if "presence" in url]


def test_where_polls_are_asked_for_presence_polls_too(
    chromium: Browser, present_service: Service, room: str, ann: Person
) -> None:
    present_service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, present_service)
    page = context.new_page()
    page.goto(f"{present_service.url}/{room}?user={ann.username}&transport=long-poll")
    wait_until(lambda: people(present_service, room) == [ann.username], 10, "presence")
    page.wait_for_timeout(25_000)
    assert people(present_service, room) == [ann.username]
    context.close()


def test_who_loses_the_right_asks_no_more(chromium: Browser, present_service: Service, room: str, ann: Person) -> None:
    service = present_service
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if "/presence/?" in request.url else None)
    page = context.new_page()
    page.goto(f"{service.url}/{room}?user={ann.username}")
    wait_until(lambda: people(service, room) == [ann.username], 10, "presence")
    service.shell(
        "from chat.models import *; from chat import actions;"
        f"sam = User.objects.create_user('sam{room}', is_staff=True);"
        f"[room] = Room.objects.standing(sam.pk, [{room.lower()!r}]);"
        f"actions.restrict(sam, room, 'ban', User.objects.get(username={ann.username!r}))"
    )
    wait_until(lambda: not people(service, room), 3, "removal")
    page.wait_for_timeout(10_000)
    assert len(asked) <= 2  # one more, which was refused
    context.close()


@pytest.mark.parametrize(
    ("transport", "scheme", "width"), [("sse", "light", 390), ("websocket", "dark", 390), ("long-poll", "dark", 1280)]
)
def test_the_page_says_who_is_here(
    chromium: Browser, present_service: Service, room: str, ann: Person, transport: str, scheme: str, width: int
) -> None:
    service, bob = present_service, make_person(present_service)
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
    wait_until(lambda: len(people(service, room)) == 2, 10, "presence")
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


def test_a_room_that_was_left_asks_no_more_who_is_here(
    chromium: Browser, present_service: Service, room: str, ann: Person
) -> None:
    service = present_service
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


def test_tabs_without_web_locks_agree_too(chromium: Browser, room: str) -> None:
    """Plain http to another machine: no Web Locks there, and six connections for all tabs."""
    with Service(ALLOWED_HOSTS="chat.test") as service:
        service.start_presence()
        service.say(room, "hello")
        ann = make_person(service)
        url = f"http://chat.test:{service.port}"
        rules = "--host-resolver-rules=MAP chat.test 127.0.0.1"
        other = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*QUIET, rules])
        context = other.new_context()
        context.add_cookies([{"name": "sessionid", "value": ann.cookie, "url": url}])
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url) if "/presence/?" in request.url else None)
        tabs = [context.new_page() for _ in range(3)]
        for tab in tabs:
            tab.goto(f"{url}/{room}?user={ann.username}")
        assert tabs[0].evaluate("navigator.locks === undefined")
        wait_until(lambda: people(service, room) == [ann.username], 10, "presence")
        tabs[2].wait_for_timeout(2000)
        assert len(asked) == 1
        tabs[0].close()
        tabs[2].wait_for_timeout(4000)
        assert len(asked) == 2
        with Reader(service.url, f"/rooms/{room}/events/") as reader:
            tabs[2].wait_for_timeout((GRACE + 2) * 1000)
            assert notices(reader) == []
            other.close()
            wait_until(lambda: notices(reader) == ["leave"], 30, "leaving")


def test_a_page_comes_back_after_django_was_away_and_nobody_left(
    chromium: Browser, present_service: Service, room: str, ann: Person
) -> None:
    service = present_service
    service.say(room, "hello")
    context = chromium.new_context()
    ann.sign_in(context, service)
    page = context.new_page()
    page.goto(f"{service.url}/{room}?user={ann.username}")
    wait_until(lambda: people(service, room) == [ann.username], 10, "presence")
    with Reader(service.url, f"/rooms/{room}/events/") as reader:
        service.stop("gunicorn")
        page.context.set_offline(True)  # ends the hold, as the companion does with an old one
        page.context.set_offline(False)
        page.wait_for_timeout(3000)
        service.start("gunicorn")
        service.wait_ready()
        page.wait_for_timeout((GRACE + 5) * 1000)
        assert people(service, room) == [ann.username]
        assert notices(reader) == []
    context.close()
