"""The end of a session under an open page: it says so, keeps what was typed, and goes on when its person is back."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.looks import nightly
from tests.browser.people import Party, party
from tests.browser.test_chat import say, shows, stored
from tests.browser.test_rooms import Open, by_keys, chat, garden, message, visit
from tests.browser.test_transports import is_online
from tests.service import Service, wait_until

__all__ = ["garden", "party", "visit"]
pytestmark = pytest.mark.timeout(240)
PASSWORD = "correct horse battery"


@pytest.fixture
def den(party: Party, room: str) -> str:
    """A private room of Alice's and Bob's."""
    code = "room = actions.create_room(alice, 'x', title='The Den', visibility='private')\n"
    code += "Membership.objects.create(room=room, user=bob)\nprint(room.name)"
    return party.do(code)


@pytest.fixture
def place(request: pytest.FixtureRequest, kind: str) -> str:
    """A room that everybody reads, or one that Bob reads by right."""
    name: str = request.getfixturevalue("garden" if kind == "open" else "den")
    return name


# How a session ends that a page uses. Each leaves Bob's account as it is.


def by_its_age(page: Page, party: Party) -> None:
    party.do("bob.sessions.update(expire_date=timezone.now())\nactions.sign_out(bob)")


def elsewhere(page: Page, party: Party) -> None:
    party.do("for session in bob.sessions.all(): actions.end_session(bob, session.pk)")


def in_another_tab(page: Page, party: Party) -> None:
    tab = page.context.new_page()
    tab.goto(f"{party.service.url}/accounts/profile/")
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_label("Your name").wait_for()
    tab.close()


def banner(page: Page) -> Locator:
    return page.locator("[data-away]")


def is_signed_out(page: Page) -> None:
    """The page says so, and nothing else."""
    expect(banner(page)).to_contain_text("You are signed out.", timeout=60_000)
    expect(page.locator("[data-status]")).to_have_text("Signed out")
    expect(page.get_by_text("somebody's here")).to_have_count(0)
    expect(page.get_by_text("can't read this room")).to_have_count(0)


def give_password(party: Party, *names: str) -> None:
    for name in names:
        party.do(f"{name}.set_password({PASSWORD!r}); {name}.save(update_fields=['password'])")


def sign_in(page: Page, party: Party, who: str) -> None:
    """By the form that the page shows."""
    page.get_by_label("User name").fill(party.name(who))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def in_this_tab(page: Page, party: Party) -> None:
    banner(page).get_by_role("link", name="Sign in").click()
    sign_in(page, party, "bob")
    is_online(page)


def back_in_another_tab(page: Page, party: Party) -> None:
    tab = page.context.new_page()
    tab.goto(f"{party.service.url}/accounts/sign-in/")
    sign_in(tab, party, "bob")
    tab.locator("[data-chat]").wait_for()
    page.bring_to_front()
    expect(banner(page)).to_be_hidden(timeout=30_000)
    tab.close()


def back_unnoticed(page: Page, party: Party) -> None:
    """Nothing in this browser tells the page: it asks by itself, every 20 s. Its clock was installed before the end."""
    party.sessions[party.name("bob")] = party.service.session(party.name("bob"))
    page.context.add_cookies([party.cookie("bob")])
    page.clock.fast_forward(21_000)
    expect(banner(page)).to_be_hidden(timeout=60_000)


@pytest.mark.parametrize(
    ("kind", "end", "back"),
    [
        ("open", by_its_age, in_this_tab),
        nightly("open", elsewhere, back_in_another_tab),
        ("open", in_another_tab, back_unnoticed),
        ("private", elsewhere, back_in_another_tab),
        nightly("private", by_its_age, back_in_another_tab),
        nightly("private", elsewhere, back_unnoticed),
        nightly("private", in_another_tab, in_this_tab),
    ],
)
def test_what_was_written_waits_and_is_sent_once(
    visit: Open,
    party: Party,
    place: str,
    service: Service,
    end: Callable[[Page, Party], None],
    back: Callable[[Page, Party], None],
) -> None:
    give_password(party, "bob")
    party.sessions[party.name("bob")] = service.session(party.name("bob"))
    bob = chat(visit, party, "bob", place)
    say(bob, "before")
    shows(bob, "before")
    by_keys(bob, message(bob, "before"), "Edit")
    bob.keyboard.type(", and edited")
    bob.clock.install()
    end(bob, party)
    box = bob.locator("[data-composer] textarea")
    box.fill("while signed out")
    box.press("Enter")
    is_signed_out(bob)
    expect(message(bob, "while signed out").locator(".delivery")).to_contain_text("Not sent: you are signed out")
    box.fill("half a thought")
    assert texts(party, place) == ["before"]
    back(bob, party)
    wait_until(lambda: texts(party, place) == ["before", "while signed out"], 20)
    expect(bob.locator(".message[data-state]")).to_have_count(0, timeout=20_000)
    expect(bob.locator("[data-composer] textarea")).to_have_value("half a thought")
    expect(bob.locator(".edit textarea")).to_have_value("before, and edited")
    expect(bob.locator(".message[data-own]")).to_have_count(2)
    party.do("actions.post_message(alice, name, 'welcome back')", name=place)
    expect(message(bob, "welcome back")).to_be_visible(timeout=20_000)
    bob.locator(".edit textarea").press("Enter")
    wait_until(lambda: texts(party, place)[0] == "before, and edited", 20)
    bob.locator("[data-composer] textarea").press("Enter")
    wait_until(lambda: texts(party, place)[-1] == "half a thought", 20)
    assert len(texts(party, place)) == 4
    expect(bob.locator("[data-status]")).to_have_attribute("data-state", "online", timeout=20_000)


def texts(party: Party, room: str) -> list[str]:
    """What is stored, oldest first."""
    found = party.do(
        "print('|'.join(Message.objects.filter(room__name=name).order_by('eid').values_list('text', flat=True)))",
        name=room,
    )
    return found.split("|") if found else []


@pytest.mark.parametrize("loaded", ["as Bob", nightly("as a visitor")])
def test_nothing_is_posted_as_who_signed_in_meanwhile(
    visit: Open, party: Party, garden: str, service: Service, loaded: str
) -> None:
    give_password(party, "alice", "bob")
    if loaded == "as Bob":
        party.sessions[party.name("bob")] = service.session(party.name("bob"))
        page = chat(visit, party, "bob", garden)
        in_another_tab(page, party)
    else:
        page = visit("", f"/{garden}?user=Vera")
        is_online(page)
    tab = page.context.new_page()
    tab.goto(f"{service.url}/accounts/sign-in/?next=/{garden}")
    sign_in(tab, party, "alice")
    is_online(tab)
    box = page.locator("[data-composer] textarea")
    box.fill("not Alice's words")
    box.press("Enter")
    name = party.name("alice")
    expect(banner(page)).to_contain_text(f"you are signed in as {name} now", timeout=20_000)
    expect(message(page, "not Alice's words").locator(".delivery")).to_contain_text("Not sent", timeout=20_000)
    box.fill("nor these")
    assert stored(service, garden) == []
    # Who goes on as Alice finds neither in the form nor on its way what somebody else wrote.
    banner(page).get_by_role("link", name=f"Go on as {name}").click()
    is_online(page)
    expect(page.locator(".message")).to_have_count(0)
    expect(page.locator("[data-composer] textarea")).to_have_value("nor these" if loaded != "as Bob" else "")
    assert stored(service, garden) == []
    if loaded == "as Bob":  # and Bob, who comes back in this tab, finds both
        page.context.clear_cookies()
        party.sessions[party.name("bob")] = service.session(party.name("bob"))
        page.context.add_cookies([party.cookie("bob")])
        page.reload()
        is_online(page)
        wait_until(lambda: stored(service, garden) == ["not Alice's words"], 20)
        expect(page.locator("[data-composer] textarea")).to_have_value("nor these")


def test_the_page_that_nobody_touches_says_it_too(visit: Open, party: Party, garden: str, service: Service) -> None:
    """No post, no presence companion: whoever looks at the page again is told."""
    bob = chat(visit, party, "bob", garden)
    elsewhere(bob, party)
    bob.evaluate("window.dispatchEvent(new Event('focus'))")
    is_signed_out(bob)
    link = banner(bob).get_by_role("link", name="Sign in")
    assert link.get_attribute("href") == f"/accounts/sign-in/?next=%2F{garden}"


def test_a_server_that_is_away_signs_nobody_out(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    bob.route("**/accounts/me/", lambda route: route.fulfill(status=502, body="away"))
    with bob.expect_response("**/accounts/me/") as answer:
        bob.evaluate("window.dispatchEvent(new Event('focus'))")
    answer.value.finished()
    expect(banner(bob)).to_be_hidden()


@pytest.mark.nightly
def test_side_by_side_and_on_a_phone_it_is_the_same(
    visit: Open, party: Party, garden: str, den: str, service: Service
) -> None:
    bob = visit("bob", f"/-/?room={garden}&room={den}", viewport={"width": 390, "height": 780})
    is_online(bob)
    bob.clock.install()
    elsewhere(bob, party)
    is_signed_out(bob)
    assert Axe().run(bob).violations_count == 0
    assert bob.evaluate("document.documentElement.scrollWidth <= innerWidth")
    back_unnoticed(bob, party)
    party.do("actions.post_message(alice, name, 'in the den')", name=den)
    expect(bob.locator(".text", has_text="in the den")).to_be_attached(timeout=20_000)


def test_strangers_are_told_too(visit: Open, party: Party, service: Service) -> None:
    bob = visit("bob", "/strangers")
    bob.get_by_role("button", name="Meet a stranger").click()
    expect(bob.locator("[data-strangers]")).to_have_attribute("data-view", "waiting", timeout=10_000)
    elsewhere(bob, party)
    is_signed_out(bob)


def test_another_message_is_discarded_while_signed_out(
    visit: Open, party: Party, garden: str, service: Service
) -> None:
    bob = chat(visit, party, "bob", garden)
    bob.clock.install()
    elsewhere(bob, party)
    say(bob, "on second thoughts")
    row = message(bob, "on second thoughts")
    row.get_by_role("button", name="Discard").click(timeout=60_000)
    expect(row).to_have_count(0)
    back_unnoticed(bob, party)
    say(bob, "this")
    wait_until(lambda: stored(service, garden) == ["this"], 20)
