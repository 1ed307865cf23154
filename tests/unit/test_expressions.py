"""No regular expression of ours is slow: each is found in the sources, and tried with 8,000 hostile characters."""

import ast
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.urls import URLPattern, get_resolver

from tests.costs import cost
from tests.hostile import SIZE, Attack, attacks

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "chat" / "static").rglob("*.js"))
TRIER = Path(__file__).with_name("expressions.mjs")
# At which sizes texts are tried, and how many of those that took longest are tried at the next one. What
# takes many times as long for some characters more still ends at the first three, and there all are kept.
SIZES = ((20, 100_000), (25, 100_000), (32, 100_000), (250, 60), (1000, 12), (SIZE, 0))
# How long 8,000 characters may take, by a walk over as many in the same run; and what takes longer than the walk must
# not take more than so many times as long as a quarter of them: four times is in proportion, sixteen is the square.
AT_MOST, GROWTH = 8, 9
# The product, and what stands beside it in tests: their readers, helpers and services.
SOURCES = [
    path
    for folder in ("chat", "server", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.name.startswith("test_") and "migrations" not in path.parts and path.name != "hostile.py"
]
WAYS: dict[str, Callable[[re.Pattern[str], str], object]] = {
    "match": lambda expression, text: expression.match(text),
    "fullmatch": lambda expression, text: expression.fullmatch(text),
    "search": lambda expression, text: expression.search(text),
    "sub": lambda expression, text: expression.sub("-", text),
    "subn": lambda expression, text: expression.subn("-", text),
    "split": lambda expression, text: expression.split(text),
    "findall": lambda expression, text: expression.findall(text),
    "finditer": lambda expression, text: list(expression.finditer(text)),
}
# What makes an expression elsewhere in Django: none of ours may hide in it.
MAKERS = {"RegexValidator", "RegexField", "re_path", "_lazy_re_compile"}


class Expression(NamedTuple):
    """One of Python's, and the ways in which it is used."""

    place: str
    source: str
    flags: int
    ways: frozenset[str]


def expressions_of(path: Path) -> Iterator[Expression]:
    """The expressions of a file. Fails for one that is not written out there."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom):
            assert node.module != "re", f"{place}: `import re` lets the test see what is used of it"
            assert not MAKERS & {alias.name for alias in node.names}, f"{place}: an expression that the test can't see"
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.endswith("REGEX"):
                yield Expression(place, _constant(node.value, place), 0, frozenset(("match", "search")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "RegexPattern":
            yield Expression(place, _constant(node.args[0], place), 0, frozenset(("match", "search")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_re(node.func):
            if node.func.attr in ("escape", "purge"):
                continue
            flags = [_flags(flag) for flag in [*node.args[1:], *(word.value for word in node.keywords)]]
            known = sum(flag for flag in flags if flag is not None)
            ways = _uses(_name_of(tree, node)) if node.func.attr == "compile" else frozenset((node.func.attr,))
            yield Expression(place, _constant(node.args[0], place), known, ways)


def _is_re(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id == "re"


def _constant(node: ast.expr, place: str) -> str:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    assert isinstance(value, str | bytes), f"{place}: an expression that the test can't see: write it as a constant"
    return value if isinstance(value, str) else value.decode("latin-1")


def _flags(node: ast.expr) -> int | None:
    parts = [part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute) and _is_re(part)]
    return sum(getattr(re, part) for part in parts) if parts else None


def _name_of(tree: ast.Module, call: ast.Call) -> str:
    names = [
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return names[0] if names else ""


@cache
def _uses(name: str) -> frozenset[str]:
    """The ways in which a compiled expression of this name is used anywhere; all of them where that can't be seen."""
    used = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }
    return frozenset(used & set(WAYS)) or frozenset(WAYS)


EXPRESSIONS = [expression for path in SOURCES for expression in expressions_of(path)]


def slow_attack(expression: Expression) -> tuple[str, Attack] | None:
    """A text with which an expression is slow, and in which way it was used. Texts are tried small first; those that
    took longest then, at the whole size."""
    compiled = re.compile(expression.source, expression.flags)
    walk = cost(lambda: re.sub("[^b]", "-", "ab" * (SIZE // 2)), 5)
    for way in sorted(expression.ways):
        left = attacks(expression.source)
        for size, kept in SIZES:
            costs = []
            for attack in left:
                call = partial(WAYS[way], compiled, attack.text(size))
                took = cost(call, 1)
                bound = AT_MOST * walk
                if size == SIZE and took > walk:
                    bound = min(
                        bound, max(walk, GROWTH * cost(partial(WAYS[way], compiled, attack.text(size // 4)), 3))
                    )
                if took > bound and cost(call, 3) > bound:
                    return way, attack
                costs.append((took, attack))
            left = [attack for _, attack in sorted(costs, reverse=True)[:kept]]
    return None


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda expression: expression.place)
def test_no_expression_of_python_is_slow(expression: Expression) -> None:
    assert slow_attack(expression) is None


def addresses(patterns: list[Any]) -> Iterator[str]:
    """The expressions that Django makes of our addresses."""
    for pattern in patterns:
        yield pattern.pattern.regex.pattern
        if not isinstance(pattern, URLPattern):
            yield from addresses(pattern.url_patterns)


def test_no_address_is_slow_to_find() -> None:
    found = set(addresses(get_resolver().url_patterns))
    assert len(found) > 80
    for source in found:
        assert slow_attack(Expression("urls", source, 0, frozenset(("search",)))) is None


def trier(what: str, *files: Path, given: str = "") -> Any:
    command = ["node", str(TRIER), what, *map(str, files)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{done.stderr}\n(.ci/node installs what this needs)"
    return json.loads(done.stdout)


@cache
def expressions_of_scripts() -> list[dict[str, Any]]:
    return trier("find", *SCRIPTS)


def slow_in_scripts(expressions: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    given = [
        {**expression, "attacks": attacks(expression["source"]), "sizes": SIZES, "at_most": AT_MOST, "growth": GROWTH}
        for expression in expressions
    ]
    found = trier("time", given=json.dumps(given))
    return [(expression, slow) for expression, slow in zip(expressions, found, strict=True) if slow]


def test_no_expression_of_a_script_is_slow() -> None:
    found = expressions_of_scripts()
    assert len(found) > 10
    assert slow_in_scripts(found) == []


@pytest.mark.parametrize(
    ("source", "way"),
    [
        (r"[.,:;!?'…]+$", "sub"),
        (r"-+$", "search"),
        (r"\s+$", "sub"),
        (r"(a+)+\Z", "match"),
        (r"(a|aa)+\Z", "fullmatch"),
        (r"a.*b.*c", "search"),
        (r"<[^>]+>", "findall"),
        (r"https?://\S+\)", "search"),
        (r"(x\s*)+=", "split"),
        (r"^\s+|\s+$", "sub"),
        (r"/rooms/.*/events/\Z", "search"),
    ],
)
def test_the_trial_finds_what_is_slow_in_both_languages(source: str, way: str) -> None:
    """Squares, cubes and worse."""
    assert slow_attack(Expression("here", source, 0, frozenset((way,))))
    assert slow_in_scripts([{"source": source.replace(r"\Z", "$"), "flags": ""}])


def test_the_expressions_are_found() -> None:
    places = {expression.place.partition(":")[0] for expression in EXPRESSIONS}
    assert {"chat/names.py", "chat/channels.py", "chat/confusables.py", "server/env.py", "chat/reach.py"} <= places
    assert {Path(one["file"]).name for one in expressions_of_scripts()} >= {"links.js", "wire.js", "event-reader.js"}
    [url] = [one for one in expressions_of_scripts() if one["file"].endswith("links.js")]
    assert url["flags"] == "giu"
