"""Doors in a browser: names in the address bar, guests who are asked, links to private rooms."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.looks import SCHEMES, nightly
from tests.browser.people import Party, party
from tests.browser.test_chat import say, shows
from tests.browser.test_rooms import Open, visit
from tests.browser.test_transports import is_online
from tests.service import Service

__all__ = ["party", "visit"]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def browser(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser of nobody yet, whose tabs share what a browser's tabs share."""
    context = chromium.new_context()
    yield context
    context.close()


def tab(browser: BrowserContext, service: Service, path: str) -> Page:
    page = browser.new_page()
    page.goto(f"{service.url}{path}")
    return page


def name_of(page: Page) -> str:
    """Under which name one writes."""
    is_online(page)
    return page.locator(".me bdi").inner_text()


@pytest.mark.parametrize(
    ("path", "bar"),
    [
        ("/{room}?user=Vera", "/{room}"),
        nightly("/{room}?user=Vera&transport=long-poll", "/{room}?transport=long-poll"),
        ("/{room}?transport=websocket&user=Vera", "/{room}?transport=websocket"),
        nightly("/?user=Vera", "/default"),
        ("/-/?room={room}&room=default&user=Vera", "/-/?room={room}&room=default"),
        nightly("/-/?user=Vera&room={room}&transport=long-poll", "/-/?room={room}&transport=long-poll"),
    ],
)
def test_the_address_bar_hands_nobodys_name_on_and_a_reload_is_the_same_visitor(
    browser: BrowserContext, service: Service, room: str, path: str, bar: str
) -> None:
    service.say(room, "hello")
    page = tab(browser, service, path.format(room=room))
    for _ in range(2):
        assert name_of(page) == "Vera"
        assert page.url == service.url + bar.format(room=room)
        links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
        assert [link for link in links if "Vera" in link] == []
        page.reload()
    link = page.url
    elsewhere = browser.new_page()  # of the same browser, even: the link leads to the door
    elsewhere.goto(link)
    expect(elsewhere.get_by_label("Your name")).to_be_visible()


def test_two_tabs_are_two_visitors(browser: BrowserContext, service: Service, room: str) -> None:
    vera, otto = tab(browser, service, f"/{room}?user=Vera"), tab(browser, service, f"/{room}?user=Otto")
    say(vera, "I am Vera")
    say(otto, "I am Otto")
    for page, name in ((vera, "Vera"), (otto, "Otto")):
        page.reload()
        assert name_of(page) == name
        shows(page, "I am Vera", "I am Otto")
        assert page.locator(".message[data-own] .text").all_text_contents() == [f"I am {name}"]
        assert page.locator(".author").all_text_contents() == ["Vera", "Otto"]


def test_a_visitor_goes_on_to_other_rooms_and_is_asked_nothing_again(
    browser: BrowserContext, service: Service, room: str
) -> None:
    service.say(room, "hello")
    page = tab(browser, service, "/?user=Vera")
    assert name_of(page) == "Vera"
    page.goto(f"{service.url}/{room}")
    assert (name_of(page), page.url) == ("Vera", f"{service.url}/{room}")
    page.goto(f"{service.url}/-/?room={room}")
    assert (name_of(page), page.url) == ("Vera", f"{service.url}/-/?room={room}")
    page.get_by_label("Open another room").fill("default")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("[data-room]")).to_have_count(2)
    assert page.url == f"{service.url}/-/?room={room}&room=default"


def test_another_name_is_chosen_at_the_door(browser: BrowserContext, service: Service, room: str) -> None:
    service.say(room, "hello")
    page = tab(browser, service, f"/{room}?user=Vera")
    is_online(page)
    page.get_by_role("link", name="Change").click()
    field = page.get_by_label("Your name")
    expect(field).to_have_value("Vera")
    field.fill("Wanda")
    page.get_by_role("button", name="Join").click()
    assert (name_of(page), page.url) == ("Wanda", f"{service.url}/{room}")


def test_a_name_that_is_taken_meanwhile_leads_to_the_door_and_says_so(
    browser: BrowserContext, service: Service, room: str
) -> None:
    service.say(room, "hello")
    page = tab(browser, service, f"/{room}?user=Ulrike")
    is_online(page)
    service.shell("actions.make_guest('Ulrike')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("belongs to somebody")
    page.get_by_label("Your name").fill("Ursula")
    page.get_by_role("button", name="Join").click()
    assert name_of(page) == "Ursula"


def test_who_signs_in_is_no_visitor_in_that_tab_any_more(
    browser: BrowserContext, service: Service, party: Party, room: str
) -> None:
    service.say(room, "hello")
    page = tab(browser, service, f"/{room}?user=Vera")
    is_online(page)
    browser.add_cookies([party.cookie("alice")])
    page.reload()
    assert name_of(page) == party.name("alice")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your name")).to_be_visible()


@pytest.mark.parametrize("scripts", [nightly(True), False], ids=["with scripts", "without scripts"])
def test_a_guest_is_asked_before_the_name_is_gone(
    chromium: Browser, service: Service, room: str, scripts: bool
) -> None:
    service.say(room, "hello")
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"{service.url}/accounts/guest/?next=/{room}")
    name = f"Gina {room}"
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Keep this name").click()
    page.locator("[data-chat]").wait_for()
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign out for good?")).to_be_visible()
    expect(page.locator(".lead")).to_contain_text(f"the name {name} is gone")
    page.get_by_role("link", name="Stay").click()
    expect(page.locator(".me bdi")).to_have_text(name)
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out for good").click()
    expect(page.get_by_label("Your name")).to_be_visible()
    context.close()


def test_a_private_link_leads_its_member_in_by_the_door(visit: Open, party: Party, service: Service) -> None:
    name = party.do("print(actions.create_room(alice, 'x', title='The Den', visibility='private').name)")
    party.do("alice.set_password('correct horse battery'); alice.save()")
    page = visit("", f"/{name}")
    expect(page.locator(".lead")).to_have_text("We can't show this. If it is a room you belong to, sign in.")
    assert "Den" not in page.content()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("User name").fill(party.name("alice"))
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-title]")).to_have_text("The Den")


@SCHEMES
def test_the_doors_are_accessible_and_fit(chromium: Browser, service: Service, room: str, scheme: str) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})  # type: ignore[arg-type]
    page = context.new_page()

    def check(path: str) -> None:
        page.goto(f"{service.url}{path}")
        assert Axe().run(page).violations_count == 0, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path

    for path in ("/x-" + "0" * 24, "/accounts/sign-in/", "/accounts/guest/"):
        check(path)
    page.get_by_label("Your name").fill(f"Gina {scheme} {room}")
    page.get_by_role("button", name="Keep this name").click()
    page.locator("[data-chat]").wait_for()
    for path in ("/accounts/sign-out/", "/accounts/close/", "/accounts/profile/"):
        check(path)
    context.close()
