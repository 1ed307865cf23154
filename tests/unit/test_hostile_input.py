"""What people send takes time in proportion to its length, wherever it is sent and however hostile it is."""

import json
from collections.abc import Callable
from functools import partial

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from chat.models import Room, User
from tests.costs import cost
from tests.scope import HOSTILE_SHARE
from tests.unit.conftest import grip_headers, sign_in

pytestmark = pytest.mark.django_db
# Bytes of a body, and of a header or an address: as much as comes through.
BODY, HEAD = settings.DATA_UPLOAD_MAX_MEMORY_SIZE - 1000, 8000
# Four times as much takes four times as long, or sixteen times when it is the square.
GROWTH = 9
# Below this nobody notices: seconds.
NOTHING = 0.02

HOSTILE = {
    "marks out of order": "\u0301\u0316",
    "marks of three classes": "\u0334\u0345\u0315",
    "Hangul": "\u1100\u1161\u11a8",
    "ligatures": "\ufdfa",
    "spaces": " ",
    "spaces and letters": " a",
    "line ends": "\r\n",
    "tabs": "\t",
    "commas": ",",
    "colons": "room-a:1,",
    "equals": "a=",
    "ampersands": "&",
    "semicolons": "; ",
    "quotes": '"',
    "backslashes": "\\",
    "escapes": '\\"',
    "octal escapes": "\\1",
    "percents": "%",
    "percent codes": "%41",
    "brackets": "[",
    "braces": '{"a":',
    "round brackets": "…)",
    "digits": "9",
    "dots": ".",
    "dots and digits": "1.",
    "hyphens": "-",
    "slashes": "/",
    "at signs": "@",
    "addresses": "http://",
    "wait": "wait ",
    "joiners": "👩\u200d",
    "capitals with dots": "İ",
    "sharp s": "ß",
    "plus": "+",
    "underscores": "_",
    "NUL": "\0",
    "angles": "<",
}
Door = Callable[[str], object]


def growing(door: Callable[[str], object], piece: str, size: int) -> str:
    """Why a door is slow with so many bytes of a piece; "" when it isn't."""
    count = size // len(piece.encode())
    calls = [partial(door, piece * (count // parts)) for parts in (4, 1)]
    small, large = cost(calls[0], 1), cost(calls[1], 1)
    if large < NOTHING or large < GROWTH * small:
        return ""
    small, large = cost(calls[0], 4), cost(calls[1], 3)
    return "" if large < GROWTH * max(small, NOTHING / GROWTH) else f"{small:.3f} s, and {large:.3f} s for four times"


BODIES: dict[str, tuple[str, str]] = {
    "name of a post": ("/rooms/Open/messages/", "from"),
    "text of a post": ("/rooms/Open/messages/", "text"),
    "key of a post": ("/rooms/Open/messages/", "client_id"),
    "name of a room": ("/rooms/", "name"),
    "title of a room": ("/rooms/", "title"),
    "topic of a room": ("/rooms/", "topic"),
    "visibility of a room": ("/rooms/", "visibility"),
    "username of a bot": ("/accounts/bots/", "username"),
    "display name of a bot": ("/accounts/bots/", "display_name"),
    "name of a token": ("/accounts/tokens/", "name"),
    "scopes of a token": ("/accounts/tokens/", "scopes"),
    "username of a restriction": ("/rooms/Open/restrictions/", "username"),
    "kind of a restriction": ("/rooms/Open/restrictions/", "kind"),
    "name of a webhook": ("/rooms/Open/hooks/", "name"),
    "address of a webhook": ("/rooms/Open/hooks/", "url"),
    "partner of a room of two": ("/accounts/direct/", "username"),
    "reason of a report": ("/strangers/report/", "reason"),
}
# What the other fields of a body are, so that the one that is hostile is looked at.
REST = {
    "/rooms/Open/messages/": {"text": "hi"},
    "/rooms/": {"title": "Den"},
    "/accounts/bots/": {"username": "helper"},
    "/accounts/tokens/": {"name": "mine", "scopes": ["read"]},
    "/rooms/Open/restrictions/": {"kind": "mute"},
    "/rooms/Open/hooks/": {"kind": "incoming"},
}
FORMS: dict[str, tuple[str, str]] = {
    "user name to sign in": ("/accounts/sign-in/", "username"),
    "password to sign in": ("/accounts/sign-in/", "password"),
    "user name to sign in to the admin": ("/admin/login/", "username"),
    "user name to sign up": ("/accounts/sign-up/", "username"),
    "display name to sign up": ("/accounts/sign-up/", "display_name"),
    "password to sign up": ("/accounts/sign-up/", "password"),
    "name of a guest": ("/accounts/guest/", "display_name"),
    "next": ("/accounts/sign-in/", "next"),
    "the token of a form": ("/accounts/sign-in/", "csrfmiddlewaretoken"),
}
OWN_FORMS: dict[str, tuple[str, str]] = {
    "title of a room in a form": ("/rooms/", "title"),
    "name of a room in a form": ("/rooms/", "name"),
    "display name in a form": ("/accounts/profile/", "display_name"),
    "whom to restrict in a form": ("/rooms/Open/settings/restrictions/", "username"),
    "member in a form": ("/rooms/Open/settings/members/", "username"),
    "title in the settings": ("/rooms/Open/settings/room/", "title"),
    "name of a webhook in a form": ("/rooms/Open/hooks/", "name"),
    "address of a webhook in a form": ("/rooms/Open/hooks/", "url"),
    "name of a bot in a form": ("/accounts/bots/", "username"),
    "the old password": ("/accounts/password/", "old"),
}
HEADERS = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Host",
    "Idempotency-Key",
    "If-Modified-Since",
    "If-None-Match",
    "Last-Event-ID",
    "Origin",
    "Prefer",
    "Range",
    "Referer",
    "Sec-Fetch-Site",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
]
QUERIES = [
    ("/rooms/Open/messages/", "before"),
    ("/rooms/Open/messages/", "after"),
    ("/rooms/Open/events/", "lastEventId"),
    ("/events/", "channel"),
    ("/rooms/", "after"),
    ("/Open", "user"),
    ("/Open", "transport"),
    ("/-/", "room"),
    ("/accounts/sign-in/", "next"),
    ("/accounts/guest/", "name"),
]
PATHS = ["/{}", "/rooms/{}/messages/", "/rooms/{}/events/", "/accounts/invites/{}/", "/accounts/setup/{}/"]
PATHS += [
    "/recover/{}/",
    "/hooks/{}/x/",
    "/hooks/x/{}/",
    "/admin/{}",
    "/admin/r/{}/",
    "/static/{}",
    "/strangers/block/{}/",
]


@pytest.fixture
def alice(people: dict[str, User], rooms: dict[str, Room]) -> Client:
    return sign_in(people["alice"], proxied=True)


@pytest.fixture
def visitor(rooms: dict[str, Room]) -> Client:
    """Somebody without an account, from a page of ours."""
    return Client(headers={**grip_headers(), "Origin": "http://testserver", "Accept": "text/html"})


def all_hostile(door: Callable[[str], object], size: int, number: int) -> dict[str, str]:
    """Each kind of text that is slow at a door; at the gate the doors divide the kinds, by their numbers."""
    tried = list(HOSTILE)[number % HOSTILE_SHARE :: HOSTILE_SHARE]
    found = {name: growing(door, HOSTILE[name], size) for name in tried}
    return {name: why for name, why in found.items() if why}


def answered(response: HttpResponse) -> HttpResponse:
    assert response.status_code < 500, (response.status_code, response.content[:200])
    return response


@pytest.mark.parametrize("door", BODIES)
def test_a_field_of_json_takes_time_by_its_length(alice: Client, door: str) -> None:
    path, field = BODIES[door]

    def send(value: str) -> None:
        fields = REST.get(path, {}) | {field: value}
        answered(alice.post(path, json.dumps(fields, ensure_ascii=False), "application/json"))

    assert all_hostile(send, BODY // 2, list(BODIES).index(door)) == {}


@pytest.mark.parametrize("door", [*FORMS, *OWN_FORMS])
def test_a_field_of_a_form_takes_time_by_its_length(alice: Client, visitor: Client, door: str) -> None:
    path, field = (FORMS | OWN_FORMS)[door]
    client = visitor if door in FORMS else alice
    fields = {"username": "alice", "password": "not the password", "old": "not it", "title": "Den", "kind": "incoming"}

    def send(value: str) -> None:
        answered(client.post(path, fields | {field: value}, headers={"Accept": "text/html"}))

    assert all_hostile(send, BODY - 2000, list(FORMS | OWN_FORMS).index(door)) == {}


KINDS = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/rooms/Open/messages/", "/accounts/sign-in/", "/-/", "/nothing/here/"])
def test_a_body_takes_time_by_its_length(visitor: Client, kind: str, path: str) -> None:
    def send(body: str) -> None:
        answered(visitor.generic("POST", path, body.encode(), kind))

    assert all_hostile(send, BODY, len(path) + KINDS.index(kind)) == {}
    for piece in (
        "--b\r\n",
        '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n',
        "--b--",
        "-",
        "\r",
        "--b ",
    ):
        assert growing(send, piece, BODY) == "", piece


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_takes_time_by_its_length(alice: Client, header: str) -> None:
    def send(value: str) -> None:
        latin = value.encode().decode("latin-1")
        for quoted in (latin, f'a="{latin}"'):
            answered(alice.get("/rooms/Open/events/", headers={header: quoted}))

    assert all_hostile(send, HEAD, HEADERS.index(header)) == {}


@pytest.mark.parametrize(("path", "parameter"), QUERIES)
def test_a_query_takes_time_by_its_length(visitor: Client, path: str, parameter: str) -> None:
    def send(value: str) -> None:
        answered(visitor.get(path, {parameter: value}))
        answered(visitor.get(path, query_params=None, QUERY_STRING=f"{parameter}={value}".encode().decode("latin-1")))

    assert all_hostile(send, HEAD, QUERIES.index((path, parameter))) == {}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_takes_time_by_its_length(visitor: Client, path: str) -> None:
    def send(value: str) -> None:
        answered(visitor.generic("GET", path.format(value.replace("?", "x"))))

    assert all_hostile(send, HEAD, PATHS.index(path)) == {}
