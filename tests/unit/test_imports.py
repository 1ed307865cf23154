"""The import rule: data flows one way, and GRIP stays in the modules that publish and hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From the top down: a module imports from layers below its own only. A new module needs a place here.
LAYERS: list[set[str]] = [
    {"server.wsgi", "server.run", "server.gunicorn.conf", "server.worker", "server.accesslog", "chat.admin"},
    {"chat.admin.*"},
    {"chat.admin.members"},
    {"chat.admin.base", "chat.adminsite"},
    {"server.urls"},
    {"chat.api", "chat.management.commands.*"},
    {"chat.api.*"},
    {"chat.api.answers", "chat.api.schemas", "chat.api.parser"},
    {"chat.stream.endpoint", "chat.pages.*", "chat.errors", "chat.health"},
    {"chat.pages.answers", "chat.pages.context", "chat.pages.account_forms", "chat.stream.presence"},
    {"chat.stream", "chat.stream.sse", "chat.stream.longpoll", "chat.stream.websocket"},
    {"chat.relay", "chat.presence", "chat.hooks"},
    {"chat.signin", "chat.limits"},
    {"chat.sessions"},
    {"chat.history", "chat.directory", "chat.roomlists", "chat.stream.feeds", "chat.stream.grip"},
    {"chat.actions"},
    {"chat.actions.operators", "chat.actions.hooks"},
    {"chat.actions.tokens", "chat.actions.bots", "chat.actions.broadcasts"},
    {"chat.actions.messages", "chat.actions.moderation", "chat.actions.people"},
    {"chat.actions.reports"},
    {"chat.actions.strangers"},
    {"chat.actions.members", "chat.actions.presence", "chat.actions.pairing"},
    {"chat.actions.rooms"},
    {"chat.actions.clock"},
    {"chat.actions.deliveries", "chat.actions.erasure", "chat.actions.quiet"},
    {"chat.actions.log", "chat.actions.limits", "chat.actions.held_names"},
    {"chat.access"},
    {"chat.access.hooks", "chat.access.operators"},
    {"chat.access.roles"},
    {"chat.access.rooms"},
    {"chat.access.accounts"},
    {"chat.requester"},
    {"chat.publish"},
    {"chat.eventlog"},
    {"chat.pushpin_stats"},
    {"chat.channels"},
    {"chat.outbound", "chat.shares"},
    {"chat.reach"},
    {"chat.door", "chat.spellings"},
    {"chat.models", "chat.middleware"},
    {
        "chat.models.members",
        "chat.models.messages",
        "chat.models.records",
        "chat.models.sessions",
        "chat.models.limits",
        "chat.models.hooks",
        "chat.models.strangers",
    },
    {"chat.models.rooms"},
    {"chat.models.people"},
    {"server.settings", "server.folders"},
    {"chat.names"},
    {"chat.aliases", "chat.passwords"},
    {"chat.problems"},
    {
        "chat.times",
        "chat.confusables",
        "chat.wire",
        "chat.apps",
        "server.env",
        "server.arrival",
        "server.programs",
        "server.sqlite.*",
        "server.staticfiles",
        "server.redact",
    },
]
GRIP = {"django_eventstream", "django_grip", "gripcontrol", "pubcontrol", "zmq"}
GRIP_MODULES = {"chat.publish", "chat.eventlog", "chat.channels", "chat.pushpin_stats"} | {
    f"chat.stream.{name}" for name in ("endpoint", "grip", "sse", "longpoll", "websocket", "presence")
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(path): path
    for package in ("chat", "server")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts and path.read_text().strip()
}


def imports_of(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it; `from chat import names` is chat.names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def layer_of(module: str) -> int:
    places = [number for number, layer in enumerate(LAYERS) if module in layer]
    places = places or [number for number, layer in enumerate(LAYERS) if f"{module.rpartition('.')[0]}.*" in layer]
    assert len(places) == 1, f"{module} needs one place in LAYERS"
    return places[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_below_its_layer(module: str) -> None:
    own = [name for name in imports_of(MODULES[module]) if name in MODULES]
    level = layer_of(module)
    assert [name for name in own if layer_of(name) <= level] == []


def test_grip_is_known_only_where_events_are_published_and_held() -> None:
    knowing = {
        module for module, path in MODULES.items() if GRIP & {name.partition(".")[0] for name in imports_of(path)}
    }
    # The settings read a GRIP URL with the library's own reader; nothing else there speaks GRIP.
    assert knowing - {"server.settings"} == GRIP_MODULES


def test_every_layer_names_modules_that_exist() -> None:
    named = {name for layer in LAYERS for name in layer if not name.endswith("*")}
    assert named - set(MODULES) <= {"chat.admin"}
