"""A person in tabs of a real browser: present once, through reloads, and gone when the browser is."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import CHROMIUM, QUIET
from tests.readers import Reader
from tests.service import Service, free_port, wait_until

GRACE = 12  # of chat.presence
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def present_service() -> Iterator[Service]:
    """A service with its companion."""
    with Service() as running:
        running.start("presence")
        time.sleep(1)
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
    code = (
        "from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY;"
        "from chat.sessions import SessionStore; from chat.models import User;"
        f"user = User.objects.create_user({username!r}); session = SessionStore();"
        "session[SESSION_KEY] = str(user.pk); session[HASH_SESSION_KEY] = user.get_session_auth_hash();"
        "session[BACKEND_SESSION_KEY] = 'chat.signin.SignIn'; session.save();"
        "print(session.session_key)"
    )
    return Person(username, service.shell(code).strip().splitlines()[-1])


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


def test_tabs_without_web_locks_agree_too(chromium: Browser, room: str) -> None:
    """Plain http to another machine: no Web Locks there, and six connections for all tabs."""
    with Service(ALLOWED_HOSTS="chat.test") as service:
        service.start("presence")
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
