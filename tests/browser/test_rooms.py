"""Rooms and what changes in them, as people see it on open pages."""

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser.looks import LOOKS
from tests.browser.people import Party, party
from tests.browser.test_chat import say, shows
from tests.browser.test_transports import asked, is_online
from tests.browser.waiting import wait_for
from tests.service import Service, wait_until

__all__ = ["party"]
pytestmark = pytest.mark.timeout(180)
Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, service: Service, party: Party) -> Iterator[Open]:
    """Opens an address as somebody who is signed in, or as nobody; a script error fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(who: str, path: str, **options: object) -> Page:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        if who:
            context.add_cookies([party.cookie(who)])
        page.goto(f"{service.url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def garden(party: Party, room: str) -> str:
    """An open room of Alice's, of which Bob is a member."""
    code = "actions.create_room(alice, name, title='The Garden', topic='Roses')\n"
    code += "actions.join_room(bob, room_of(bob, name))"
    party.do(code, name=room)
    return room


def chat(visit: Open, party: Party, who: str, room: str, **options: object) -> Page:
    """The chat of a room, followed."""
    page = visit(who, f"/{room}?user={party.name(who)}", **options)
    is_online(page)
    return page


def message(page: Page, text: str) -> Locator:
    """The message of this text."""
    return page.locator(".message", has=page.locator(".text", has_text=text))


def by_keys(page: Page, of: Locator, *names: str) -> None:
    """Open a message's actions and choose by keyboard only."""
    of.get_by_role("button", name="Actions").focus()
    page.keyboard.press("Enter")
    for name in names:
        expect(of.get_by_role("button", name=name, exact=True)).to_be_visible()
        while page.evaluate("document.activeElement.textContent") != name:
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")


def test_an_edit_and_a_deletion_are_seen_live_and_stay_after_a_reload(visit: Open, party: Party, garden: str) -> None:
    alice, bob = chat(visit, party, "alice", garden), chat(visit, party, "bob", garden)
    for text in ("first words", "second words", "third words"):
        say(bob, text)
    shows(alice, "first words", "second words", "third words")

    by_keys(bob, message(bob, "first words"), "Edit")
    bob.keyboard.press("Control+A")
    bob.keyboard.type("better words")
    bob.keyboard.press("Enter")
    for page in (alice, bob):
        expect(message(page, "better words").locator(".edited")).to_contain_text("edited", timeout=10_000)
    assert "first words" not in alice.content() + bob.content()

    by_keys(bob, message(bob, "second words"), "Delete", "Delete")
    by_keys(alice, message(alice, "third words"), "Delete", "Delete")
    for page in (alice, bob):
        expect(page.locator(".deleted:visible")).to_have_text(["This message was deleted."] * 2, timeout=10_000)
        for gone in ("second words", "third words"):
            assert gone not in page.content()
            assert gone not in page.evaluate("JSON.stringify({...sessionStorage})")
    live = [rows(page) for page in (alice, bob)]
    for page, before in zip((alice, bob), live, strict=True):
        page.reload()
        is_online(page)
        assert rows(page) == before


def test_a_text_deleted_while_its_history_is_on_its_way_or_edited_is_not_shown(
    visit: Open, party: Party, garden: str
) -> None:
    party.do("for number in range(60): actions.post_message(bob, name, f'text {number}.')", name=garden)
    held: list[tuple[Route, APIResponse]] = []
    bob = visit("bob", f"/{garden}?user={party.name('bob')}")
    bob.route("**/messages/?before=*", lambda route: held.append((route, route.fetch())))
    is_online(bob)
    bob.locator("[data-log]").evaluate("log => log.scrollTop = -log.scrollHeight")
    wait_for(bob, lambda: held, what="the request for earlier messages")
    assert "text 3." in held[0][1].text()
    by_keys(bob, message(bob, "text 30."), "Edit")
    bob.keyboard.type(" and a draft")
    delete = "for eid in (4, 31): actions.delete_message(alice, room_of(alice, name), eid)"
    party.do(delete, name=garden)
    expect(bob.locator(".deleted:visible")).to_have_count(1, timeout=10_000)
    expect(bob.locator(".edit")).to_have_count(0)
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(message(bob, "text 5.")).to_be_attached(timeout=10_000)
    expect(bob.locator(".deleted:not([hidden])")).to_have_count(2)
    for gone in ("text 3.", "text 30.", "and a draft"):
        assert gone not in bob.content()


def rows(page: Page) -> list[list[object]]:
    """What the log shows, message by message."""
    show = """rows => rows.map(row => [row.dataset.id, row.dataset.type, row.hasAttribute('data-deleted'),
        row.hasAttribute('data-own'), row.querySelector('.note').innerText, row.querySelector('.more').hidden])"""
    found: list[list[object]] = page.locator("[data-messages] .message").evaluate_all(show)
    return found


def test_a_refused_edit_is_said_in_words_and_the_text_stays(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    say(bob, "my words")
    row = message(bob, "my words")
    expect(row.get_by_role("button", name="Actions")).to_be_visible()
    by_keys(bob, row, "Edit")
    party.do("actions.change_room(alice, room_of(alice, name), archived=True)", name=garden)
    expect(bob.locator("[data-closed-words]")).to_contain_text("archived", timeout=10_000)
    bob.keyboard.type("!")
    bob.keyboard.press("Enter")
    expect(row.get_by_role("alert")).to_contain_text("archived")
    bob.keyboard.press("Escape")
    expect(row.locator(".text")).to_have_text("my words")


@pytest.mark.parametrize(
    ("author", "method", "choices", "seen"),
    [
        ("alice", "PATCH", ["Edit"], "words too"),
        ("bob", "DELETE", ["Delete", "Delete"], "This message was deleted."),
        ("bob", "POST", ["Mute…", "1 hour"], "Muted."),
    ],
)
def test_an_answer_that_comes_late_takes_the_focus_from_nobody_who_writes(
    visit: Open, party: Party, garden: str, author: str, method: str, choices: list[str], seen: str
) -> None:
    """Else what is typed next presses a button of the message, and is lost."""
    page = chat(visit, party, "alice", garden)
    party.do(f"actions.post_message({author}, name, 'words')", name=garden)
    expect(message(page, "words")).to_be_visible(timeout=10_000)
    held: list[Route] = []
    hold = lambda route: held.append(route) if route.request.method == method else route.continue_()  # noqa: E731
    page.route(re.compile(r"/(messages/\d+|restrictions)/$"), hold)
    by_keys(page, message(page, "words"), *choices)
    if method == "PATCH":
        page.keyboard.type(" too")
        page.keyboard.press("Enter")
    wait_for(page, lambda: held)
    page.locator("[data-composer] textarea").focus()
    page.keyboard.type("half a ")
    held[0].continue_()
    expect(page.get_by_text(seen)).to_be_visible()
    page.keyboard.type("word")
    page.keyboard.press("Enter")
    expect(message(page, "half a word")).to_be_visible()


def test_a_moderator_mutes_and_bans_the_author_of_a_message(visit: Open, party: Party, garden: str) -> None:
    alice, bob = chat(visit, party, "alice", garden), chat(visit, party, "bob", garden)
    say(bob, "too loud")
    shows(alice, "too loud")
    by_keys(alice, message(alice, "too loud"), "Mute…", "1 hour")
    expect(message(alice, "too loud").get_by_role("status")).to_have_text("Muted.", timeout=10_000)
    say(bob, "hello?")
    expect(message(bob, "hello?").locator(".delivery")).to_contain_text("muted you", timeout=10_000)
    alice.keyboard.press("Escape")
    by_keys(alice, message(alice, "too loud"), "Ban…", "Ban")
    expect(bob.locator("[data-closed-words]")).to_contain_text("A moderator removed you", timeout=20_000)
    shows(alice, "too loud")


def test_nobody_is_offered_what_they_may_not_do(visit: Open, party: Party, garden: str) -> None:
    party.do("actions.post_message(alice, name, 'of alice'); actions.post_message(bob, name, 'of bob')", name=garden)
    offered = {"alice": ["of alice", "of bob"], "bob": ["of bob"], "charlie": []}
    for who, texts in offered.items():
        page = chat(visit, party, who, garden)
        expect(page.locator(".message:has(.more:not([hidden])) .text")).to_have_text(texts)
    nobody = visit("", f"/{garden}?user=bob")
    is_online(nobody)
    expect(nobody.locator(".more:visible")).to_have_count(0)


def test_types_are_told_apart_by_words_too_live_and_after_a_reload(visit: Open, party: Party, garden: str) -> None:
    alice, bob = chat(visit, party, "alice", garden), chat(visit, party, "bob", garden)
    kinds = ["Message", "Warning", "Alert", "Note"]
    for kind in kinds:
        alice.get_by_label("Kind of message").select_option(kind)
        say(alice, f"a {kind}")
        shows(bob, *(f"a {said}" for said in kinds[: kinds.index(kind) + 1]))
    expect(bob.get_by_label("Kind of message")).to_have_count(0)
    for _ in ("live", "reloaded"):
        for kind in kinds[1:]:
            expect(message(bob, f"a {kind}").locator(".kind")).to_have_text(re.compile(kind))
            expect(message(bob, f"a {kind}").locator(f".kind span:has-text('{kind}')")).to_be_visible()
        expect(message(bob, "a Message").locator(".kind")).to_be_hidden()
        styles = bob.locator(".message .note").evaluate_all(
            "notes => notes.map(note => getComputedStyle(note).borderStyle + getComputedStyle(note).backgroundColor)"
        )
        assert len(set(styles)) == 4
        assert Axe().run(bob).violations_count == 0
        bob.reload()
        is_online(bob)


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_who_comes_and_goes_is_a_quiet_line_and_moves_no_position(
    visit: Open, party: Party, garden: str, service: Service, transport: str
) -> None:
    bob = visit("bob", f"/{garden}?user={party.name('bob')}&transport={transport}")
    is_online(bob)
    service.say(garden, "one")
    shows(bob, "one")
    notice = """
from chat import channels, publish
from django_eventstream.utils import sse_encode_event
from gripcontrol import HttpStreamFormat, WebSocketMessageFormat
room = Room.objects.get(name=name)
items = []
for kind in ('enter', 'leave'):
    data = {'room': room.name, 'name': 'Zoe'}
    frame = json.dumps({'type': kind, 'data': data})
    formats = [HttpStreamFormat(sse_encode_event(kind, data, json_encode=True)), WebSocketMessageFormat(frame)]
    items.append(publish.encode_item(channels.control(room.pk, room.rights), formats))
publish.send(items)
"""
    party.do(notice, name=garden)
    expect(bob.locator("[data-notice]")).to_have_count(2, timeout=10_000)
    assert [line.split()[:3] for line in bob.locator("[data-notice]").all_inner_texts()]
    service.say(garden, "two")
    expect(bob.locator(".message .text")).to_have_text(["one", "came in", "left", "two"], timeout=10_000)
    bob.evaluate("dispatchEvent(new Event('online'))")  # resumes: nothing lost, nothing twice
    service.say(garden, "three")
    expect(bob.locator(".message .text")).to_have_text(["one", "came in", "left", "two", "three"], timeout=10_000)
    assert Axe().run(bob).violations_count == 0


def test_a_changed_room_changes_the_open_page(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    alice = visit("alice", f"/rooms/{garden}/settings/")
    alice.get_by_label("Title", exact=True).fill("The <b>Orchard</b>")
    alice.get_by_label("Topic").fill("Apples")
    alice.get_by_label("Archived").check()
    alice.get_by_role("button", name="Save").click()
    expect(bob.get_by_role("heading", level=1)).to_contain_text("The <b>Orchard</b>", timeout=10_000)
    expect(bob.locator("[data-topic]")).to_have_text("Apples")
    expect(bob).to_have_title("The <b>Orchard</b> · Corkboard")
    expect(bob.get_by_role("textbox")).to_have_count(0)
    expect(bob.locator("[data-closed-words]")).to_contain_text("archived")
    alice.get_by_label("Archived").uncheck()
    alice.get_by_role("button", name="Save").click()
    expect(bob.get_by_role("textbox")).to_be_enabled(timeout=10_000)
    say(bob, "apples!")
    shows(bob, "apples!")


def test_the_header_has_the_members_and_a_way_to_write_to_one_of_them(visit: Open, party: Party, garden: str) -> None:
    bob = chat(visit, party, "bob", garden)
    bob.get_by_text("Members", exact=True).focus()
    bob.keyboard.press("Enter")
    rows = bob.locator("[data-members] li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("owner")
    expect(rows.get_by_role("button")).to_have_count(1)
    assert Axe().run(bob).violations_count == 0
    bob.get_by_role("button", name="Write to").click()
    bob.wait_for_url(re.compile(r"/x-[0-9a-f]+"))
    expect(bob.get_by_role("heading", level=1)).to_contain_text(party.name("alice"))


def test_a_private_room_by_invite_and_removed_while_reading(visit: Open, party: Party, service: Service) -> None:
    alice = visit("alice", "/rooms/")
    alice.get_by_label("Title", exact=True).fill("The Den")
    alice.get_by_label("Private").check()
    alice.get_by_role("button", name="Make the room").click()
    name = alice.url.rpartition("/")[2].partition("?")[0]
    assert name.startswith("x-")
    charlie = visit("charlie", "/rooms/")
    assert "The Den" not in charlie.content()
    alice.goto(f"{service.url}/rooms/{name}/settings/")
    alice.get_by_role("button", name="Make a link").click()
    secret = alice.get_by_label("The new link").input_value().rstrip("/").rpartition("/")[2]
    party.do("actions.accept_invite(charlie, secret)", secret=secret)
    charlie.reload()
    expect(charlie.get_by_role("link", name="The Den", exact=True)).to_be_visible()
    charlie.goto(f"{service.url}/{name}?user={party.name('charlie')}")
    is_online(charlie)
    party.do("actions.post_message(alice, name, 'welcome')", name=name)
    shows(charlie, "welcome")

    alice.reload()
    alice.get_by_role("button", name=f"Remove {party.name('charlie')}").click()
    expect(alice.get_by_role("status").first).to_contain_text("not a member any more")
    party.do("actions.post_message(alice, name, 'between us')", name=name)
    expect(charlie.locator("[data-closed-words]")).to_contain_text("can't read this room any more", timeout=20_000)
    expect(charlie.get_by_role("textbox")).to_have_count(0)
    shows(charlie, "welcome")
    assert "between us" not in charlie.content()
    charlie.reload()
    expect(charlie.get_by_role("heading")).to_contain_text("Not found")


def test_the_buttons_of_a_moderator_are_on_the_screen_of_a_phone(visit: Open, party: Party, garden: str) -> None:
    code = "for n in range(3): actions.post_message(bob, name, f'{n} is a line that is as wide as a phone')"
    party.do(code, name=garden)
    phone = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
    alice = chat(visit, party, "alice", garden, **phone)
    assert alice.evaluate("document.documentElement.scrollWidth") == 390
    buttons = alice.locator(".message[data-continued] .more")
    expect(buttons).to_have_count(2)
    for box in (button.bounding_box() for button in buttons.all()):
        assert box is not None
        assert box["x"] + box["width"] <= 390


def test_a_room_made_private_goes_on_for_members_and_others_are_told(
    visit: Open, party: Party, garden: str, service: Service
) -> None:
    alice, bob = chat(visit, party, "alice", garden), chat(visit, party, "bob", garden)
    charlie, zoe = chat(visit, party, "charlie", garden), visit("", f"/{garden}?user=zoe")
    board = visit("bob", f"/-/?room={garden}&room=default")
    for page in (zoe, board):
        is_online(page)
    alice.get_by_role("textbox").fill("half a thought")
    bob.get_by_role("textbox").fill("half of another")
    new = party.do(
        "print(actions.change_room(alice, room_of(alice, name), visibility='private').name)",
        name=garden,
    )
    alice.wait_for_url(re.compile(f"/{new}"), timeout=20_000)
    is_online(alice)
    expect(alice.get_by_role("textbox")).to_have_value("half a thought")
    words = bob.locator("[data-closed-words]")
    expect(words).to_have_text("This room is private now. It goes on at The Garden", timeout=20_000)
    expect(column(board, garden).locator("[data-closed-words]")).to_have_text(
        "This room is private now. It goes on at The Garden", timeout=20_000
    )
    assert Axe().run(bob).violations_count == 0
    gone = "This room is not open any more: it was made private, or it was deleted."
    expect(charlie.locator("[data-closed-words]")).to_have_text(f"{gone} See your rooms", timeout=20_000)
    expect(zoe.locator("[data-closed-words]")).to_have_text(gone, timeout=20_000)
    for page in (charlie, zoe):
        assert new not in page.content()
    words.get_by_role("link", name="The Garden").click()
    is_online(bob)
    assert f"/{new}" in bob.url
    expect(bob.get_by_role("textbox")).to_have_value("half of another")
    say(alice, "here we are")
    shows(bob, "here we are")
    service.say("default", "still here", "zoe")
    expect(column(board, "default").locator(".text").last).to_have_text("still here", timeout=10_000)


def column(page: Page, room: str) -> Locator:
    """The part of a room on a page with several."""
    return page.locator(f"[data-room='{room}']")


def test_two_rooms_side_by_side_over_one_connection(visit: Open, party: Party, garden: str, service: Service) -> None:
    other, third = f"{garden}-b", f"{garden}-c"
    party.do("actions.create_room(alice, name, title='The Kitchen')", name=other)
    bob = visit("bob", "/rooms/")
    used = asked(bob)
    for title in ("The Garden", "The Kitchen"):
        bob.locator(f"input[type=checkbox][value='{garden if title == 'The Garden' else other}']").check()
    bob.get_by_role("button", name="Open side by side").click()
    is_online(bob)
    service.say(garden, "in the garden", "zoe")
    service.say(other, "in the kitchen", "zoe")
    texts = lambda room: column(bob, room).locator(".message .text")  # noqa: E731
    expect(texts(garden)).to_have_text(["in the garden"], timeout=10_000)
    expect(texts(other)).to_have_text(["in the kitchen"], timeout=10_000)
    box = column(bob, other).get_by_role("textbox")
    box.fill("from bob")
    box.press("Enter")
    expect(texts(other)).to_have_text(["in the kitchen", "from bob"], timeout=10_000)
    expect(texts(garden)).to_have_text(["in the garden"])
    assert used == ["sse"]

    service.say(third, "before", "zoe")
    bob.get_by_label("Open another room").fill(third)
    bob.get_by_role("button", name="Open", exact=True).click()
    expect(texts(third)).to_have_text(["before"], timeout=10_000)
    assert bob.url.endswith(f"/-/?room={garden}&room={other}&room={third}")
    for number in range(10):
        for room in (garden, other, third):
            service.say(room, f"number {number}", "zoe")
        if number == 4:
            column(bob, other).get_by_role("link", name="Close").click()
    numbers = [f"number {number}" for number in range(10)]
    expect(texts(garden)).to_have_text(["in the garden", *numbers], timeout=15_000)
    expect(texts(third)).to_have_text(["before", *numbers], timeout=15_000)
    expect(column(bob, other)).to_have_count(0)
    assert used == ["sse"] * 3  # one at a time: at the start, after joining, after leaving
    assert bob.url.endswith(f"/-/?room={garden}&room={third}")
    bob.reload()
    is_online(bob)
    expect(texts(garden)).to_have_text(["in the garden", *numbers])


def test_a_room_that_is_lost_closes_and_the_others_go_on(
    visit: Open, party: Party, garden: str, service: Service
) -> None:
    den = party.do(
        "room = actions.create_room(alice, '', title='The Den', visibility='private')\n"
        "Membership.objects.create(room=room, user=bob); print(room.name)"
    )
    bob = visit("bob", f"/-/?room={garden}&room={den}")
    is_online(bob)
    party.do("actions.post_message(alice, name, 'secret one')", name=den)
    expect(column(bob, den).locator(".text")).to_have_text(["secret one"], timeout=10_000)
    party.do(
        "actions.remove_member(alice, room_of(alice, name), bob); actions.post_message(alice, name, 'secret two')",
        name=den,
    )
    expect(column(bob, den).locator("[data-closed-words]")).to_contain_text("any more", timeout=20_000)
    service.say(garden, "still here", "zoe")
    expect(column(bob, garden).locator(".text")).to_have_text(["still here"], timeout=10_000)
    assert "secret two" not in bob.content()
    bob.get_by_label("Open another room").fill(f"x-{'0' * 24}")
    bob.get_by_role("button", name="Open", exact=True).click()
    expect(bob.locator("[data-join-words]")).to_contain_text("no room of this name")
    assert column(bob, garden).locator(".text").all_inner_texts() == ["still here"]


def test_on_a_phone_one_room_is_shown_at_a_time_and_the_others_are_counted(
    visit: Open, party: Party, garden: str, service: Service
) -> None:
    other = f"{garden}-b"
    party.do("actions.create_room(alice, name, title='The Kitchen')", name=other)
    bob = visit("bob", f"/-/?room={garden}&room={other}", viewport={"width": 390, "height": 780})
    is_online(bob)
    service.say(other, "one", "zoe")
    tab = bob.get_by_role("button", name="The Kitchen 1 unread")
    expect(tab).to_be_visible(timeout=10_000)
    expect(column(bob, other)).to_be_hidden()
    tab.click()
    expect(column(bob, other).locator(".text")).to_have_text(["one"])
    expect(column(bob, garden)).to_be_hidden()
    expect(bob.get_by_role("button", name="The Kitchen", exact=True)).to_have_attribute("aria-pressed", "true")


def test_without_javascript_a_room_is_made_and_set_up(visit: Open, party: Party, service: Service, room: str) -> None:
    alice = visit("alice", "/rooms/", java_script_enabled=False)
    alice.get_by_label("Title", exact=True).fill(f"Room {room}")
    alice.get_by_role("button", name="Make the room").click()
    name = f"room-{room}"
    wait_until(lambda: service.get(f"/{name}").status == 200, 5)
    alice.goto(f"{service.url}/rooms/{name}/settings/")
    alice.get_by_label("Topic").fill("Plain forms")
    alice.get_by_role("button", name="Save").click()
    expect(alice.get_by_text("Saved.")).to_be_visible()
    alice.get_by_role("button", name="Make a link").click()
    expect(alice.get_by_label("The new link")).to_have_value(re.compile("/accounts/invites/.+"))
    alice.get_by_label("Good for days").evaluate("field => field.removeAttribute('max')")
    alice.goto(f"{service.url}/-/?room={name}&room=default")
    assert alice.locator("[data-room]").count() == 2


@LOOKS
def test_the_pages_of_rooms_are_accessible_and_fit(
    visit: Open, party: Party, garden: str, scheme: str, size: tuple[int, int]
) -> None:
    fill = """
for kind in range(4):
    eid = actions.post_message(alice, name, 'w' * 300, kind=kind).message['id']
Message.objects.filter(room__name=name, eid=eid).update(type=4)
eid = actions.post_message(bob, name, 'gone').message['id']
room = room_of(alice, name)
actions.delete_message(alice, room, eid)
actions.invite(alice, room)
actions.restrict(alice, room, 'mute', charlie)
actions.change_room(alice, room, title='t' * 100, topic='w ' * 150)
"""
    party.do(fill, name=garden)
    options = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    page = visit("alice", f"/{garden}?user={party.name('alice')}", **options)
    is_online(page)
    page.locator(".more:visible").first.click()
    for path in ("", f"/-/?room={garden}&room=default", "/-/", "/rooms/", f"/rooms/{garden}/settings/"):
        if path:
            page.goto(f"{party.service.url}{path}")
        assert Axe().run(page).violations_count == 0, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
