"""The skeleton of a name: what looks alike has the same one (Unicode Technical Standard 39, section 4).

The table of look-alikes is Unicode's, from the package confusable-homoglyphs. It pairs a character with those that it
is confused with, in both directions; here each group of them is given one member that stands for all.
"""

import re
import unicodedata
from functools import lru_cache

from confusable_homoglyphs.confusables import confusables_data

# What shows nothing: format characters, variation selectors, fillers (Default_Ignorable_Code_Point), a blank Braille
# cell, and white space.
_UNSEEN = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Normalising puts a run of marks in order, which takes time by the square of its length: 17 s for 120,000 of them. The
# longest name has 150 characters.
_LOOKED_AT = 256
_LEFT_TO_RIGHT = "\u200e"  # the table wraps what is written from right to left in these


def skeleton(name: str) -> str:
    """What `name` looks like, without regard to case, accents, white space and what can't be seen.

    The look-alikes of ASCII become ASCII, in lower case; l, i, 1 and | become l, since a capital i looks like them.
    Vowel signs and the like, which tell names of many scripts apart, stay.

    The table is asked for each character as it is written, before its decomposition takes it away: a lunate sigma looks
    like c, and becomes an ordinary sigma, which does not.
    """
    written = "".join(map(_as_written, name[:_LOOKED_AT]))
    taken_apart = "".join(map(_as_written, unicodedata.normalize("NFD", written)))
    decomposed = _UNSEEN.sub("", unicodedata.normalize("NFKD", taken_apart))
    return "".join(_shape(char) for char in decomposed if not _is_accent(char))


def _as_written(char: str) -> str:
    """The ASCII letter or digit that `char` looks like before any normalisation, else `char`."""
    return char if char.isascii() else _LETTERS.get(char, char)


def _is_accent(char: str) -> bool:
    """Whether a mark is put over, under or through a letter. Those with other classes are parts of Indic or Thai
    letters, or make another kana."""
    place = unicodedata.combining(char)
    return place == 1 or 10 <= place <= 35 or place >= 200


@lru_cache(maxsize=20_000)
def _shape(char: str) -> str:
    """What stands for all that looks like `char` and for its other case."""
    if char.isascii():
        return _fold(char)
    if len(folded := char.casefold()) > 1:  # ß
        return "".join(map(_shape, folded))
    # A small Cyrillic в looks like no Latin letter, but is the same letter as В, which looks like B.
    forms = [form for form in (char, char.upper(), folded) if len(form) == 1]
    for form in forms:
        if (found := _STAND_INS.get(form, form)).isascii():
            return _fold(found)
    return _STAND_INS.get(folded, folded)


def _fold(text: str) -> str:
    """ASCII that stands for its look-alikes in both cases: M is m, which is rn; I is l, and so i is l."""
    lower = "".join(_STAND_INS.get(char, char) for char in text).lower()
    return "".join(_STAND_INS.get(char, char) for char in lower).replace("i", "l").lower()


def _stand_ins() -> dict[str, str]:
    """For each character with look-alikes the one that stands for its group: ASCII if there is any, otherwise the one
    that most others are paired with."""
    pairs = {
        text.replace(_LEFT_TO_RIGHT, ""): [entry["c"].replace(_LEFT_TO_RIGHT, "") for entry in entries]
        for text, entries in confusables_data.items()
    }
    found: dict[str, str] = {}
    seen: set[str] = set()
    for start in pairs:
        if start in seen:
            continue
        group, waiting = {start}, [start]
        while waiting:
            new = set(pairs.get(waiting.pop(), ())) - group
            group |= new
            waiting += new
        seen |= group
        best = max(group, key=lambda text: (text.isascii(), len(pairs.get(text, ())), len(text), text))
        found |= {text: best for text in group if len(text) == 1 and text != best}
    return found


_STAND_INS = _stand_ins()
_LETTERS = {char: text for char, text in _STAND_INS.items() if text.isascii() and text.isalnum()}
