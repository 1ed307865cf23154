"""Accounts in a browser: sign up, sign in and out, be a guest, become an account; with and without JavaScript."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import FEW_LOOKS, nightly
from tests.service import Service, free_port, wait_until

pytestmark = pytest.mark.timeout(120)
PASSWORD = "correct horse battery"


@pytest.fixture
def name() -> str:
    """A user name that no other test uses: letters, since digits look like some."""
    return "user" + "".join("abcdefghkn"[int(digit)] for digit in str(free_port()))


WITH_SCRIPTS, WITHOUT_SCRIPTS = "with scripts", "without scripts"


@pytest.fixture
def visit(request: pytest.FixtureRequest, chromium: Browser, service: Service) -> Iterator[Callable[[str], Page]]:
    """Opens an address of the service in a browser profile of its own."""
    contexts = []

    def open_page(address: str) -> Page:
        contexts.append(chromium.new_context(java_script_enabled=request.param == WITH_SCRIPTS))
        page = contexts[-1].new_page()
        page.goto(service.url + address)
        return page

    yield open_page
    for context in contexts:
        context.close()


def fill(page: Page, button: str, **fields: str) -> None:
    """Fill a form by its labels and send it."""
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " ")).fill(value)
    page.get_by_role("button", name=button).click()


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-messages] .text").last).to_have_text(text)


@pytest.mark.parametrize("visit", [WITHOUT_SCRIPTS, nightly(WITH_SCRIPTS)], indirect=True)
def test_sign_up_out_and_in_again(visit: Callable[[str], Page], name: str, room: str) -> None:
    page = visit(f"/{room}")
    page.get_by_role("link", name="Sign up").click()
    fill(page, "Sign up", User_name=name, Password="short")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.locator("#id_password_error")).to_contain_text("too short")
    expect(page.get_by_label("User name")).to_have_value(name)
    fill(page, "Sign up", Password=PASSWORD)
    page.wait_for_url(f"**/{room}*")
    expect(page.get_by_text("There is no room of this name yet.")).to_be_visible()
    fill(page, "Make the room")
    say(page, "hello")
    expect(page.locator(".author").last).to_have_text(name)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your name")).to_be_visible()
    # As a visitor nobody gets the name.
    fill(page, "Join the room", Your_name=name.upper())
    expect(page.get_by_role("alert")).to_contain_text("belongs to somebody")
    page.get_by_role("link", name="Sign in").click()
    fill(page, "Sign in", User_name=name, Password="wrong")
    expect(page.locator("#id_password_error")).to_have_text("User name or password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    fill(page, "Sign in", Password=PASSWORD)
    expect(page.locator("[data-chat]")).to_be_visible()
    # Another display name, from the next message on.
    page.get_by_role("link", name="Your profile").click()
    fill(page, "Save the name", Display_name=f"{name} the second")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.goto(f"{page.url.split('/accounts')[0]}/{room}")
    say(page, "hello again")
    expect(page.locator(".author").last).to_have_text(f"{name} the second")


@pytest.mark.parametrize("visit", [WITH_SCRIPTS, nightly(WITHOUT_SCRIPTS)], indirect=True)
def test_a_guest_becomes_an_account_and_keeps_what_they_wrote(
    visit: Callable[[str], Page], service: Service, name: str, room: str
) -> None:
    page = visit(f"/{room}")
    page.get_by_role("link", name="Keep a name on this device").click()
    fill(page, "Keep this name", Your_name=name)
    page.wait_for_url(f"**/{room}*")
    fill(page, "Make the room", Title="A room of a guest")
    expect(page.get_by_role("heading", name="A room of a guest")).to_be_visible()
    say(page, "as a guest")
    assert service.post(room, "hi", name.upper()).status == 409
    page.get_by_role("link", name="Your profile").click()
    page.get_by_role("link", name="Make it an account").click()
    fill(page, "Make the account", User_name=f"{name}x", Password=PASSWORD)
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.get_by_role("link", name="Change the password").click()
    fill(page, "Change the password", Current_password=PASSWORD, New_password=f"{PASSWORD} two")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.get_by_role("button", name="Sign out").click()
    there = visit("/accounts/sign-in/")
    fill(there, "Sign in", User_name=f"{name}x", Password=f"{PASSWORD} two")
    expect(there.locator("[data-chat]")).to_be_visible()
    there.goto(f"{service.url}/{room}")
    expect(there.locator(".message").first).to_have_attribute("data-verified", "true")
    say(there, "as an account")

    def authors() -> list[str]:
        return [message["from"] for message in service.get(f"/rooms/{room}/messages/").json()["messages"]]

    wait_until(lambda: authors() == [name, name], 10, "the message of the account")  # shown before it is stored
    there.goto(f"{service.url}/accounts/close/")
    fill(there, "Close my account", Your_password=f"{PASSWORD} two")
    expect(there.get_by_label("Your name")).to_be_visible()
    assert service.post(room, "hi", name).status == 409


@FEW_LOOKS
def test_every_page_about_people_is_accessible_and_fits(
    chromium: Browser, service: Service, name: str, scheme: str, size: tuple[int, int]
) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})  # type: ignore[arg-type]
    page = context.new_page()

    def check(address: str) -> None:
        if address:
            page.goto(service.url + address)
        assert Axe().run(page).violations_count == 0, address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

    nothing = f"/{name}-room"  # a name that no room has
    for address in ("/", nothing, "/accounts/sign-in/", "/accounts/sign-up/", "/accounts/guest/?next=/default"):
        check(address)
    page.get_by_label("Your name").fill(f"{name} with a name that is rather long for a header")
    page.get_by_role("button").click()
    page.locator("[data-chat]").wait_for()
    check("")
    assert page.locator(".room h1").evaluate("title => title.scrollWidth <= title.clientWidth")
    for address in (nothing, "/accounts/profile/", "/accounts/close/", "/accounts/become/"):
        check(address)
    fill(page, "Make the account", User_name="a b", Password="short")
    check("")
    fill(page, "Make the account", User_name=name, Password=PASSWORD)
    for address in ("/accounts/profile/?saved", "/accounts/password/", "/accounts/close/"):
        check(address)
    context.close()
