"""What no view should have to think of: refused once, with a code, without a traceback and without a change."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse, UnreadablePostError
from django.test import Client

from chat.models import Room, User
from chat.names import is_storable
from tests.unit.conftest import OWN_PAGE, grip_headers, sign_in
from tests.unit.test_websocket import Socket

pytestmark = [pytest.mark.sampled(4), pytest.mark.django_db]
MAX = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
BAD = {
    "NUL": "\0",
    "NUL in a word": "a\0b",
    "first half": "\ud800",
    "second half": "\udc00",
    "last half": "\udfff",
    "halves the wrong way round": "\ude00\ud83d",
    "half behind a whole one": "😀\ud83d",
}
# Bodies are JSON objects with the text somewhere in them.
PLACES: dict[str, Callable[[str], Any]] = {
    "value": lambda text: {"text": text},
    "name": lambda text: {"text": "hi", text: 1},
    "list": lambda text: {"text": "hi", "more": [["x", [text]]]},
    "object": lambda text: {"text": "hi", "more": {"x": {"y": {text: None}}}},
    "depth": lambda text: {"text": "hi", "more": json.loads("[" * 300 + json.dumps(text) + "]" * 300)},
}
WRITES = [
    ("POST", "/rooms/Open/messages/"),
    ("PATCH", "/rooms/Open/messages/1/"),
    ("POST", "/rooms/"),
    ("PATCH", "/rooms/Open/"),
    ("POST", "/rooms/Open/hooks/"),
    ("POST", "/rooms/Open/restrictions/"),
    ("POST", "/rooms/Open/invites/"),
    ("PATCH", "/rooms/Open/members/bob/"),
    ("POST", "/accounts/tokens/"),
    ("POST", "/accounts/bots/"),
    ("POST", "/accounts/direct/"),
    ("POST", "/strangers/report/"),
    ("POST", "/api/broadcast/"),
    ("POST", "/hooks/ab12/"),
]
PAGES = [
    "/accounts/sign-in/",
    "/accounts/sign-up/",
    "/accounts/guest/",
    "/accounts/profile/",
    "/accounts/setup/x/",
    "/rooms/",
    "/rooms/Open/membership/",
    "/rooms/Open/settings/room/",
    "/rooms/Open/settings/members/",
    "/rooms/Open/hooks/",
    "/rooms/Open/messages/",
    "/accounts/tokens/",
    "/accounts/bots/",
    "/-/broadcast/",
    "/admin/login/",
    "/admin/chat/room/add/",
    "/admin/chat/restriction/add/",
]
QUERIES = [
    "/?user={}",
    "/Open?user={}",
    "/Open?before={}",
    "/-/?room={}",
    "/rooms/?after={}",
    "/rooms/Open/messages/?before={}",
    "/rooms/Open/events/?lastEventId={}",
    "/events/?channel={}",
    "/presence/?channel={}",
    "/accounts/sign-in/?next={}",
    "/accounts/guest/?name={}",
    "/admin/chat/room/?q={}",
    "/admin/chat/message/?room={}",
    "/health/live?{}=1",
    "/nothing/at/all?x={}",
]
PATHS = [
    "/{}",
    "/rooms/{}/",
    "/rooms/{}/messages/",
    "/rooms/{}/events/",
    "/rooms/Open/hooks/{}/",
    "/rooms/Open/members/{}/",
    "/rooms/Open/restrictions/{}/",
    "/rooms/Open/invites/{}/",
    "/accounts/bots/{}/tokens/",
    "/accounts/invites/{}/",
    "/accounts/setup/{}/",
    "/hooks/{}/",
    "/hooks/ab12/{}/",
    "/recover/{}/",
    "/strangers/block/{}/",
    "/static/{}",
    "/admin/chat/room/{}/change/",
    "/admin/{}",
]
HEADERS = [
    *("Accept", "Authorization", "Content-Type", "Cookie", "Host", "Idempotency-Key", "Last-Event-ID", "Origin"),
    *("Prefer", "Referer", "Sec-Fetch-Site", "User-Agent", "X-Forwarded-For", "X-Whatever"),
]


@pytest.fixture
def alice(people: dict[str, User], rooms: dict[str, Room]) -> Client:
    User.objects.filter(username="alice").update(is_staff=True, is_superuser=True)
    return sign_in(User.objects.get(username="alice"), proxied=True)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing of this makes a traceback, or a long line."""
    yield
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()
        assert len(record.getMessage()) < 300, record.getMessage()


def refused(response: HttpResponse, status: int, code: str) -> None:
    assert response["Content-Type"] == "application/problem+json", response.content[:300]
    assert (response.status_code, json.loads(response.content)["code"]) == (status, code)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_json_with_text_that_cant_be_stored_is_refused(alice: Client, method: str, path: str, text: str) -> None:
    for place, make in PLACES.items():
        body = json.dumps(make(text))
        assert "\\u" in body, place
        refused(alice.generic(method, path, body, "application/json"), 400, "BODY_INVALID")
    if "\0" not in text:  # as bytes, which Python's reader of JSON lets pass
        raw = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        refused(alice.generic(method, path, raw, "application/json"), 400, "BODY_INVALID")


@pytest.mark.parametrize("path", PAGES)
def test_a_form_with_text_that_cant_be_stored_is_refused(alice: Client, path: str) -> None:
    multipart = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--b--\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="text"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    bodies = [
        (b"text=a%00b", "application/x-www-form-urlencoded"),
        (b"text=hi&a%00b=1", "application/x-www-form-urlencoded"),
        (b"text=hi&text=%00&text=hi", "application/x-www-form-urlencoded"),
        (part % (b"text", b"a\0b"), multipart),
        (part % (b"a\0b", b"text"), multipart),
        (part % (b"text", b"+2AA-"), f"{multipart}; charset=utf-7"),
    ]
    for body, kind in bodies:
        for accept in ("application/json", "text/html"):
            answer = alice.generic("POST", path, body, kind, headers={"Accept": accept})
            assert (answer.status_code, b"BODY_INVALID" in answer.content) == (400, True), (body, answer.content[:300])
    assert alice.generic("POST", path, file, multipart).status_code < 500


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_with_text_that_cant_be_stored_is_refused(alice: Client, query: str) -> None:
    for text in ("%00", "a%00b", "%2500%00"):
        refused(alice.get(query.format(text)), 400, "PARAMETER_INVALID")
    kind = {"CONTENT_TYPE": "text/plain; charset=utf-7"}
    refused(alice.get(query.format("%2B2AA-"), **kind), 400, "PARAMETER_INVALID")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_with_text_that_cant_be_stored_is_refused(alice: Client, path: str) -> None:
    for text in ("%00", "a%00", "a%00b"):
        for method in ("GET", "POST", "DELETE"):
            refused(alice.generic(method, path.format(text)), 400, "PARAMETER_INVALID")
    for text in ("%ED%A0%80", "%FF", "%C0%80"):  # half a character, no character, and NUL in a forbidden form
        assert alice.get(path.format(text)).status_code < 500


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_with_text_that_cant_be_stored_is_refused(alice: Client, header: str) -> None:
    for text in ("\0", "a\0b", "\ud800"):
        refused(alice.get("/rooms/Open/messages/", headers={header: text}), 400, "PARAMETER_INVALID")


@pytest.mark.parametrize(
    "cookie", ['a="\\000"', 'sessionid="abc\\000"', 'csrftoken="\\000"', 'messages="a\\000b"; b=1']
)
def test_a_cookie_with_text_that_cant_be_stored_is_refused(cookie: str) -> None:
    for path in ("/rooms/Open/messages/", "/accounts/sign-in/", "/admin/"):
        refused(Client(headers={"Cookie": cookie}).get(path), 400, "PARAMETER_INVALID")


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
@pytest.mark.parametrize("field", ["id", "command", "room", "text", "from", "client_id", "last-event-id", "more"])
def test_a_frame_with_text_that_cant_be_stored_is_refused(
    reader: Client, make_room: Any, text: str, field: str
) -> None:
    make_room("den")
    socket = Socket(reader, "/rooms/den/events/")
    command = {"command": "send", "id": "1", "room": "den", "text": "hi", "from": "ann", field: text}
    [error] = socket.send(command)
    assert (error["type"], error["code"]) == ("error", "FRAME_INVALID")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
@pytest.mark.parametrize(
    "path", ["/rooms/Open/messages/", "/accounts/sign-in/", "/health/live", "/Open", "/a/b/c", "/static/x"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
def test_a_body_that_is_too_large_is_refused_unread_everywhere(
    alice: Client, kind: str, path: str, method: str
) -> None:
    for length in (MAX + 1, 10**12, 2**70):
        request: Any = {"CONTENT_LENGTH": str(length), "CONTENT_TYPE": kind, "wsgi.input": Unread()}
        refused(alice.generic(method, path, **request), 413, "BODY_TOO_LARGE")
    for length in ("x", "1e9", "-", "0x10"):
        refused(alice.generic(method, path, CONTENT_LENGTH=length, CONTENT_TYPE=kind), 400, "BODY_INVALID")
    refused(alice.generic(method, path, b"x" * (MAX + 1), kind), 413, "BODY_TOO_LARGE")


def test_a_body_of_the_largest_size_is_read(alice: Client) -> None:
    body = json.dumps({"text": "hi", "more": ""}).encode()
    body = body.replace(b'""', b'"' + b"x" * (MAX - len(body)) + b'"')
    assert len(body) == MAX
    assert alice.generic("POST", "/rooms/Open/messages/", body, "application/json").status_code == 201


class Unread:
    """A body that nobody may read."""

    def read(self, *size: int) -> bytes:
        raise AssertionError("it was read")

    close = readline = __iter__ = read


class HungUp(Unread):
    """A client that is gone in the middle."""

    def read(self, *size: int) -> bytes:
        raise OSError("the client hung up")

    readline = read


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
@pytest.mark.parametrize(("method", "path"), [*WRITES, *(("POST", page) for page in PAGES)])
def test_a_client_that_hangs_up_makes_no_traceback(alice: Client, method: str, path: str, kind: str) -> None:
    request: Any = {"CONTENT_LENGTH": "1000", "CONTENT_TYPE": kind, "wsgi.input": HungUp()}
    assert alice.generic(method, path, **request).status_code < 500


def test_a_view_that_finds_the_client_gone_answers_without_a_traceback(rf: Any) -> None:
    from chat.door import Door

    door = Door(lambda request: HttpResponse())
    answer = door.process_exception(rf.get("/"), UnreadablePostError("gone"))
    assert answer is not None
    assert answer.status_code == 400
    assert door.process_exception(rf.get("/"), ValueError()) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost:x",
        "localhost:99999999",
        "a b",
        "[::1",
        "",
        "localhost/",
        "a" * 8000,
        "é",
        "localhost\n",
        "@",
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/Open", "/rooms/", "/health/ready", "/admin/", "/accounts/sign-in/", "/static/x"]
)
def test_a_bad_host_is_refused_in_one_short_line(
    rooms: Any, path: str, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Client(headers=grip_headers()).get(path, headers={"Host": host})
    answer.close()
    assert answer.status_code in (200, 302, 303, 400, 404)
    if answer.status_code == 400:
        refused(answer, 400, "PARAMETER_INVALID")
    assert len(caplog.records) <= 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=\xff", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: nothing\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n" * 2000),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 1200),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n' * 200,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n*\r\n--b--',
        ),
        ("multipart/form-data; boundary=b; charset=nonsense", b"--b--"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(1200))),
        ("application/x-www-form-urlencoded; charset=utf-16", b"a=1"),
        ("application/x-www-form-urlencoded; charset=zip", b"a=1"),
        ("application/json; charset=utf-16", b"\xff\xfe{"),
        ("application/json", b"\xff\xff"),
        ("application/json", b"[" * 100_000),
        ("x" * 5000, b"x"),
        ("application/websocket-events", b"\xff"),
    ],
)
@pytest.mark.parametrize("path", ["/rooms/Open/messages/", "/accounts/sign-in/", "/rooms/", "/admin/login/"])
def test_a_body_that_cant_be_read_makes_no_traceback(alice: Client, path: str, kind: str, body: bytes) -> None:
    for client in (alice, Client(headers={**OWN_PAGE, **grip_headers()})):
        for accept in ("application/json", "text/html"):
            answer = client.generic("POST", path, body, kind, headers={"Accept": accept})
            assert answer.status_code < 500, answer.content[:200]


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"a{n}=1" for n in range(1200)),
        "visibility__exact=nonsense",
        "nonsense__exact=1",
        "created_by__password__startswith=a",
        "p=-1",
        "p=999999",
        "o=9.9.9",
        "o=--1",
        "_facets=x",
        "all=",
        "e=1",
        "id__exact=" + "9" * 400,
        "created__year=99999999999",
        "created__gte=2026-99-99",
        "kind__in=" + ",".join(["a"] * 500),
        "archived_at__isnull=maybe",
    ],
)
def test_a_nonsense_query_of_the_admin_makes_no_traceback(alice: Client, query: str) -> None:
    for model in ("room", "message", "user", "restriction", "auditentry"):
        assert alice.get(f"/admin/chat/{model}/?{query}").status_code < 500
    assert Client().get(f"/admin/chat/room/?{query}").status_code < 500


@pytest.mark.parametrize(
    "header", ["Cookie", "Authorization", "Referer", "Accept", "X-Forwarded-For", "Last-Event-ID", "Range"]
)
def test_a_huge_header_makes_no_traceback(alice: Client, header: str) -> None:
    for value in (
        "x" * 8000,
        "sessionid=" + "x" * 7000,
        "Bearer " + "x" * 7000,
        'a="' + "\\" * 7000 + '"',
        "bytes=0-" + "9" * 5000,
    ):
        for path in ("/rooms/Open/events/", "/accounts/sign-in/", "/static/chat/app.js"):
            answer = alice.get(path, headers={header: value})
            answer.close()
            assert answer.status_code < 500


def test_what_can_be_stored_is_any_text_but_these() -> None:
    for fine in (
        "",
        "a",
        "\x01",
        "é",
        "😀",
        "\ufffe",
        "\U0010ffff",
        "\ufdd0",
        7,
        None,
        1.5,
        True,
        [],
        {},
        [["a", {"b": ("c",)}]],
    ):
        assert is_storable(fine), fine
    for bad in BAD.values():
        for holder in (bad, [bad], (bad,), {"a": bad}, {bad: 1}, [{"a": [(bad,)]}]):
            assert not is_storable(holder)
    deep: Any = "\0"
    for _ in range(100_000):
        deep = [deep]
    assert not is_storable(deep)


def test_an_ordinary_refusal_is_no_news(caplog: pytest.LogCaptureFixture, rooms: Any) -> None:
    with caplog.at_level(logging.WARNING):
        Client().get("/nothing/here/")
        Client().post("/rooms/Open/messages/", {"from": "ann"})
    assert [record for record in caplog.records if record.name not in ("django.request",)] == []
