"""Names of rooms and of people: what is allowed, and when two of them count as the same."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from chat.confusables import skeleton

ROOM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,63}\Z")
ROOM_NAME_RULE = "1 to 64 letters, digits, or _ . ~ - (the first one a letter or digit)"
# First segments of other URLs, and files that browsers ask for at the root.
RESERVED_ROOM_NAMES = frozenset(
    "api rooms events presence accounts static media admin health strangers hooks recover -"
    " robots.txt favicon.ico sw.js manifest.webmanifest".split()
)
# Private, direct and stranger rooms have random names under this prefix, so that a name tells nothing.
HIDDEN_ROOM_PREFIX = "x-"
# Characters that every client sends as they are between two slashes of an address: see is_segment.
_SEGMENT = re.compile(r"[\w.~@+-]+\Z")
PERSON_NAME_MAX = 64
PERSON_KEY_MAX = 4 * PERSON_NAME_MAX
# Characters of a name as it is sent: several can become one. Looked at before all else, since Unicode's normal forms
# take time by the square of a run of marks.
PERSON_SENT_MAX = 4 * PERSON_NAME_MAX
_TOO_LONG = f"A name can have at most {PERSON_NAME_MAX} characters."
PersonKeys = tuple[str, str, str, str, str, str]


def room_key(name: str) -> str:
    """The key under which a room's name is unique: without regard to case."""
    return name.lower()


def is_segment(name: str) -> bool:
    """Whether a name that people choose may stand between two slashes of an address.

    Clients collapse `.` and `..`, so that `…/members/../` becomes the address of the room; some of them also decode
    `%2e`, take a backslash for a slash, and drop tabs and line ends; a `?` or a `#` ends the path. So what holds any of
    these, or becomes it when it is normalised (NFKC), is no such name, and neither are dots alone.
    """
    plain = unicodedata.normalize("NFKC", name)
    return bool(_SEGMENT.match(name) and _SEGMENT.match(plain) and plain.strip("."))


def is_room_name(name: str) -> bool:
    """Whether a room may be called `name` at all (GRIP-safe alphabet, not a URL of ours)."""
    return bool(ROOM_NAME.match(name)) and is_segment(name) and room_key(name) not in RESERVED_ROOM_NAMES


def has_control_characters(text: str, *, allow: str = "") -> bool:
    """Whether `text` holds control characters other than `allow`, NUL and lone surrogates included."""
    return any(unicodedata.category(char) in ("Cc", "Cs") and char not in allow for char in text)


def is_storable(value: Any) -> bool:
    """Whether every text in `value`, JSON of any depth, can be stored and sent.

    PostgreSQL takes no NUL, and UTF-8 has no form for half a surrogate pair, both of which JSON and forms can name.
    Asked where requests come in (chat.door, the parser of bodies, the frames of sockets), and nowhere else.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one or not _has_utf8(one):
                return False
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
    return True


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_unseen(char: str) -> bool:
    """Whether a character shows nothing, or changes how others show, so that a name could read as another one.

    These are bidirectional overrides and other format characters, but not the joiners, which emoji and some scripts
    need; a blank note and a filler that count as visible; and what fonts have no picture for: characters of private use
    and those that Unicode says are none.
    """
    if char in "\U0001d159\U00016fe4" or 0xFDD0 <= ord(char) <= 0xFDEF or ord(char) & 0xFFFE == 0xFFFE:
        return True
    return unicodedata.category(char) in ("Cf", "Co") and char not in "\u200c\u200d"


def clean_person_name(name: str) -> str:
    """`name` as it is shown: NFC, runs of white space as one space, none at the ends.

    Raises ValueError, with words for the person, when nothing is left or when it can't be a name.
    """
    name = name.strip()
    if len(name) > PERSON_SENT_MAX:
        raise ValueError(_TOO_LONG)
    if has_control_characters(name, allow="\t\n\r"):
        raise ValueError("A name can't hold control characters.")
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if any(map(_is_unseen, name)):
        raise ValueError("A name can't hold invisible characters.")
    if not person_key(name):  # nothing, or nothing that shows
        raise ValueError("A name is needed.")
    if len(name) > PERSON_NAME_MAX:
        raise ValueError(_TOO_LONG)
    return name


@lru_cache(maxsize=4096)
def person_key(name: str) -> str:
    """The skeleton of a person's name: names with the same skeleton count as the same name (see chat.confusables).

    Cut at PERSON_KEY_MAX: one character can become eighteen, and the database keeps no more than that.
    """
    return skeleton(name)[:PERSON_KEY_MAX]


def person_keys(name: str) -> PersonKeys:
    """The skeletons of a name in all its cases, as it is written and decomposed: a name that has any of them is taken
    when somebody has it.

    They differ in few names: a capital Greek Ν looks like N, a small ν like v, so Νίκος and νίκος look like two.
    """
    plain = unicodedata.normalize("NFKD", name)
    one, two, three, four, five, six = (
        person_key(form) for form in (name, name.lower(), name.upper(), plain, plain.lower(), plain.upper())
    )
    return one, two, three, four, five, six


def reads_in_two_ways(name: str) -> bool:
    """Whether a character looks like an ASCII letter as it is written, and like something else when decomposed.

    A long s looks like f and is an s. One stored key can't keep both readings from others.
    """
    return person_key(name) != person_key(unicodedata.normalize("NFKD", name))


def is_key_of(key: str, name: str) -> bool:
    """Whether a stored `key` is the one of `name`, perhaps made unique by distinct_key."""
    plain = person_key(name)
    return key == plain or (" " in key and key == distinct_key(plain, int(key.rpartition(" ")[2])))


def distinct_key(key: str, user_id: int) -> str:
    """`key` for somebody whose name reads like another's since before that was noticed. No skeleton has a space."""
    return f"{key[: PERSON_KEY_MAX - 20]} {user_id}"
