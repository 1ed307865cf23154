"""Documentation that tests keep true: settings, commands, codes of refusals, files that the text names."""

import ast
import base64
import re
import time
from pathlib import Path
from typing import Any

import pytest

from chat.hooks import signed_headers
from chat.problems import STATUS

ROOT = Path(__file__).resolve().parents[2]
OPERATING = ROOT / "docs" / "operating.md"
READERS = {
    "path",
    "shared_key",
    "database",
    "text",
    "integer",
    "rate",
    "boolean",
    "items",
    "secret",
    "get",
    "setdefault",
}
NOT_SETTINGS = {
    "DJANGO_SETTINGS_MODULE",
    "CONTENT_LENGTH",  # of a request
    "TIMES_DIVISOR",  # for tests: docs/testing.md
}
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")),
]
FILES = [
    str(path.relative_to(ROOT))
    for folder in ("chat", "server", "docs", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.[pj][ys]")
]
# What looks like a file and is none: a reserved name of a room, the folder of what runs here, addresses.
NOT_FILES = {"sw.js", "var", "rooms", "events", "accounts", "strangers", "hooks", "recover", "-", "api", "admin"}
DJANGO_COMMANDS = {"migrate", "collectstatic", "createsuperuser", "changepassword"}


def variables_read() -> set[str]:
    """The environment variables that the server's Python files and Pushpin's start script read."""
    found: set[str] = set()
    for path in (ROOT / "server").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            key: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                key = node.args[0] if node.func.attr in READERS else None
            elif isinstance(node, ast.Subscript) and re.search(r"\benv(iron)?$", ast.unparse(node.value)):
                key = node.slice
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isupper():
                found.add(key.value)
    found |= set(re.findall(r"\$\{([A-Z_]{4,}):?-", (ROOT / "pushpin" / "entrypoint.sh").read_text()))
    return {name.removesuffix("_FILE") for name in found} - NOT_SETTINGS


def section(title: str) -> str:
    """The text of a section of docs/operating.md, its subsections included."""
    return re.split(r"^## ", OPERATING.read_text().split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", section("Settings"), re.M))
    assert documented == variables_read()


def test_every_setting_can_be_set_with_containers() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    # Where things lie in a container is decided; the last two are for who works on the code.
    fixed = {"CORKBOARD_VAR", "PUSHPIN_RUNDIR", "STATIC_ROOT", "DEBUG", "WEB_ACCESS_LOG"}
    assert {name for name in variables_read() - fixed if not re.search(rf"\b{name}\b", compose)} == set()


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    rows = re.findall(r"^\| (`.+?) \|", section("Commands"), re.M)
    documented = {name for row in rows for name in re.findall(r"`([a-z_]+)", row)}
    ours = {path.stem for path in (ROOT / "chat" / "management" / "commands").glob("[a-z]*.py")}
    assert documented - DJANGO_COMMANDS == ours


def test_every_code_of_a_refusal_is_documented_with_its_status() -> None:
    rows = re.findall(r"^\|\s*`([A-Z_]+)`\s*\|\s*(\d{3})\s*\|", (ROOT / "docs" / "api.md").read_text(), re.M)
    rows += [(c, s) for s, c in re.findall(r"^\|\s*(\d{3})\s*\|\s*`([A-Z_]+)`\s*\|", _api(), re.M)]
    assert {code: int(status) for code, status in rows} == STATUS


def _api() -> str:
    return (ROOT / "docs" / "api.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_and_headings_lead_somewhere(page: str) -> None:
    source = ROOT / page
    missing = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", source.read_text()):
        name, _, heading = target.partition("#")
        path = (source.parent / name) if name else source
        if not path.exists() or (heading and heading not in _headings(path)):
            missing.append(target)
    assert missing == []


def _headings(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_files_and_what_is_said_to_be_in_them_exist(page: str) -> None:
    prose = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.M | re.S)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    named = [re.fullmatch(r"((?:[\w.-]+/)*[\w-]+\.(?:py|js)|(?:[\w.-]+/)+)(?:: ([\w.]+))?", span) for span in spans]
    assert [match[0] for match in named if match and not _is_there(match[1], match[2])] == []


def _is_there(name: str, inside: str | None) -> bool:
    """Whether a file of this path, or of this bare name, is there, with the functions, classes or fields `inside`."""
    if name.partition("/")[0] in NOT_FILES:
        return True
    found = [ROOT / name, *(ROOT / path for path in FILES if path.endswith(f"/{name}"))]
    texts = [path.read_text() if path.is_file() else "" for path in found if path.exists()]
    parts = inside.split(".") if inside else []
    return any(all(re.search(rf"^ *((def|class) {part}\b|{part} = )", text, re.M) for part in parts) for text in texts)


def test_the_layout_names_every_module_and_nothing_else() -> None:
    tree = (ROOT / "CONTRIBUTING.md").read_text().split("\n## Where things are\n")[1].split("```")[1]
    listed = set(re.findall(r"\b\w+\.py\b|(?<=^  )\w+/", tree, re.M))
    there = {re.sub(r"/.+", "/", path.removeprefix("chat/")) for path in FILES if path.startswith("chat/")}
    assert listed == there - {"__init__.py", "apps.py", "migrations/"}


@pytest.mark.parametrize("example", sorted(path.name for path in ROOT.glob("docs/examples/*.py")))
def test_the_python_examples_are_in_the_documentation_as_they_stand(example: str) -> None:
    text = (ROOT / "docs" / "examples" / example).read_text()
    page = (ROOT / "docs" / ("integrators.md" if example == "bot.py" else "protocol.md")).read_text()
    assert f"`{example}`" in page
    assert f"```python\n{text}```\n" in page


def test_the_bot_in_30_lines_has_them() -> None:
    code = (ROOT / "docs" / "examples" / "bot.py").read_text().splitlines()[1:]  # without its docstring
    assert sum(bool(line) for line in code) <= 30


def test_the_receiver_of_the_documentation_knows_our_signature_and_no_other() -> None:
    code = (ROOT / "docs" / "webhooks.md").read_text().split("```python\n")[1].split("```")[0]
    space: dict[str, Any] = {}
    exec(code, space)
    secret, body = f"whsec_{base64.b64encode(b's' * 32).decode()}", b'{"type":"test"}'
    headers = signed_headers(secret, "ab12-7", body, int(time.time()))
    assert space["is_ours"](secret, headers, body)
    assert not space["is_ours"](secret, headers, body + b" ")
    assert not space["is_ours"](secret, headers | {"webhook-id": "ab12-8"}, body)
    assert not space["is_ours"](secret, signed_headers(secret, "ab12-7", body, int(time.time()) - 301), body)
