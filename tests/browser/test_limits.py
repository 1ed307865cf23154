"""The page of somebody who is too fast: it says so, keeps what was written, and sends it by itself."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_chat import say, shows, stored
from tests.service import Service

pytestmark = pytest.mark.timeout(180)
CLEAR = "from chat.models import Tally; Tally.objects.all().delete()"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Three messages in an hour, which no machine is too slow for."""
    with Service(POST_LIMIT="3/hour", WEB_WORKERS="1") as running:
        yield running


@pytest.fixture(autouse=True)
def uncounted(service: Service) -> None:
    """All tests are of one address: what the one before has posted does not count."""
    service.shell(CLEAR)


def test_what_is_too_fast_is_kept_over_a_reload_said_in_words_and_sent_by_itself_in_order(
    person: Callable[..., Page], service: Service, room: str
) -> None:
    phone = {"width": 390, "height": 700}
    ann = person("ann", room, lambda page: page.clock.install(), viewport=phone, reduced_motion="reduce")
    words = [f"message {number}" for number in range(5)]
    for text in words:
        say(ann, text)
    delivery = ann.locator(".delivery").first
    expect(delivery).to_contain_text("Too many messages in a short time. This one is sent by itself at")
    expect(delivery.get_by_role("button")).to_have_count(0)  # nothing to press
    expect(ann.locator(".message .text")).to_have_text(words)  # all that was written is there
    found = Axe().run(ann)
    assert found.violations_count == 0, found.generate_report()
    ann.reload()
    expect(ann.locator(".delivery").first).to_contain_text("sent by itself")
    assert stored(service, room) == words[2::-1]
    service.shell(CLEAR)
    ann.clock.fast_forward("01:00:02")
    expect(ann.locator(".delivery")).to_have_count(0, timeout=15_000)
    shows(ann, *words)
    assert stored(service, room) == words[::-1]


def test_without_javascript_the_page_says_it_and_keeps_the_text(
    person: Callable[..., Page], service: Service, room: str
) -> None:
    ann = person("ann", room, java_script_enabled=False)
    for number in range(4):
        ann.get_by_role("textbox").fill(f"message {number}")
        ann.get_by_role("button", name="Send").click()
    expect(ann.get_by_role("alert")).to_contain_text("Try again in")
    expect(ann.get_by_role("textbox")).to_have_value("message 3")
    assert stored(service, room) == ["message 2", "message 1", "message 0"]
