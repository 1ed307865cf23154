"""With the browser's translator on: what is read back from the page is what was written, never its translation."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import nightly
from tests.browser.people import Party, party
from tests.browser.test_chat import say, stored
from tests.browser.test_rooms import Open, chat, garden, visit
from tests.browser.test_transports import is_online
from tests.service import Service, wait_until

__all__ = ["garden", "party", "visit"]
pytestmark = pytest.mark.timeout(180)

# As Chrome's does: each text becomes a translation within two <font> elements, and again whenever the page changes.
# What is marked as not to be translated is left alone, unless the translator is one that does not care.
TRANSLATE = """cares => {
    const walk = () => {
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
        while (texts.nextNode()) found.push(texts.currentNode);
        for (const text of found) {
            const of = text.parentElement;
            if (!text.data.trim() || of.closest('script, style, font')) continue;
            if (cares && of.closest('[translate=no]')) continue;
            if (cares && of.matches('textarea')) continue;
            const [outer, inner] = [document.createElement('font'), document.createElement('font')];
            inner.textContent = `ÜBERSETZT ${text.data.toUpperCase()}`;
            outer.append(inner);
            text.replaceWith(outer);
        }
        document.title = `ÜBERSETZT ${document.title}`;
    };
    walk();
    new MutationObserver((changes, observer) => {
        observer.disconnect();
        walk();
        observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
LONG = "\n".join(f"line {number} of a long text" for number in range(40))
SOURCES = [
    "plain words",
    "two lines\nand an address https://example.org/a?b=c (see it)",
    "  indented\twith a tab and <b>brackets</b> & signs",
    LONG,
]


@pytest.fixture(params=[True, nightly(False)], ids=["a polite translator", "a rude one"])
def translate(request: pytest.FixtureRequest) -> Callable[[Page], None]:
    return lambda page: page.evaluate(TRANSLATE, request.param)


@pytest.mark.parametrize(
    ("source", "when", "cares"),
    [
        (SOURCES[1], "of the history", True),
        (SOURCES[2], "of the history", True),
        (SOURCES[1], "that came live", False),
        nightly(SOURCES[0], "of the history", True),
        nightly(SOURCES[3], "of the history", True),
        nightly(SOURCES[1], "that came live", True),
        nightly(SOURCES[1], "of the history", False),
    ],
)
def test_an_edit_begins_with_what_was_written(
    visit: Open, party: Party, garden: str, service: Service, source: str, when: str, cares: bool
) -> None:
    post = "actions.post_message(bob, name, text)"
    if when == "of the history":
        party.do(post, name=garden, text=source)
    bob = chat(visit, party, "bob", garden)
    bob.evaluate(TRANSLATE, cares)
    if when == "that came live":
        party.do(post, name=garden, text=source)
    row = bob.locator(".message").last
    expect(row.get_by_text("ÜBERSETZT", exact=False).first).to_be_attached(timeout=10_000)
    row.locator(".more").focus()
    bob.keyboard.press("Enter")
    row.locator(".actions button").first.press("Enter")  # its words are translated, too
    expect(row.locator(".edit textarea")).to_have_value(source)
    row.locator(".edit textarea").press("End")
    bob.keyboard.press("Enter")  # nothing was changed: nothing is sent
    expect(row.locator(".edit")).to_have_count(0)
    history = service.get(f"/rooms/{garden}/messages/").json()["messages"]
    assert [(one["text"], "edited" in one) for one in history] == [(source, False)]
    row.locator(".more").focus()
    bob.keyboard.press("Enter")
    row.locator(".actions button").first.press("Enter")
    row.locator(".edit textarea").press("Control+End")
    bob.keyboard.type("!")
    bob.keyboard.press("Enter")
    wait_until(lambda: stored(service, garden) == [f"{source}!"], 10)


def test_names_and_ones_own_words_are_left_alone_and_those_of_others_are_not(
    visit: Open, party: Party, garden: str
) -> None:
    party.do(
        "actions.post_message(alice, name, 'good morning'); actions.post_message(bob, name, 'my own')", name=garden
    )
    bob = chat(visit, party, "bob", garden)
    bob.evaluate(TRANSLATE, True)
    expect(bob.locator(".message .text").first).to_have_text("ÜBERSETZT GOOD MORNING")
    expect(bob.locator(".message .text").last).to_have_text("my own")
    expect(bob.locator(".author").first).to_have_text(party.name("alice"))
    expect(bob.locator("[data-title]")).to_have_text("The Garden")
    expect(bob.locator(".me bdi")).to_have_text(party.name("bob"))
    party.do("actions.post_message(alice, name, 'and more')", name=garden)
    expect(bob.locator(".message .text").last).to_have_text("ÜBERSETZT AND MORE", timeout=10_000)
    say(bob, "hello again")
    expect(bob.locator(".message .text").last).to_have_text("hello again")
    bob.get_by_text("MEMBERS").first.click()
    expect(bob.locator("[data-members] li bdi").first).to_have_text(party.name("alice"))


def test_what_is_sent_is_met_and_shown_once(
    visit: Open, party: Party, garden: str, service: Service, translate: Callable[[Page], None]
) -> None:
    bob = chat(visit, party, "bob", garden)
    translate(bob)
    for text in ("one", "two", "two"):
        say(bob, text)
    wait_until(lambda: stored(service, garden) == ["two", "two", "one"], 15)
    expect(bob.locator(".message[data-state]")).to_have_count(0, timeout=10_000)
    expect(bob.locator(".message")).to_have_count(3)
    bob.reload()
    is_online(bob)
    expect(bob.locator(".message[data-own]")).to_have_count(3)


def test_a_draft_is_kept_as_it_was_written(
    visit: Open, party: Party, garden: str, translate: Callable[[Page], None]
) -> None:
    bob = chat(visit, party, "bob", garden)
    translate(bob)
    bob.locator("[data-composer] textarea").fill("half a thought")
    bob.reload()
    is_online(bob)
    expect(bob.get_by_role("textbox")).to_have_value("half a thought")


def test_a_long_text_folds_and_unfolds(
    visit: Open, party: Party, garden: str, translate: Callable[[Page], None]
) -> None:
    party.do("actions.post_message(alice, name, text)", name=garden, text=LONG)
    bob = chat(visit, party, "bob", garden)
    translate(bob)
    expect(bob.locator("[data-folded]")).to_have_count(1)
    party.do("actions.edit_message(alice, room_of(alice, name), 1, 'short')", name=garden)
    expect(bob.locator("[data-folded]")).to_have_count(0, timeout=10_000)
    party.do("actions.edit_message(alice, room_of(alice, name), 1, text)", name=garden, text=LONG)
    expect(bob.locator("[data-folded]")).to_have_count(1, timeout=10_000)
    bob.locator("[data-unfold]").click()
    expect(bob.locator("[data-folded]")).to_have_count(0)


def test_a_room_that_is_made_private_is_found_by_its_title(
    visit: Open, party: Party, garden: str, translate: Callable[[Page], None]
) -> None:
    bob = chat(visit, party, "bob", garden)
    translate(bob)
    party.do("actions.change_room(alice, room_of(alice, name), visibility='private')", name=garden)
    link = bob.locator("[data-closed-words] a")
    link.wait_for(timeout=30_000)
    assert "/x-" in (link.get_attribute("href") or "")


def test_every_name_in_a_page_is_marked(visit: Open, party: Party, garden: str) -> None:
    """What people are called, and what they called a room: in no page a translator's."""
    party.do(
        "actions.invite(alice, room_of(alice, name)); actions.restrict(alice, room_of(alice, name), 'mute', charlie)",
        name=garden,
    )
    alice = chat(visit, party, "alice", garden)
    names = [party.name(who) for who in ("alice", "bob", "charlie")] + ["The Garden"]
    paths = [f"/{garden}", "/rooms/", f"/rooms/{garden}/settings/", f"/rooms/{garden}/hooks/", f"/-/?room={garden}"]
    for path in [*paths, "/accounts/profile/", "/accounts/bots/", "/accounts/tokens/"]:
        alice.goto(f"{party.service.url}{path}")
        alice.evaluate(TRANSLATE, True)
        shown = alice.locator("body").inner_text()
        changed = [name for name in names if name.upper() in shown.replace(name, "")]
        assert changed == [], path
