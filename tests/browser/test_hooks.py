"""The page of a room's webhooks, as its owner uses it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.looks import FEW_LOOKS
from tests.browser.people import Party, party
from tests.receiver import Receiver
from tests.service import Service

__all__ = ["party"]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def alice(chromium: Browser, service: Service, party: Party, room: str) -> Iterator[Page]:
    """The page of webhooks of a room of Alice's; a script error fails the test."""
    complaints: list[str] = []
    party.do("actions.create_room(alice, name, title='The Garden')", name=room)
    context = chromium.new_context()
    context.add_cookies([party.cookie("alice")])
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto(f"{service.url}/rooms/{room}/settings/")
    page.get_by_role("link", name="Webhooks", exact=True).click()
    yield page
    context.close()
    assert not complaints


def row(page: Page, url: str) -> Locator:
    return page.locator(".row", has_text=url)


def test_webhooks_are_made_used_tested_switched_and_withdrawn(alice: Page, service: Service, room: str) -> None:
    alice.get_by_label("Name to post under").fill(f"CI {room}")
    alice.get_by_role("button", name="Make an incoming webhook").click()
    secret, address = (alice.get_by_label(name).input_value() for name in ("The secret", "The address to post to"))
    alice.get_by_role("button", name="Copy the secret").click()
    expect(alice.get_by_role("button", name=re.compile("Copied|Ctrl"))).to_have_count(1)
    path = address.removeprefix(service.url)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert service.request("POST", path, b"text=built", bearer).status == 201
    with Receiver() as receiver:
        alice.get_by_label("Address to tell").fill("http://127.0.0.1/")
        alice.get_by_role("button", name="Make an outgoing webhook").click()
        expect(alice.get_by_role("alert")).to_contain_text("may call")
        expect(alice.get_by_label("Address to tell")).to_have_attribute("aria-invalid", "true")
        alice.get_by_label("Address to tell").fill(receiver.url)
        alice.get_by_role("button", name="Make an outgoing webhook").click()
        expect(alice.get_by_label("The secret")).to_have_value(re.compile("^whsec_"))
        receiver.status = 500
        service.say(room, "one")
        row(alice, receiver.url).get_by_role("link", name="Log").click()
        expect_after_reload(alice, "The receiver answered 500.")
        alice.get_by_role("link", name="Webhooks").click()
        expect(row(alice, receiver.url)).to_contain_text("Failing")
        receiver.status = 200
        row(alice, receiver.url).get_by_role("button", name="Test").click()
        expect(alice.get_by_role("status")).to_contain_text("on its way")
        row(alice, receiver.url).get_by_role("link", name="Log").click()
        expect_after_reload(alice, "200")
        alice.go_back()
        row(alice, receiver.url).get_by_role("button", name="Switch off").click()
        expect(row(alice, receiver.url)).to_contain_text("switched it off")
        row(alice, receiver.url).get_by_role("button", name="Switch on").click()
        expect(row(alice, receiver.url).locator(".badge")).to_have_text("On")
        row(alice, receiver.url).get_by_role("button", name="Withdraw").click()
        expect(row(alice, receiver.url)).to_have_count(0)
    row(alice, "CI").get_by_role("button", name="Withdraw").click()
    expect(alice.get_by_text("There is none.")).to_have_count(2)
    assert service.request("POST", path, b"text=built", bearer).status == 404


def expect_after_reload(page: Page, text: str) -> None:
    """The log is not live: it is loaded again until it says so."""
    for _ in range(40):
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_text(text)).to_be_visible()


@FEW_LOOKS
def test_the_pages_are_accessible_and_fit(
    alice: Page, party: Party, room: str, scheme: str, size: tuple[int, int], tmp_path: Path
) -> None:
    code = """
from django.utils import timezone
from chat.models import Delivery, OutgoingHook
room = room_of(alice, name)
actions.make_incoming_hook(alice, room, f'Deploys of {name}')
path = 'receiver-with-a-long-name.example/corkboard?key=' + 'k' * 30
hooks = [actions.make_outgoing_hook(alice, room, f'https://{n}.{path}') for n in range(3)]
OutgoingHook.objects.filter(pk=hooks[1].pk).update(failures=4, failing_since=timezone.now(), retry_at=timezone.now())
actions.enable_hook(alice, room, hooks[2], False)
Delivery.objects.create(hook=hooks[0], type='message', eid=7, attempt=1, error='No answer in time.', ms=10000)
Delivery.objects.create(hook=hooks[0], type='message', eid=7, attempt=2, status=204, ms=12)
print(hooks[0].public_id)
"""
    hook = party.do(code, name=room)
    alice.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    alice.set_viewport_size({"width": size[0], "height": size[1]})
    alice.get_by_label("Name to post under").fill(f"CI {room}")
    alice.get_by_role("button", name="Make an incoming webhook").click()
    for page, path in (("hooks", ""), ("log", f"/rooms/{room}/hooks/{hook}/deliveries/")):
        if path:
            alice.goto(f"{party.service.url}{path}")
        alice.screenshot(path=tmp_path / f"{page}-{scheme}-{size[0]}.png", full_page=True)
        assert alice.evaluate("document.documentElement.scrollWidth <= innerWidth"), page
        assert Axe().run(alice).violations_count == 0, page
