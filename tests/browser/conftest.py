"""A real Chromium, driven by Playwright, on a real service."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.receiver import NETWORK
from tests.service import Service

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# What takes minutes takes seconds (chat.times).
QUICK = {"TIMES_DIVISOR": "10"}


@pytest.fixture(scope="session")
def usual_service() -> Iterator[Service]:
    """The service of all tests but those below, with the companion of webhooks. Nobody is present in it."""
    with Service(HOOK_ALLOWED_NETWORKS=NETWORK, ADDRESS_SIGN_UP_LIMIT="1000/hour") as running:
        running.start("hooks")
        yield running


@pytest.fixture(scope="session")
def present_service() -> Iterator[Service]:
    """A service with the companion of presence, whose times are a tenth."""
    with Service(**QUICK) as running:
        running.start_presence()
        yield running


@pytest.fixture(scope="session")
def patient_service() -> Iterator[Service]:
    """A service with the companion of presence in real time, parts of which tests end and start again."""
    with Service() as running:
        running.start_presence()
        yield running


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service:
    """The service the browser speaks to: one for all tests of this process, each of which has rooms of its own.

    A test with the marker `breaks` ends parts of its service, and has the patient one. The integration tests cover
    both databases."""
    breaks = request.node.get_closest_marker("breaks")
    found: Service = request.getfixturevalue("patient_service" if breaks else "usual_service")
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-component-update"])
        yield browser
        browser.close()


@pytest.fixture
def person(chromium: Browser, service: Service) -> Iterator[Callable[..., Page]]:
    """Opens the chat as somebody, in a browser profile of their own; a script error or CSP violation fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def enter(name: str, room: str, before: Callable[[Page], object] | None = None, **options: object) -> Page:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        if before is not None:
            before(page)
        page.goto(f"{service.url}/{room}")
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button").first.click()
        page.locator("[data-chat]").wait_for()
        if options.get("java_script_enabled", True):  # Enter is a new line until the page's script has begun
            page.locator("[data-status]").wait_for()
        return page

    yield enter
    for context in contexts:
        context.close()
    assert not complaints
