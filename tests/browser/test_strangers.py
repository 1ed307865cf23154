"""Strangers in real browsers: they meet by one press, talk, part, and go on to the next."""

import time
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.looks import SCHEMES, nightly
from tests.readers import TRANSPORTS
from tests.service import Service, wait_until

pytestmark = [pytest.mark.present, pytest.mark.timeout(180)]
Visit = Callable[..., Page]
# Leaves the queue, or the partner of now.
LEAVE = """async () => {
  const { pair } = await (await fetch("/strangers/", { headers: { Accept: "application/json" } })).json();
  await fetch(`/strangers/?confirm=${pair?.room ?? ""}`, { method: "DELETE" });
}"""


@pytest.fixture
def visit(chromium: Browser, service: Service) -> Iterator[Visit]:
    """Opens the page in a browser profile of its own, whose visitor leaves at the end; script errors fail the test."""
    service.shell("from chat.models import Tally; Tally.objects.all().delete()")  # all come from one address
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def enter(query: str = "", *, press: bool = True, **options: object) -> Page:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = tab(context, service, query, complaints)
        if press:
            page.get_by_role("button", name="Meet a stranger").click()
            expect(page.locator("[data-strangers]")).not_to_have_attribute("data-view", "idle")
        return page

    yield enter
    for context in contexts:
        if context.pages:
            context.pages[-1].evaluate(LEAVE)
        context.close()
    assert not complaints


def tab(context: BrowserContext, service: Service, query: str = "", complaints: list[str] | None = None) -> Page:
    page = context.new_page()
    if complaints is not None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto(f"{service.url}/strangers{query}")
    return page


def stands(page: Page, view: str, seconds: float = 5) -> None:
    expect(page.locator("[data-strangers]")).to_have_attribute("data-view", view, timeout=seconds * 1000)


def words(page: Page, text: str) -> None:
    expect(page.locator("[data-words]")).to_contain_text(text)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message to the stranger").fill(text)
    page.keyboard.press("Enter")


def shows(page: Page, text: str, seconds: float = 5) -> None:
    expect(page.locator(".message .text", has_text=text)).to_have_count(1, timeout=seconds * 1000)


def present(service: Service, number: int) -> None:
    """Wait until so many visitors who wait or are paired are known to be there."""
    code = (
        "from chat.models import Presence, Stranger\n"
        "print(Presence.objects.filter(room__stranger__state__in=['waiting', 'paired']).count())"
    )
    wait_until(lambda: int(service.shell(code)) == number, 30, f"{number} visitors being present")


def partner_of(page: Page) -> str:
    return page.locator("[data-words] bdi").first.inner_text()


@pytest.mark.parametrize("transport", [TRANSPORTS[0], *map(nightly, TRANSPORTS[1:])])
def test_two_meet_talk_and_part_and_the_third_who_waits_gets_the_one_left(visit: Visit, transport: str) -> None:
    query = f"?transport={transport}"
    ann = visit(query)
    stands(ann, "waiting")
    words(ann, "Looking for a stranger")
    ben = visit(query)
    for page in (ann, ben):
        stands(page, "paired")
    cleo = visit(query)
    stands(cleo, "waiting")
    words(ben, f"You talk to {partner_of(ben)}. They know you as {partner_of(ann)}.")
    say(ann, "hello ben")
    shows(ben, "hello ben")
    say(ben, "hello ann")
    shows(ann, "hello ann")
    expect(cleo.locator(".message")).to_have_count(0)

    name = partner_of(ben)
    ann.get_by_role("button", name="Leave").click()
    stands(ann, "idle")
    stands(ben, "left")
    words(ben, f"{name} left.")
    shows(ben, "hello ben")  # what was read stays until the next one
    ben.get_by_role("button", name="Next").click()
    for page in (ben, cleo):
        stands(page, "paired")
    say(cleo, "hello from cleo")
    shows(ben, "hello from cleo")
    expect(ben.get_by_text("hello ann")).to_have_count(0)


def test_writing_alone_is_answered_in_words_and_the_text_stays(visit: Visit) -> None:
    ann = visit()
    say(ann, "is anybody\nthere")
    field = ann.get_by_label("Message to the stranger")
    expect(ann.locator(".composer [role=alert]")).to_contain_text("Nobody is here to read this.")
    expect(field).to_have_value("is anybody\nthere")
    ben = visit()
    stands(ann, "paired")
    expect(ann.locator(".composer [role=alert]")).to_be_hidden()
    expect(field).to_have_value("is anybody\nthere")
    field.press("Enter")
    shows(ben, "is anybody")
    ben.get_by_role("button", name="Leave").click()
    stands(ann, "left")
    say(ann, "come back")
    expect(ann.locator(".composer [role=alert]")).to_contain_text("Nobody is here to read this.")
    expect(field).to_have_value("come back")


def test_what_is_on_its_way_when_the_partner_leaves_comes_back_to_the_form(visit: Visit) -> None:
    ann = visit()
    ben = visit()
    stands(ann, "paired")
    late: list[Route] = []
    ann.route("**/messages/", lambda route: late.append(route) if route.request.method == "POST" else route.continue_())
    say(ann, "first")
    say(ann, "second")
    expect(ann.locator(".message[data-state=sending]")).to_have_count(2)
    ann.get_by_label("Message to the stranger").fill("third, not sent yet")
    ben.get_by_role("button", name="Leave").click()
    stands(ann, "left")
    late[0].continue_()
    expect(ann.get_by_label("Message to the stranger")).to_have_value("first\nsecond\nthird, not sent yet")
    expect(ann.locator(".composer [role=alert]")).to_contain_text("Nobody is here to read this.")
    expect(ann.locator(".message[data-state]")).to_have_count(0)


def test_two_tabs_are_one_visitor(visit: Visit, service: Service) -> None:
    ann = visit()
    stands(ann, "waiting")
    other = tab(ann.context, service)
    stands(other, "waiting")  # not paired with oneself
    stands(ann, "waiting")
    ben = visit()
    for page in (ann, other):
        stands(page, "paired")
    say(other, "from the other tab")
    shows(ann, "from the other tab")
    shows(ben, "from the other tab")
    ann.reload()
    stands(ann, "paired")
    shows(ann, "from the other tab")
    ann.get_by_role("button", name="Leave").click()
    stands(other, "idle")
    stands(ben, "left")


@pytest.mark.nightly
@pytest.mark.quick
def test_a_browser_that_is_killed_is_announced_and_the_next_one_comes_by_itself(
    visit: Visit, chromium: Browser, service: Service
) -> None:
    other = chromium.browser_type.launch(executable_path=CHROMIUM, args=QUIET)
    gone = tab(other.new_context(), service)
    gone.get_by_role("button", name="Meet a stranger").click()
    stands(gone, "waiting")
    ann = visit()
    ann.get_by_label("look for the next one by itself").check()
    stands(ann, "paired")
    ben = visit()
    stands(ben, "waiting")
    present(service, 3)
    other.close()
    killed = time.monotonic()
    expect(ann.locator("[data-words]")).to_contain_text("the connection was lost", timeout=30_000)
    assert time.monotonic() - killed < 30
    words(ann, "Looking for the next one")
    stands(ann, "paired", 8)
    stands(ben, "paired")
    say(ben, "it is me now")
    shows(ann, "it is me now")
    ann.reload()
    expect(ann.get_by_label("look for the next one by itself")).to_be_checked()


@pytest.mark.quick
def test_who_waits_and_is_gone_is_paired_with_nobody(visit: Visit, service: Service) -> None:
    gone = visit()
    stands(gone, "waiting")
    present(service, 1)
    gone.goto(f"{service.url}/health/live")
    present(service, 0)
    ann = visit()
    stands(ann, "waiting")
    gone.goto(f"{service.url}/strangers")
    stands(gone, "idle")
    words(gone, "You were away")


def test_a_report_that_is_being_written_survives_that_the_partner_leaves(visit: Visit) -> None:
    ann, ben = visit(), visit()
    ann.get_by_label("look for the next one by itself").check()
    stands(ann, "paired")
    ann.get_by_role("button", name="Report").click()
    ann.get_by_label("What happened?").fill("She said")
    ann.clock.install()
    ben.get_by_role("button", name="Leave").click()
    stands(ann, "left")
    ann.clock.run_for(20_000)
    stands(ann, "left")  # and nobody is looked for meanwhile
    expect(ann.get_by_label("What happened?")).to_have_value("She said")
    expect(ann.get_by_label("What happened?")).to_be_focused()
    ann.keyboard.press("Escape")
    ann.clock.run_for(20_000)
    stands(ann, "waiting", 6)


def test_next_block_and_report(visit: Visit, service: Service) -> None:
    ann, ben = visit(), visit()
    for page in (ann, ben):
        stands(page, "paired")
    say(ben, "something rude")
    shows(ann, "something rude")
    ann.get_by_role("button", name="Report").click()
    ann.get_by_label("What happened?").fill("He was rude.")
    ann.get_by_role("button", name="Report", exact=True).click()
    stands(ann, "idle")
    stands(ben, "left")
    kept = service.shell("from chat.models import Report; r = Report.objects.get(); print(r.reason, '|', r.excerpt)")
    assert kept.strip() == "He was rude. | Reported: something rude"
    expect(ann.get_by_label("What happened?")).to_be_hidden()
    ann.get_by_role("button", name="Meet a stranger").click()
    ben.get_by_role("button", name="Next").click()
    for page in (ann, ben):
        stands(page, "waiting")
    cleo = visit()
    stands(cleo, "paired")
    first = partner_of(cleo)
    cleo.get_by_role("button", name="Next").click()
    expect(cleo.locator("[data-words] bdi").first).not_to_have_text(first)  # of the two who wait, the other one
    cleo.get_by_role("button", name="Block").focus()
    cleo.keyboard.press("Enter")
    expect(cleo.get_by_role("button", name="Block", exact=True)).to_be_focused()
    cleo.keyboard.press("Escape")
    expect(cleo.get_by_role("button", name="Block")).to_be_focused()
    cleo.keyboard.press("Enter")
    cleo.keyboard.press("Enter")
    stands(cleo, "idle")


@pytest.mark.nightly
def test_whom_one_blocked_is_listed_and_can_be_met_again(visit: Visit) -> None:
    ann, ben = visit(viewport={"width": 390, "height": 800}), visit()
    stands(ann, "paired")
    name = partner_of(ann)
    ann.get_by_role("button", name="Block").click()
    ann.get_by_role("button", name="Block", exact=True).click()
    stands(ann, "idle")
    ann.get_by_text("Strangers you blocked").press("Enter")
    expect(ann.locator("[data-blocks] li")).to_contain_text(name)
    found = Axe().run(ann)
    assert found.violations_count == 0, found.generate_report()
    assert ann.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ann.reload()  # it is not of this page alone
    ann.get_by_text("Strangers you blocked").click()
    ann.get_by_role("button", name=f"Unblock {name}").press("Enter")
    expect(ann.locator("[data-blocks-words]")).to_have_text("Unblocked: you may meet again. You block nobody.")
    expect(ann.locator("[data-blocks] summary")).to_be_focused()
    ann.get_by_role("button", name="Meet a stranger").click()
    ben.get_by_role("button", name="Next").click()
    for page in (ann, ben):
        stands(page, "paired", 20)


@SCHEMES
def test_each_state_is_accessible_and_fits_a_phone(visit: Visit, scheme: str) -> None:
    def check(page: Page) -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box = page.get_by_label("Message to the stranger").bounding_box()
        assert box is None or box["y"] + box["height"] <= 800

    phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme}
    ann = visit(press=False, **phone)
    check(ann)
    ann.keyboard.press("Tab")
    ann.get_by_role("button", name="Meet a stranger").press("Enter")
    stands(ann, "waiting")
    check(ann)
    ben = visit()
    stands(ann, "paired")
    say(ben, "hello")
    shows(ann, "hello")
    check(ann)
    ann.get_by_role("button", name="Report").click()
    check(ann)
    ben.get_by_role("button", name="Leave").click()
    stands(ann, "left")
    check(ann)


def test_the_page_is_linked_from_the_first_page_and_the_rooms(chromium: Browser, service: Service) -> None:
    page = chromium.new_page()
    for path in ("/", "/rooms/"):
        page.goto(service.url + path)
        page.get_by_role("link", name="meet a stranger").click()
        expect(page.get_by_role("heading", name="Strangers")).to_be_visible()
    page.close()
