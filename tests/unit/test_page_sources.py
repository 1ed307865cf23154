"""What scripts and templates hold to: source text is read from data, and names are marked for translators."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "chat" / "static" / "chat").rglob("*.js"))
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if "admin" not in path.parts)
# Reads of text from elements that are not on the page: what the script made itself, what it fetched and parsed.
ALLOWED = {
    "meeting.js": ["if (said.textContent === last) return;", "last = said.textContent;"],
    "board.js": ['.lead")?.textContent ??'],
}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_reads_text_back_from_the_page(path: Path) -> None:
    reads = []
    for line in path.read_text().splitlines():
        if re.search(r"\b(textContent|innerText|innerHTML|nodeValue|wholeText)\b(?!\s*(=[^=]|:|\}))", line):
            reads.append(line.strip())
    allowed = ALLOWED.get(path.name, [])
    assert [read for read in reads if not any(part in read for part in allowed)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_asks_a_shown_name_who_somebody_is(path: Path) -> None:
    """No name is compared, but the one under which a visitor posts, and two of one byline."""
    text = path.read_text()
    compared = re.findall(
        r"[^\n]*\b(?:\.from|shownName|display_?name|\.author'?\)?\.textContent)\b\s*(?:===|!==)[^\n]*", text
    )
    allowed = ["message.author || message.from !== this.#name", "one.dataset.from === other.dataset.from"]
    assert [line.strip() for line in compared if not any(part in line for part in allowed)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_name_that_a_script_shows_is_marked(path: Path) -> None:
    text = path.read_text()
    assert text.count('createElement("bdi")') <= text.count(".translate = false")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_name_in_a_template_is_marked(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"<bdi(?! translate=\"no\")[^>]*>", text) == []
    assert re.findall(r"<textarea(?! translate=\"no\")(?![^>]*readonly[^>]* translate=\"no\")[^>]*>", text) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_asks_the_clock_of_the_browser(path: Path) -> None:
    """It may be hours ahead. clock.js knows the service's time; stopwatch.js measures, and takes no clock's word."""
    if path.name not in ("clock.js", "stopwatch.js"):
        assert re.findall(r"Date\.now|new Date\(\)|\bDate\(\)|timeOrigin", path.read_text()) == []
