"""A real Chromium, driven by Playwright, on a real service."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.receiver import NETWORK
from tests.scope import ALL
from tests.service import Service

# The same engine without windows of its own takes a third of the time of a processor: docs/testing.md.
CHROMIUM = "/usr/bin/chromium" if ALL else "/usr/bin/chromium-headless-shell"
SERVICES = ("quick", "present", "usual")
ELSEWHERE = "chat.test"  # this machine, but not to the browser, which gives less to plain http from elsewhere
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
]


@pytest.hookimpl(trylast=True)  # after the order was drawn at random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put together what needs the same service. xdist gives the first half to one process and the other half to another
    one (`--dist worksteal`), so not each has to start them all."""
    items.sort(key=lambda item: "browser" in item.path.parts and 1 + SERVICES.index(kind_of(item)))


def kind_of(item: pytest.Item) -> str:
    """Which of the services a test has."""
    return next((kind for kind in SERVICES if item.get_closest_marker(kind)), SERVICES[-1])


@pytest.fixture(scope="session")
def usual_service() -> Iterator[Service]:
    """The service of most tests, with the companion of webhooks. Nobody is present in it."""
    with Service(HOOK_ALLOWED_NETWORKS=NETWORK, ADDRESS_SIGN_UP_LIMIT="1000/hour") as running:
        running.start("hooks")
        yield running


@pytest.fixture(scope="session")
def present_service() -> Iterator[Service]:
    """A service with the companion of presence. A test may end other parts of it, and start them again."""
    with Service(ALLOWED_HOSTS=ELSEWHERE) as running:
        running.start_presence()
        yield running


@pytest.fixture(scope="session")
def quick_service() -> Iterator[Service]:
    """The same, but its times are a tenth (chat.times): whoever is gone is so in a second."""
    with Service(TIMES_DIVISOR="10", WEB_WORKERS="1") as running:
        running.start_presence()
        yield running


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service:
    """The service the browser speaks to: one for all tests of this process, each of which has rooms of its own.

    The markers `quick` and `present` give a test one of the other two. The integration tests cover both databases.
    """
    found: Service = request.getfixturevalue(f"{kind_of(request.node)}_service")
    for name in {"pushpin", "gunicorn", "relay"} - set(found.processes):  # ended by a test that failed
        found.start(name)
    found.wait_ready()
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
