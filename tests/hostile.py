"""Texts that a regular expression can be slow with, made from the expression itself; for Python's and JavaScript's.

An expression is slow where it can begin, or go on, in many ways that all fail: at long runs of what it repeats, at
beginnings of a match one after the other, at matches that lack their end. So each text is a beginning, something that
comes again and again, and an end: `Attack("http", "…)", "!")` stands for `http…)…)…)…)!`.
"""

import itertools
import re
from typing import NamedTuple

SIZE = 8000  # characters
# One of each kind of what people send; members and strangers of a class of characters are drawn from these.
_KINDS = "a1A-_.~:/@,;=!?()'\"<>&%#+*[]{}|\\ \t\n\r\0é漢…\u0301\u200b\u2028😀"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_TOKEN = re.compile(
    r"\\(?P<code>u\{[0-9A-Fa-f]+\}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2})"
    r"|\\(?P<kind>[dwsDWS])|\\(?P<place>[bBAZz])|\\(?P<plain>.)"
    r"|(?P<group>\((?:\?(?:P?<[A-Za-z_]+>|<?[=!]|[:imsx]+))?)"
    r"|(?P<class>\[\^?(?:\]|\\.|[^\]\\])(?:\\.|[^\]\\])*\]|\[\^\])"
    r"|(?P<times>\{[0-9]*,?[0-9]*\}|[*+?])|(?P<shape>[)|^$])|(?P<any>\.)|(?P<char>.)",
    re.DOTALL,
)


class Attack(NamedTuple):
    """A text in short."""

    beginning: str
    again: str
    end: str

    def text(self, size: int) -> str:
        """The text, of `size` characters."""
        times = (size - len(self.beginning) - len(self.end)) // len(self.again)
        return self.beginning + self.again * times + self.end


def attacks(source: str) -> list[Attack]:
    """Hostile texts for an expression."""
    parts = [_members(token) for token in _TOKEN.finditer(source)]
    members = [part for part in parts if part]
    word = "".join(part[0] for part in members)
    letters = list(dict.fromkeys(itertools.chain.from_iterable(members)))
    letters += [letter for letter in "!\n" if letter not in letters]
    letters = letters[:14]
    beginnings = list(dict.fromkeys(word[:length] for length in range(len(word) + 1)))
    if len(beginnings) > 8:
        beginnings = [beginnings[round(place * (len(beginnings) - 1) / 7)] for place in range(8)]
    beginnings.append("!")  # so that ^ is no match
    ends = ["", "!", "\n", "\0"]
    words = {word[first:last] for first, last in itertools.combinations(range(len(word) + 1), 2) if last - first > 1}
    found = [Attack(*parts) for parts in itertools.product(beginnings, letters, ends)]
    pairs = ["".join(pair) for pair in itertools.permutations(letters, 2)]
    again = [*pairs, *sorted(words, key=len)[-150:], *(one + "!" for one in sorted(words, key=len)[-20:])]
    found += [Attack(*parts) for parts in itertools.product(["", word], again, ["", "!"])]
    return [attack for attack in found if len(attack.beginning + attack.again + attack.end) < SIZE // 4]


def _members(token: re.Match[str]) -> list[str]:
    """Characters that this part of an expression takes, of each kind one; none for what takes no character."""
    if token["code"]:
        return [chr(int(token["code"][1:].strip("{}"), 16))]
    if token["plain"]:
        return [_ESCAPES.get(token["plain"], token["plain"])]
    if token["char"]:
        return [token["char"]]
    taken = token["class"] or (token["kind"] and token[0]) or (token["any"] and "(?s:.)")
    if not taken:
        return []
    taken = {"[^]": r"(?s:.)"}.get(taken, taken)
    found = [char for char in _KINDS if re.fullmatch(taken, char)]
    letters = [char for char in found if char.isalnum()][:2]
    others = [char for char in found if not char.isalnum()]
    return [*letters, *others[:1], *others[-1:]] or [_first(taken)]


def _first(taken: str) -> str:
    return next(char for char in map(chr, range(0x110000)) if re.fullmatch(taken, char))
