"""People in a browser: they chat, lose the network, meet hostile text, do without JavaScript."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.looks import LOOKS
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)
Enter = Callable[..., Page]


def say(page: Page, text: str) -> None:
    """Write a message and press Enter."""
    box = page.get_by_role("textbox")
    box.fill(text)
    box.press("Enter")


def stored(service: Service, room: str) -> list[str]:
    """The messages that the service has, newest first."""
    return [message["text"] for message in service.get(f"/rooms/{room}/messages/").json()["messages"]]


def shows(page: Page, *said: str) -> None:
    """Wait until the page shows exactly these messages, none twice."""
    expect(page.locator("[data-messages] .message .text")).to_have_text(list(said), timeout=30_000)


def test_two_people_chat(person: Enter, service: Service, room: str) -> None:
    service.say(room, "before they came")
    ann, bob = person("ann", room), person("bob", room)
    say(ann, "hello bob")
    shows(bob, "before they came", "hello bob")
    say(bob, "hello ann\nhow are you?")
    shows(ann, "before they came", "hello bob", "hello ann\nhow are you?")
    expect(ann.locator(".message").last.locator(".author")).to_have_text("bob")


def test_offline_and_back_misses_nothing_and_is_said_in_words(person: Enter, service: Service, room: str) -> None:
    ann = person("ann", room)
    service.say(room, "one", "bob")
    shows(ann, "one")
    ann.context.set_offline(True)
    expect(ann.get_by_role("status")).to_contain_text("offline")
    service.say(room, "two", "bob")
    say(ann, "three")
    ann.context.set_offline(False)
    shows(ann, "one", "two", "three")
    wait_until(lambda: stored(service, room) == ["three", "two", "one"], 10)
    shows(ann, "one", "two", "three")


@pytest.mark.present
def test_a_restart_of_pushpin_is_survived(person: Enter, service: Service, room: str) -> None:
    ann = person("ann", room)
    service.say(room, "one", "bob")
    shows(ann, "one")
    service.kill("pushpin")
    service.wait_ready()
    service.say(room, "two", "bob")
    shows(ann, "one", "two")


def test_hostile_text_is_shown_as_text(person: Enter, service: Service, room: str) -> None:
    hostile = (
        "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> javascript:alert(1)"
    )
    service.say(room, hostile, "<b>eve</b>")
    ann = person("ann", room)
    service.say(room, hostile + " live", "<b>eve</b>")
    shows(ann, hostile, hostile + " live")
    assert "owned" not in ann.title()
    assert ann.locator("[data-messages] script, [data-messages] img, [data-messages] b").count() == 0
    assert ann.locator("[data-messages] a[href^='javascript']").count() == 0
    expect(ann.locator(".author").first).to_have_text("<b>eve</b>")


@pytest.mark.present
def test_a_reset_reloads_the_page(person: Enter, service: Service, room: str) -> None:
    service.say(room, "old")
    ann = person("ann", room, lambda page: page.clock.install())
    shows(ann, "old")
    ann.clock.fast_forward(10_000)  # a page that was just loaded waits up to 15 s
    service.shell("from chat import eventlog; eventlog.jump()")
    service.kill("pushpin")
    service.wait_ready()
    service.say(room, "new")
    shows(ann, "old", "new")


def test_without_javascript_people_read_and_post(person: Enter, service: Service, room: str) -> None:
    service.say(room, "hi", "bob")
    ann = person("ann", room, java_script_enabled=False)
    shows(ann, "hi")
    ann.get_by_role("textbox").fill("hello")
    ann.get_by_role("button", name="Send").click()
    shows(ann, "hi", "hello")
    assert ann.url.endswith(f"/{room}?user=ann")
    ann.get_by_role("textbox").fill("   ")
    ann.get_by_role("button", name="Send").click()
    expect(ann.get_by_role("alert")).to_contain_text("needs some text")


@LOOKS
def test_the_pages_are_accessible_and_fit(
    person: Enter, service: Service, room: str, scheme: str, size: tuple[int, int]
) -> None:
    service.say(room, "w" * 3000, "bob")
    ann = person("ann", room, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    assert Axe().run(ann).violations_count == 0
    assert ann.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ann.goto(f"{service.url}/")
    assert Axe().run(ann).violations_count == 0
