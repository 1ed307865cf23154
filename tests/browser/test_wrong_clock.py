"""A browser whose clock is wrong: its page offers and orders what every other page does."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import nightly
from tests.browser.people import Party, party
from tests.browser.test_chat import say, shows
from tests.browser.test_rooms import by_keys, garden, message
from tests.browser.test_transports import is_online
from tests.service import Service

__all__ = ["garden", "party"]
pytestmark = pytest.mark.timeout(180)

HOUR, DAY = 3600, 86_400
SHIFTS = [2 * HOUR, nightly(-2 * HOUR), nightly(DAY), -DAY, nightly(3652 * DAY), nightly(-3652 * DAY)]
# As an operating system whose clock is so many ms wrong.
WRONG = """(() => {
  const Right = Date, wrong = () => Right.now() + %d;
  globalThis.Date = class extends Right {
    constructor(...of) { of.length ? super(...of) : super(wrong()); }
    static now() { return wrong(); }
  };
})()"""


@pytest.fixture
def at_wrong_time(chromium: Browser, service: Service, party: Party) -> Callable[[str, str, float], Page]:
    """The chat in a browser whose clock is so many seconds ahead."""

    def enter(who: str, room: str, seconds: float) -> Page:
        context = chromium.new_context()
        context.add_cookies([party.cookie(who)])
        page = context.new_page()
        page.add_init_script(WRONG % (seconds * 1000))
        page.goto(f"{service.url}/{room}")
        is_online(page)
        return page

    return enter


@pytest.mark.parametrize("seconds", SHIFTS)
def test_edits_are_offered_by_the_clock_of_the_service(
    seconds: int, at_wrong_time: Callable[[str, str, float], Page], service: Service, garden: str
) -> None:
    bob = at_wrong_time("bob", garden, seconds)
    say(bob, "too old")
    say(bob, "first words")
    shows(bob, "too old", "first words")
    expect(bob.locator(".delivery")).to_have_count(0)
    expect(bob.locator(".day")).to_have_count(1)  # all of today
    by_keys(bob, message(bob, "first words"), "Edit")
    bob.keyboard.press("Control+A")
    bob.keyboard.type("other words")
    bob.keyboard.press("Enter")
    expect(message(bob, "other words")).to_be_visible()
    service.shell(
        "from chat.models import Message; from datetime import timedelta; from django.utils import timezone\n"
        "Message.objects.filter(text='too old').update(created=timezone.now() - timedelta(minutes=61))"
    )
    bob.reload()
    is_online(bob)
    message(bob, "too old").get_by_role("button", name="Actions").click()
    expect(message(bob, "too old")).to_contain_text("too late to change")
    expect(message(bob, "too old").get_by_role("button", name="Edit", exact=True)).to_have_count(0)
    bob.context.close()
