"""Names in addresses: what clients make of them, which ones nobody can have, and what a collapsed address does."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import requests
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from chat import actions
from chat.actions import bots, operators
from chat.api import api
from chat.models import ApiToken, Block, Invite, Membership, Message, OutgoingHook, Restriction, Room, Stranger, User
from chat.names import is_room_name, is_segment, is_storable
from chat.problems import Problem
from server.env import Rate
from tests.scope import DOOR_SHARE
from tests.unit.conftest import HTML, JSON, sign_in

pytestmark = pytest.mark.sampled(4)

# Names that one client or another sends as something else, and what is like them.
REFUSED = [
    *(".", "..", "...", "....", "/", "//", "a/b", "../x", "\\", "a\\b", "..\\", "\\..", "?", "a?b", "#", "a#b", "..#"),
    *("%2e", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%", "%zz", "%2f", "a%2fb", "%5c", "..%2f", "%00", "%252e"),
    *(
        ";",
        "..;",
        "..;x",
        ".;",
        "a;b",
        "",
        " ",
        "a b",
        " a",
        "a ",
        ".. ",
        "\t",
        "\t..",
        ".\t.",
        "a\tb",
        "..\n",
        "a\n",
        "\r",
    ),
    *(
        "\0",
        "a\0b",
        "\x1b",
        "\x7f",
        "\x85",
        "\ud800",
        "\ud83d",
        "a\ufffe",
        "\u2028",
        "\u200b..",
        "\ufeff..",
        "\u202e..",
    ),
    # What becomes dots, or worse, by NFKC.
    *("\u2024", "\u2024\u2024", "\u2025", "\u2026", "\ufe19", "\ufe30", "\ufe52", "\uff0e", "\uff0e\uff0e", ".\u2024"),
    *(
        "\uff0f",
        "a\uff0fb",
        "\uff3c",
        "\uff05",
        "\uff1f",
        "\uff03",
        "\uff1b",
        "\u2100",
        "\u00bd",
        "\u2474",
        "\u3000",
        "\ufdfa",
    ),
    *("<a>", '"', "'", "a'b", "[a]", "{a}", "|", "^", "`", ":", "a:b", ",", "=", "&", "a&b", "$", "*", "(", "!"),
]
ALLOWED = [
    *(
        "a",
        "A",
        "7",
        "_",
        "-",
        "+",
        "@",
        "ann",
        "ann.lee",
        "a.",
        "a..",
        ".a",
        "..a",
        "a..b",
        "-.-",
        ".-",
        "a@b.example",
    ),
    *("a+b", "-a", "x-y_z", "émile", "e\u0301mile"[:1], "Анна", "田中", "محمد", "ａ", "İ", "ſ", "ﬁ", "𝒶", "१", "²"),
]
JS = """
const [base, names] = [process.argv[1], JSON.parse(process.argv[2])];
const sent = [];
for (const name of names) {
  try { sent.push(await (await fetch(`${base}/rooms/R/members/${name}/`, { method: "DELETE" })).text()); }
  catch { sent.push(null); }
}
console.log(JSON.stringify(sent));
"""
CLIENTS = ["requests", "httpx", "curl", "fetch"]


@pytest.fixture(scope="module")
def mirror() -> Iterator[str]:
    """A server that answers with the path that it was asked for, as it came."""

    class Mirror(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode("latin-1"))

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def sent_by(client: str, base: str, names: list[str]) -> list[str | None]:
    """The path that arrives when `client` deletes a member of each of these names; None when it sends nothing."""
    urls = [f"{base}/rooms/R/members/{name}/" for name in names]
    if client == "fetch":
        node = ["node", "--input-type=module", "-e", JS, base, json.dumps(names)]
        return list(json.loads(subprocess.run(node, capture_output=True, check=True).stdout))
    return [_sent(client, url) for url in urls]


def _sent(client: str, url: str) -> str | None:
    with suppress(requests.RequestException, httpx.InvalidURL, ValueError):
        if client == "requests":
            return requests.delete(url, timeout=5).text
        if client == "httpx":
            return httpx.delete(url, timeout=5).text
        curl = subprocess.run(["curl", "-sgX", "DELETE", url], capture_output=True, check=False)
        return curl.stdout.decode("latin-1") or None
    return None


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_sends_an_allowed_name_as_it_is(client: str, mirror: str) -> None:
    if client in ("curl", "fetch") and not shutil.which("node" if client == "fetch" else client):
        pytest.skip(f"{client} is not installed")
    for name, path in zip(ALLOWED, sent_by(client, mirror, ALLOWED), strict=True):
        assert path is not None, name
        assert unquote(path.encode("latin-1").decode()) == f"/rooms/R/members/{name}/", name


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_collapses_dots(client: str, mirror: str) -> None:
    """So the refusals are needed: the day that a client stops to, this says so."""
    if client in ("curl", "fetch") and not shutil.which("node" if client == "fetch" else client):
        pytest.skip(f"{client} is not installed")
    assert sent_by(client, mirror, [".", ".."]) == ["/rooms/R/members/", "/rooms/R/"]
    assert client != "fetch" or sent_by(client, mirror, ["%2e%2e", "\t..", "..\\x"])[:2] == ["/rooms/R/"] * 2


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_clients_change_is_no_segment(name: str) -> None:
    assert not is_segment(name)
    assert not is_room_name(name)


@pytest.mark.parametrize("name", ALLOWED)
def test_other_names_are_segments(name: str) -> None:
    assert is_segment(name)


PASSWORD = "a long enough password"


def sendable(name: str) -> str:
    """A name as a form can hold it."""
    return name.encode("utf-8", "replace").decode()


def refusal_of(name: str) -> tuple[int, str]:
    """What can't be stored at all is refused by the parser, before anybody takes it for a name."""
    return (422, "NAME_INVALID") if is_storable(name) else (400, "BODY_INVALID")


def by_admin_form(name: str, people: dict[str, User]) -> None:
    fields = {"username": sendable(name), "display_name": "", "usable_password": "true"}
    fields |= {"password1": PASSWORD, "password2": PASSWORD}
    sign_in(people["root"]).post("/admin/chat/user/add/", fields)


def by_sign_up_form(name: str, people: dict[str, User]) -> None:
    Client().post("/accounts/sign-up/", {"username": sendable(name), "password": PASSWORD}, headers=HTML)


def by_set_up_link(name: str, people: dict[str, User]) -> None:
    User.objects.filter(is_superuser=True).update(is_superuser=False)
    link = f"/accounts/setup/{actions.setup_token()}/"
    Client().post(link, {"username": sendable(name), "password": PASSWORD}, headers=HTML)


def by_bots_page(name: str, people: dict[str, User]) -> None:
    sign_in(people["alice"]).post("/accounts/bots/", {"username": sendable(name)}, headers=HTML)


def by_bots_api(name: str, people: dict[str, User]) -> None:
    made = sign_in(people["alice"]).post("/accounts/bots/", json.dumps({"username": name}), JSON)
    assert (made.status_code, made.json()["code"]) == refusal_of(name)


def by_command(name: str, people: dict[str, User]) -> None:
    call_command("createsuperuser", interactive=False, username=name, email="")


# Every way to the name of a person or a bot, and what it raises; None where it answers.
DOORS: dict[Callable[[str, dict[str, User]], object], Any] = {
    by_admin_form: None,
    by_sign_up_form: None,
    by_set_up_link: None,
    by_bots_page: None,
    by_bots_api: None,
    by_command: (CommandError, UnicodeError),
    lambda name, people: actions.sign_up(name, PASSWORD): ValidationError,
    lambda name, people: actions.become_account(actions.make_guest("Gina"), name, PASSWORD): ValidationError,
    lambda name, people: actions.make_bot(people["alice"], name): ValidationError,
    lambda name, people: operators.add_account(people["root"], name, PASSWORD): ValidationError,
    lambda name, people: actions.make_first_administrator(name, PASSWORD): ValidationError,
    lambda name, people: User.objects.create_user(name): (ValidationError, ValueError),
    lambda name, people: User.objects.create_superuser(name): (ValidationError, ValueError),
}


@pytest.mark.django_db
@pytest.mark.parametrize("door", DOORS)
def test_no_person_and_no_bot_gets_such_a_name(
    door: Callable[[str, dict[str, User]], object], people: dict[str, User], settings: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bots, "NEW_BOTS", 1000)
    settings.ADDRESS_SIGN_UP_LIMIT = Rate(0, 1)
    people["root"] = User.objects.create_superuser("root")
    for name in REFUSED[[*DOORS].index(door) % DOOR_SHARE :: DOOR_SHARE]:
        with pytest.raises(DOORS[door]) if DOORS[door] else nullcontext():
            door(name, people)
        User.objects.filter(is_guest=True).delete()
        # Forms take blanks away at the ends, and some of these are names then.
        found = set(User.objects.values_list("username", flat=True)) - {*people}
        assert found <= {name.strip()}, name
        assert all(map(is_segment, found)), name
        User.objects.filter(username__in=found).delete()


@pytest.mark.django_db
def test_no_room_gets_such_a_name(people: dict[str, User]) -> None:
    alice, operator = sign_in(people["alice"]), sign_in(User.objects.create_superuser("root"))
    for name in REFUSED:
        with pytest.raises(Problem):
            actions.create_room(people["alice"], name, title="t")
        with pytest.raises(Problem):
            actions.post_message(people["alice"], name, "hi")
        made = alice.post("/rooms/", json.dumps({"name": name, "title": "t"}), JSON)
        assert (made.status_code, made.json()["code"]) == refusal_of(name), name
        fields = {"title": "t", "new_name": sendable(name), "topic": "", "visibility": "open"}
        operator.post("/admin/chat/room/add/", fields)
        assert set(Room.objects.values_list("name", flat=True)) <= {name.strip()}, name
        assert all(map(is_room_name, Room.objects.values_list("name", flat=True))), name
        Room.objects.all().delete()


# What a request that was meant for a part must leave as it is.
def snapshot() -> dict[str, Any]:
    models = (Block, Invite, Membership, Message, OutgoingHook, Restriction)
    return {model.__name__: sorted(model.objects.values_list()) for model in models} | {
        "tokens": sorted(ApiToken.objects.values_list("pk", "user")),
        "rooms": sorted(Room.objects.filter(deleted_at=None).values_list("name", "title", "archived_at")),
        "people": sorted(User.objects.filter(is_active=True).values_list("username", "display_name")),
        "strangers": sorted(Stranger.objects.values_list("pk", "state", "pair_room")),
    }


# Every operation of the API with a variable in its path, and what it would send.
VARIABLES = {"name": "den", "username": "robo", "message_id": "1"}
BODIES: dict[str, Any] = {
    "text": "hi", "role": "owner", "enabled": False, "kind": "mute", "name": "mine", "scopes": ["read"], "days": 7
}  # fmt: skip
OPERATIONS = [
    (method.upper(), path, variable)
    for path, operations in api.get_openapi_schema()["paths"].items()
    for method in operations
    if method != "get"
    for variable in re.findall(r"{(\w+)}", path)
]
COLLAPSING = [".", "..", "./.", "../..", "../../..", "", "/", "%2e%2e", "x/..", "x/../.."]
# There is no telling it from the request that it becomes: that no bot is called so, and that a block's id is the
# service's choice, is what keeps it from happening.
UNTELLABLE = [("POST", "/accounts/tokens/"), ("DELETE", "/strangers/")]


def collapsed(path: str) -> str:
    """What a client sends."""
    return httpx.Request("DELETE", f"http://host{path}").url.raw_path.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "variable"), OPERATIONS)
def test_a_collapsed_address_does_nothing_at_all(
    people: dict[str, User], make_room: Any, method: str, path: str, variable: str
) -> None:
    alice = people["alice"]
    for name in ("den", "members", "messages", "x"):
        room = make_room(name, members=(people["bob"],))
        Membership.objects.create(room=room, user=alice, role="owner")
    actions.post_message(alice, "den", "hi")
    actions.make_bot(alice, "robo")
    Block.objects.create(by=alice, whom=people["sam"])
    actions.meet(people["bob"])
    actions.meet(alice)
    client = Client(headers={"Authorization": f"Bearer {actions.make_token(alice)}"})
    before = snapshot()
    assert [state for _, state, _ in before["strangers"]] == ["paired"] * 2
    others = dict.fromkeys(("invite_id", "restriction_id", "token_id", "hook_id", "block_id"), "0123456789abcdef")
    for value in COLLAPSING:
        target = collapsed(path.replace(f"{{{variable}}}", value).format(**VARIABLES, **others))
        if (method, target) in UNTELLABLE:
            continue
        answer = client.generic(method, target, json.dumps(BODIES), JSON)
        assert answer.status_code >= 400, (target, answer.content)
        assert answer["Content-Type"] == "application/problem+json", target
        assert snapshot() == before, target


@pytest.mark.django_db
@pytest.mark.parametrize(
    "confirm", ["", "?confirm", "?confirm=", "?confirm=other", "?confirm=de", "?confirm=den/", "?c=den"]
)
def test_what_destroys_a_whole_names_it(people: dict[str, User], make_room: Any, confirm: str) -> None:
    alice, room = people["alice"], make_room("den")
    Membership.objects.create(room=room, user=alice, role="owner")
    actions.make_bot(alice, "den-bot")
    Block.objects.create(by=alice, whom=people["sam"])
    client, before = sign_in(alice), snapshot()
    for path in ("/rooms/den/", "/accounts/bots/den-bot/", "/strangers/block/"):
        for answer in (client.delete(f"{path}{confirm}"), client.delete(path, json.dumps({"confirm": "den"}), JSON)):
            assert (answer.status_code, answer.json()["code"]) == (422, "CONFIRM_REQUIRED"), path
    assert sign_in(people["bob"]).delete(f"/rooms/den/{confirm}").status_code == 403  # who may not is told so at first
    assert snapshot() == before
    for url in ("/rooms/den/?confirm=DEN", "/accounts/bots/den-bot/?confirm=den-bot"):
        assert client.delete(url).status_code == 204
    assert client.delete("/strangers/block/?confirm=all").status_code == 204
    after = snapshot()
    assert [len(after[key]) for key in ("rooms", "Block")] == [len(before["rooms"]) - 1, 0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["..", "x/../..", "?", "x?y", "#", "a b", "%2e%2e", "\\", "192.0.2.7", "2001:db8::/64", "::/64", "unknown"],
)
def test_a_mute_of_what_is_no_address_can_be_lifted_by_its_own(
    people: dict[str, User], make_room: Any, address: str
) -> None:
    """With TRUSTED_PROXIES too large clients say where they come from."""
    room = make_room("den")
    for kind in ("mute", "ban"):
        Restriction.objects.create(room=room, address=address, kind=kind)
    sam = sign_in(people["sam"])
    found = [one["id"] for one in sam.get("/rooms/den/restrictions/").json()["restrictions"]]
    assert len(set(found)) == 2
    for one in found:
        assert re.fullmatch(r"(mute|ban)::[0-9a-f.:]+", one), one
        target = collapsed(f"/rooms/den/restrictions/{one}/")
        assert target == f"/rooms/den/restrictions/{one}/"
        assert sam.delete(target).status_code == 204
    assert not Restriction.objects.exists()
