"""The page knows people by their ids: not by names, which change, and which visitors share."""

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.people import Party, party
from tests.browser.test_chat import say, shows
from tests.browser.test_rooms import Open, by_keys, chat, garden, message, visit
from tests.browser.test_transports import is_online
from tests.browser.waiting import wait_for
from tests.service import Service

__all__ = ["garden", "party", "visit"]
pytestmark = pytest.mark.timeout(180)


def own(page: Page) -> list[str]:
    """The texts that the page shows as the reader's own, once nothing is on its way any more."""
    expect(page.locator(".message[data-state]")).to_have_count(0, timeout=15_000)
    return page.locator(".message[data-own] .text").all_text_contents()


def as_visitor(visit: Open, name: str, room: str, **options: object) -> Page:
    page = visit("", f"/{room}?user={name}", **options)
    is_online(page)
    return page


def test_who_is_renamed_keeps_what_they_wrote_live_and_after_a_reload(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    say(bob, "before")
    expect(message(bob, "before")).not_to_have_attribute("data-state", "sending")
    party.do("actions.change_name(bob, 'Robert ' + bob.username)")
    say(bob, "after")
    name = f"Robert {party.name('bob')}"
    # The page hears of the new name by the answer.
    expect(message(bob, "after").locator(".author")).to_have_text(name)
    assert own(bob) == ["before", "after"]
    expect(message(bob, "after")).not_to_have_attribute("data-continued", "")
    bob.reload()
    is_online(bob)
    assert own(bob) == ["before", "after"]
    by_keys(bob, message(bob, "before"), "Edit")
    bob.keyboard.type("!")
    bob.keyboard.press("Enter")
    shows(bob, "before!", "after")


def test_the_next_holder_of_a_name_is_shown_nothing_as_their_own(visit: Open, party: Party, garden: str) -> None:
    party.do(
        "actions.post_message(bob, name, 'of Bob'); actions.change_name(bob, 'Other ' + bob.username)", name=garden
    )
    party.do("from chat.models import HeldName; HeldName.objects.all().delete()")
    # Charlie takes the name that Bob's message was written under.
    party.do(f"actions.change_name(charlie, 'Old {party.name('bob')}')")
    party.do("Message.objects.filter(author=bob).update(name=charlie.shown_name)")
    charlie = chat(visit, party, "charlie", garden)
    shows(charlie, "of Bob")
    assert own(charlie) == []
    expect(message(charlie, "of Bob").get_by_role("button", name="Actions")).to_have_count(0)
    say(charlie, "of Charlie")
    assert own(charlie) == ["of Charlie"]
    # One under the other, by the same name, in the same minute: two people, two bylines.
    expect(message(charlie, "of Charlie")).not_to_have_attribute("data-continued", "")


def test_two_visitors_of_one_name_are_two(visit: Open, room: str, service: Service) -> None:
    service.say(room, "from elsewhere", "Vera")
    one, other = as_visitor(visit, "Vera", room), as_visitor(visit, "Vera", room)
    assert own(one) == []
    say(one, "of the one")
    say(other, "of the other")
    for page, mine in ((one, "of the one"), (other, "of the other")):
        shows(page, "from elsewhere", "of the one", "of the other")
        assert own(page) == [mine]
        page.reload()
        is_online(page)
        shows(page, "from elsewhere", "of the one", "of the other")
        assert own(page) == [mine]
        expect(message(page, mine)).not_to_have_attribute("data-continued", "")


@pytest.mark.parametrize("answer", ["comes late", "is lost"])
def test_the_same_words_of_another_visitor_meanwhile_are_theirs(
    visit: Open, room: str, service: Service, answer: str
) -> None:
    service.say(room, "first", "bob")
    one = as_visitor(visit, "Vera", room)
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST" and not held:  # once: it may be tried again
            held.append((route, route.fetch()))
        else:
            route.continue_()

    one.route("**/messages/", hold)
    say(one, "hello")
    wait_for(one, lambda: held, what="the post")
    service.say(room, "hello", "Vera")
    service.say(room, "last", "bob")
    expect(message(one, "last")).to_be_visible(timeout=10_000)
    route, stored = held[0]
    if answer == "is lost":
        route.abort()
    else:
        route.fulfill(response=stored)
    shows(one, "first", "hello", "hello", "last")
    expect(one.locator(".message[data-own]")).to_have_count(1, timeout=15_000)
    expect(one.locator(".message[data-state]")).to_have_count(0)
    first, second = (message(one, "hello").nth(number) for number in (0, 1))
    expect(first).to_have_attribute("data-own", "")
    expect(second).not_to_have_attribute("data-own", "")


def test_the_lists_of_people_say_you_by_the_id(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    party.do("actions.change_name(bob, 'Other ' + bob.username); User.objects.filter(pk=bob.pk).update(is_guest=False)")
    bob.get_by_text("Members", exact=True).click()
    row = bob.locator("[data-members] li", has_text=f"Other {party.name('bob')}")
    expect(row).to_be_visible()
    expect(row.get_by_role("button")).to_have_count(0)
    expect(bob.locator("[data-members] li").get_by_role("button")).to_have_count(1)
