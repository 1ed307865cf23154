"""Addresses in other spellings: nothing is redirected that changes something, and browsers are led where they mean."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from chat import actions
from chat.models import Membership, Message, Restriction, Room, User
from server.env import Rate
from tests.unit.conftest import HTML, JSON, OWN_PAGE, grip_headers, sign_in

pytestmark = [pytest.mark.sampled(4), pytest.mark.django_db]
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# What stands for the variables of addresses: small letters, so that capitals are another spelling of the rest only.
VALUES = {"name": "den", "username": "robo", "message_id": "1", "object_id": "1", "id": "1", "url": ""}


def routes(patterns: Any, before: str = "") -> Iterator[str]:
    """Every address there is, the admin's and the API's among them, as the resolver has it."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def filled(route: str) -> str:
    """An address of this route."""
    parts = []
    for part in route.split("/"):
        if part.startswith("<"):
            parts.append(VALUES.get(part.strip("<>").rpartition(":")[2], "0123456789abcdef"))
        elif not part.startswith("^"):
            parts.append(part)
        elif "app_label" in part:
            parts.append("chat")
    return "/" + "/".join(parts).replace("$", "")


# The admin has the same addresses for each model.
MODELS = re.compile(r"/admin/(?!chat/(room|user)/)\w+/\w+/")
EVERY = {filled(route) for route in routes(get_resolver().url_patterns)} - {"/"}
ADDRESSES = sorted(address for address in EVERY if not MODELS.match(address))


def spellings(address: str) -> Iterator[str]:
    """Other spellings of an address."""
    yield address[:-1] if address.endswith("/") else f"{address}/"
    for at, char in enumerate(address):
        if char == "/":
            yield f"{address[:at]}/{address[at:]}"
    yield f"{address}//" if address.endswith("/") else f"{address}///"
    yield address.upper()
    yield "/" + address[1:].capitalize()
    yield address.title()
    yield f"//{address[1:].upper()}"


@pytest.fixture
def alice(people: dict[str, User], make_room: Any) -> User:
    """Somebody who may do much: Alice is an administrator, and owns a room."""
    User.objects.filter(username="alice").update(is_staff=True, is_superuser=True)
    alice = User.objects.get(username="alice")
    Membership.objects.create(room=make_room("den"), user=alice, role="owner")
    actions.make_bot(alice, "robo")
    actions.post_message(alice, "den", "hi")
    return alice


def ask(client: Client, method: str, path: str, body: str = "{}", **more: Any) -> Any:
    """A request as a server hands it on. Django's own client takes the part behind two slashes for a host."""
    raw = unquote_to_bytes(path).decode("latin-1")
    return client.generic(method, "/", body, JSON, PATH_INFO=raw, **more)


def test_the_walk_knows_every_kind_of_address() -> None:
    assert (len(EVERY), len(ADDRESSES)) > (140, 70)
    assert {"/rooms/den/messages/", "/admin/chat/room/add/", "/accounts/sign-in/", "/den", "/strangers"} <= {*ADDRESSES}
    for address in EVERY:
        resolve(address)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_unsafe_request_is_served_as_at_the_right_address_or_refused_with_it(address: str, alice: User) -> None:
    right, client = resolve(address), sign_in(alice)
    for spelling in spellings(address):
        for method in UNSAFE:
            answer = ask(client, method, spelling)
            told = (method, spelling, answer.status_code, answer.content[:200])
            match = answer.wsgi_request.resolver_match
            if answer.status_code < 400:  # it is done
                is_itself = {address, spelling} == {"/strangers", "/strangers/"}  # two addresses, both right
                assert match.route == right.route or is_itself, told
                assert spelling.rstrip("/") == address.rstrip("/"), told
                continue
            if match is not None and match.route == right.route and spelling.rstrip("/") == address.rstrip("/"):
                continue  # it is refused there, by a page perhaps
            assert answer["Content-Type"] == "application/problem+json", told
            if match is None or (answer.status_code == 404 and match.route != right.route):
                named = answer.json()["detail"].partition("The right one is ")[2].removesuffix(".")
                assert answer.status_code == 404, told
                assert named.casefold().rstrip("/") == address.rstrip("/"), told


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_unsafe_request_of_nobody_is_answered_with_no_redirect(address: str, make_room: Any) -> None:
    make_room("den")
    for spelling in (address, *list(spellings(address))[:2]):
        for method in UNSAFE:
            for headers in (OWN_PAGE, OWN_PAGE | HTML):
                answer = ask(Client(), method, spelling, headers=headers)
                is_done = answer.status_code == 303 and spelling.rstrip("/") == "/accounts/sign-out"
                assert is_done or not 300 <= answer.status_code < 400, (method, spelling, answer.headers)


@pytest.mark.parametrize(
    "address", ["/", "/den", "/api/docs", "/api/openapi.json", "/health/live", "/health/ready", "/-/"]
)
def test_what_is_only_read_takes_no_change(address: str, make_room: Any) -> None:
    make_room("den")
    for method in UNSAFE:
        assert ask(Client(), method, address).status_code == 405


class TestWithoutTheLastSlash:
    """The examples that were seen: nothing stored, a ban that is not there."""

    def test_a_message_is_stored(self, curl: Client, make_room: Any) -> None:
        make_room("den")
        answer = curl.post("/rooms/den/messages", {"from": "ann", "text": "hi"}, follow=True)
        assert (answer.status_code, answer.json()["text"]) == (201, "hi")
        answer = curl.post("/rooms/den/messages", {"from": "ann", "text": "ho"}, headers=HTML)
        assert (answer.status_code, answer["Location"]) == (303, "/den?user=ann")
        assert Message.objects.count() == 2

    def test_a_ban_holds(self, alice: User, people: dict[str, User]) -> None:
        client = sign_in(alice)
        answer = client.post("/rooms/den/restrictions", {"kind": "ban", "username": "bob"}, JSON, follow=True)
        assert answer.status_code == 201
        assert Restriction.objects.filter(user=people["bob"]).exists()
        assert client.delete("/rooms/den/restrictions/ban:bob").status_code == 204
        assert client.patch("/rooms/den", {"topic": "t"}, JSON).json()["topic"] == "t"
        assert client.post("/rooms", {"name": "new"}).status_code == 201
        assert client.delete("/rooms/new").json()["code"] == "CONFIRM_REQUIRED"
        assert client.delete("/rooms/new?confirm=new").status_code == 204
        assert client.post("/strangers").json()["state"] == "waiting"
        assert client.delete("/strangers").status_code == 204
        assert client.post("/accounts/sign-out", headers=HTML).status_code == 303

    def test_limits_count_it_as_what_it_is(self, curl: Client, make_room: Any, settings: Any) -> None:
        make_room("den")
        settings.POST_LIMIT, settings.ADDRESS_WRITE_LIMIT = Rate(1, 60), Rate(1, 60)
        fields = {"from": "ann", "text": "hi"}
        assert [curl.post("/rooms/den/messages", fields).status_code for _ in range(2)] == [201, 429]
        assert curl.post("/rooms").status_code == 401

    def test_a_program_reads_and_follows(self, make_room: Any) -> None:
        make_room("den")
        reader = Client(headers=grip_headers())
        assert reader.get("/rooms").json()["rooms"][0]["room"] == "den"
        assert reader.get("/rooms/den/messages?limit=5").json()["messages"] == []
        assert reader.get("/rooms/den").json()["room"] == "den"
        for path in ("/rooms/den/events", "/events?channel=room-den"):
            assert reader.get(path, headers={"Accept": "text/event-stream"})["Grip-Hold"] == "stream"
        assert reader.get("/strangers", headers={"Accept": JSON}).status_code == 200  # a page has this address

    def test_other_sites_are_told_so_in_their_headers(self, settings: Any, make_room: Any) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
        asks = {"Origin": "https://friend.example", "Access-Control-Request-Method": "POST"}
        for path in ("/rooms", "/rooms/den/messages", "/strangers"):
            answer = Client().options(path, headers=asks)
            assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "https://friend.example")

    def test_another_site_is_refused_there_too(self, alice: User) -> None:
        answer = sign_in(alice).post("/rooms", {"name": "new"}, headers={"Origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_DENIED")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(alice)
        for path in ("/accounts/profile", "/rooms/den/settings/room", "/admin/chat/room/add"):
            assert strict.post(path, {"title": "x", "display_name": "x"}).status_code == 403
        assert Room.objects.count() == 1


LEADS = [
    ("/rooms", "/rooms/"), ("/admin", "/admin/"), ("/default/", "/default"), ("/den/", "/den"), ("/Den//", "/Den"),
    ("/accounts/sign-in", "/accounts/sign-in/"), ("/accounts/sign-in//", "/accounts/sign-in/"), ("/-", "/-/"),
    ("/accounts/profile", "/accounts/profile/"), ("/rooms/den/settings", "/rooms/den/settings/"),
    ("/rooms/den", "/rooms/den/"), ("/rooms//den/settings/", "/rooms/den/settings/"), ("//rooms//", "/rooms/"),
    ("/admin/chat/room", "/admin/chat/room/"), ("/admin/chat/room/add", "/admin/chat/room/add/"),
    ("/admin/chat/room/1/change", "/admin/chat/room/1/change/"), ("/ADMIN/Chat/Room/", "/admin/chat/room/"),
    ("/Rooms", "/rooms/"), ("/ROOMS/", "/rooms/"), ("/Strangers", "/strangers"), ("/strangers//", "/strangers/"),
    ("/Accounts/Sign-In/", "/accounts/sign-in/"), ("/accounts/BOTS/Robo/tokens", "/accounts/bots/Robo/tokens/"),
    ("/Accounts/invites/SeCret", "/accounts/invites/SeCret/"), ("/api/docs/", "/api/docs"), ("/API/docs", "/api/docs"),
    ("/health/live/", "/health/live"), ("/events", "/events/"), ("/presence", "/presence/"), ("//", "/"), ("///", "/"),
    ("//default", "/default"), ("//default/", "/default"), ("/-/broadcast", "/-/broadcast/"), ("/a.b~c/", "/a.b~c"),
    # To another host never: what a browser would take for one becomes a name of a room, or nothing.
    ("//evil.example/", "/evil.example"), ("//evil.example", "/evil.example"), ("///evil.example//", "/evil.example"),
    ("//evil.example/rooms", None), ("/\\evil.example/", None), ("/%5Cevil.example/", None),
    ("/%5c/evil.example", None), ("/%2F/evil.example/", "/evil.example"), ("/%09/evil.example/", None),
    ("/http:/evil.example/", None),
    ("/http:%2F%2Fevil.example/", None), ("/.evil/", None), ("/@evil.example/", None), ("/x%0d%0aX-Y:a=b/", None),
    ("/%E2%80%A6/", None), ("/%C3%A9/", None), ("/a b/", None), ("/a%3Fb/", None), ("/a%23b/", None),
    ("/nothing/here", None), ("/accounts", None), ("/api", None), ("/hooks", None), ("/media", None), ("/static", None),
    ("/robots.txt", None), ("/favicon.ico/", None), ("/rooms/den/nothing", None), ("/admin/nothing", None),
]  # fmt: skip


@pytest.mark.parametrize("query", ["", "user=Vera%20W&x=%2F%2Fevil.example", "next=//evil.example/"])
@pytest.mark.parametrize(("path", "right"), LEADS)
def test_a_browser_is_led_where_it_means_and_never_to_another_host(path: str, right: str | None, query: str) -> None:
    for method in ("get", "head"):
        answer = ask(Client(), method.upper(), path, QUERY_STRING=query, headers=HTML)
        if right is None:
            assert answer.status_code == 404, answer.headers
            continue
        assert answer.status_code == 302
        assert answer["Location"] == (f"{right}?{query}" if query else right)
        assert urlsplit(answer["Location"]).netloc == ""


@pytest.mark.parametrize("path", ["/%00/", "/den%00/", "/%00", "//%00//", "/%ED%A0%80%00/"])
def test_an_address_that_can_not_be_read_leads_nowhere(path: str) -> None:
    assert ask(Client(), "GET", path, headers=HTML).status_code == 400


@pytest.mark.parametrize(
    "path", ["/default", "/Default", "/rooms/", "/accounts/sign-in/", "/strangers", "/", "/-/?user=x"]
)
def test_what_is_right_is_not_led_anywhere(path: str, make_room: Any) -> None:
    make_room("default")
    assert Client().get(path, headers=HTML).status_code == 200


def test_a_program_is_told_the_right_address(curl: Client) -> None:
    for path, right in (("//rooms//", "/rooms/"), ("/Rooms/den/Messages/", "/rooms/den/messages/"), ("/den/", "/den")):
        answer = ask(curl, "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert answer.json()["detail"] == f"There is nothing at this address. The right one is {right}."


def test_a_form_sent_when_one_is_signed_out_says_so(make_room: Any) -> None:
    make_room("den")
    for path in (
        "/accounts/profile/",
        "/accounts/tokens/",
        "/accounts/bots/",
        "/-/broadcast/",
        "/admin/chat/room/add/",
    ):
        page = Client(headers=OWN_PAGE).post(path, {"name": "x"}, headers=HTML)
        assert page.status_code == 401
        assert "nothing was changed" in page.text
        assert f"?next={path}" in page.text
