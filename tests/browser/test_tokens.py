"""Tokens, bots and broadcast, as people make them in a browser: with a mouse, by keys, on a phone, and read aloud."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.looks import SCHEMES
from tests.browser.people import Party, party
from tests.browser.test_chat import shows
from tests.browser.test_rooms import Open, chat, garden, message, visit

__all__ = ["garden", "party", "visit"]
pytestmark = pytest.mark.timeout(180)
PHONE = {"width": 390, "height": 844}


def assert_fits_and_is_accessible(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def say_by_token(party: Party, secret: str, room: str, text: str) -> int:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    body = json.dumps({"text": text}).encode()
    return party.service.request("POST", f"/rooms/{room}/messages/", body, headers).status


def make_token(page: Page, name: str) -> str:
    """Make a token by keys only; the secret that is shown."""
    page.get_by_label("Name", exact=True).fill(name)
    page.keyboard.press("Enter")
    return page.get_by_label("The new token").input_value()


@SCHEMES
def test_a_token_is_made_copied_used_and_withdrawn(visit: Open, party: Party, garden: str, scheme: str) -> None:
    page = visit("alice", "/accounts/profile/", viewport=PHONE, color_scheme=scheme)
    page.get_by_role("link", name="API tokens").click()
    assert_fits_and_is_accessible(page)
    secret = make_token(page, "my script with quite a long name that has to wrap")
    assert secret.startswith("cork_")
    assert_fits_and_is_accessible(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert say_by_token(party, secret, garden, "by token") == 201
    page.goto(page.url)
    expect(page.get_by_text("last used")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Withdraw the token my script").click()
    expect(page.get_by_text("There is no token.")).to_be_visible()
    assert say_by_token(party, secret, garden, "too late") == 401


def test_a_bot_is_made_added_and_speaks_with_a_badge_that_stays(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    page = visit("alice", "/accounts/bots/", viewport=PHONE)
    page.get_by_label("User name").fill(f"robo-{garden}")
    page.get_by_label("Display name").fill("The Robo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The Robo is made")
    assert_fits_and_is_accessible(page)
    page.get_by_role("button", name="Add The Robo to the room").click()
    expect(page.get_by_role("status")).to_contain_text("is a member of The Garden now")
    page.get_by_role("link", name="Tokens of The Robo").click()
    assert say_by_token(party, make_token(page, "echo"), garden, "beep") == 201
    shows(bob, "beep")
    expect(message(bob, "beep").locator(".bot")).to_be_visible()
    bob.reload()
    expect(message(bob, "beep").locator(".bot")).to_be_visible()
    page.goto(f"{party.service.url}/accounts/bots/")
    page.get_by_text("Close The Robo").click()
    page.get_by_role("button", name="Close for good").click()
    expect(page.get_by_text("You have no bot.")).to_be_visible()


@SCHEMES
def test_staff_are_asked_before_a_broadcast_and_readers_see_it_live(
    visit: Open, party: Party, garden: str, scheme: str
) -> None:
    party.do("actions.set_staff(alice, alice, True)")
    bob = chat(visit, party, "bob", garden)
    page = visit("alice", "/rooms/", viewport=PHONE, color_scheme=scheme)
    page.get_by_role("link", name="Broadcast").click()
    assert_fits_and_is_accessible(page)
    page.get_by_label("Text").fill(f"Down at nine, {garden}")
    page.get_by_label("Looks like").select_option("Warning")
    page.get_by_role("button", name="See how many rooms").click()
    expect(page.get_by_text("This goes to")).to_contain_text("rooms, private ones included")
    assert_fits_and_is_accessible(page)
    page.get_by_role("button", name="Send to").click()
    expect(page.get_by_role("status")).to_contain_text("It is in")
    shows(bob, f"Down at nine, {garden}")
    expect(message(bob, "Down at nine").get_by_text("Warning")).to_be_visible()
