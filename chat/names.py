"""Names of rooms and of people: what is allowed, and when two of them count as the same."""

import re
import unicodedata

ROOM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,63}\Z")
ROOM_NAME_RULE = "1 to 64 letters, digits, or _ . ~ - (the first one a letter or digit)"
# First segments of other URLs, and files that browsers ask for at the root.
RESERVED_ROOM_NAMES = frozenset(
    "api rooms events presence accounts static media admin health strangers hooks recover -"
    " robots.txt favicon.ico sw.js manifest.webmanifest".split()
)
# Private, direct and stranger rooms have random names under this prefix, so that a name tells nothing.
HIDDEN_ROOM_PREFIX = "x-"
PERSON_NAME_MAX = 64
PERSON_KEY_MAX = 4 * PERSON_NAME_MAX


def room_key(name: str) -> str:
    """The key under which a room's name is unique: without regard to case."""
    return name.lower()


def is_room_name(name: str) -> bool:
    """Whether a room may be called `name` at all (GRIP-safe alphabet, not a URL of ours)."""
    return bool(ROOM_NAME.match(name)) and room_key(name) not in RESERVED_ROOM_NAMES


def has_control_characters(text: str, *, allow: str = "") -> bool:
    """Whether `text` holds control characters other than `allow`, NUL and lone surrogates included."""
    return any(unicodedata.category(char) in ("Cc", "Cs") and char not in allow for char in text)


def clean_person_name(name: str) -> str:
    """`name` as it is shown: NFC, runs of white space as one space, none at the ends.

    Raises ValueError, with words for the person, when nothing is left or when it can't be a name.
    """
    if has_control_characters(name, allow="\t\n\r"):
        raise ValueError("A name can't hold control characters.")
    name = " ".join(unicodedata.normalize("NFC", name).split())
    # Bidirectional overrides and other invisible format characters could make a name read as another one; the
    # joiners are needed by emoji and some scripts.
    if any(unicodedata.category(char) == "Cf" and char not in "\u200c\u200d" for char in name):
        raise ValueError("A name can't hold invisible characters.")
    if not person_key(name):  # nothing, or nothing that shows
        raise ValueError("A name is needed.")
    if len(name) > PERSON_NAME_MAX:
        raise ValueError(f"A name can have at most {PERSON_NAME_MAX} characters.")
    return name


def person_key(name: str) -> str:
    """The skeleton of a person's name: names with the same skeleton count as the same name.

    Cut at PERSON_KEY_MAX: NFKC makes up to 18 characters of one, and the database keeps no more than that.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    shown = (char for char in folded if not char.isspace() and unicodedata.category(char) not in ("Cf", "Mn"))
    return "".join(shown)[:PERSON_KEY_MAX]
