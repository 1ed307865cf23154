"""Bad input: each a 4xx problem document with its code, and nothing of it is stored."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chat.models import Event, Message, Room
from chat.names import clean_person_name, is_room_name
from server.env import Rate
from tests.scope import FUZZ_EXAMPLES

pytestmark = pytest.mark.django_db
URL = "/rooms/den/messages/"
FORM = "application/x-www-form-urlencoded"
DEFAULT = {"from": "ann", "text": "hi"}


@pytest.fixture(autouse=True)
def nothing_is_stored(db: None, published: list[Any], make_room: Any) -> Any:
    """A refusal leaves every row and every counter as it was."""
    make_room("den", counter=3, pruned_through=3)
    yield
    assert list(Room.objects.values_list("name", "counter")) == [("den", 3)]
    assert (Message.objects.count(), Event.objects.count(), published) == (0, 0, [])


def assert_problem(response: Any, status: int, code: str) -> None:
    assert response["Content-Type"] == "application/problem+json", response.content[:300]
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert set(problem) == {"type", "title", "status", "code", "detail"}
    assert problem["detail"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "TEXT_INVALID"),
        (" \t\r\n\u3000\u2003", "TEXT_INVALID"),
        ("x" * 8001, "TEXT_INVALID"),
        ("😀" * 8001, "TEXT_INVALID"),
        ("a\x07b", "TEXT_INVALID"),
        ("a\x1bb", "TEXT_INVALID"),
        ("a\x7fb", "TEXT_INVALID"),
        ("a\x85b", "TEXT_INVALID"),
        ("\x07", "TEXT_INVALID"),
        (None, "TEXT_INVALID"),
        (1, "TEXT_INVALID"),
        (["a"], "TEXT_INVALID"),
        ({"a": 1}, "TEXT_INVALID"),
        (True, "TEXT_INVALID"),
    ],
)
def test_a_bad_text_is_refused(curl: Client, text: Any, code: str) -> None:
    response = curl.post(URL, json.dumps(DEFAULT | {"text": text}), "application/json")
    assert_problem(response, 422, code)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "n" * 65,
        "a\x07b",
        "a\x1bb",
        "\u202egnp.exe",  # right-to-left override
        "ann\u2066",
        "ann\u200b",  # zero-width space
        "\u200d \u200d",
        "\u0301",  # a combining mark on nothing
        "\x07",
        None,
        7,
    ],
)
def test_a_bad_name_is_refused(curl: Client, name: Any) -> None:
    response = curl.post(URL, json.dumps(DEFAULT | {"from": name}), "application/json")
    assert_problem(response, 422, "NAME_INVALID")


@pytest.mark.parametrize(
    "path",
    [
        "-",
        "api",
        "API",
        "robots.txt",
        ".hidden",
        "~x",
        "a%07b",
        "a%20b",
        "a%25b",
        "a:b",
        "a,b",
        "%E2%82%AC",
        "%FF%FE",
        "stra%C3%9Fe",
        "%E2%84%AAelvin",
        "r" * 65,
        "r" * 5000,
        "den%0A",
    ],
)
def test_a_bad_room_name_is_refused_everywhere(curl: Client, reader: Client, path: str) -> None:
    url = f"/rooms/{path}/messages/"
    assert_problem(curl.post(url, DEFAULT, "application/json"), 404, "ROOM_INVALID")
    assert_problem(curl.get(url), 404, "ROOM_INVALID")
    assert_problem(reader.get(f"/rooms/{path}/events/"), 404, "ROOM_INVALID")
    if path not in ("-", "api", "robots.txt", "API"):  # addresses of the service's own
        assert_problem(curl.get(f"/{path}"), 404, "ROOM_INVALID")


@pytest.mark.parametrize("path", ["a/b", "a%2Fb", "", "..%2Fx"])
def test_a_room_name_with_a_slash_is_no_address(curl: Client, path: str) -> None:
    assert_problem(curl.post(f"/rooms/{path}/messages/", DEFAULT, "application/json"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("text/plain", "CONTENT_TYPE_UNSUPPORTED", 415),
        ("application/xml", "CONTENT_TYPE_UNSUPPORTED", 415),
        ("application/jsonx", "CONTENT_TYPE_UNSUPPORTED", 415),
        ("application/grip-instruct", "CONTENT_TYPE_UNSUPPORTED", 415),
        ("json", "CONTENT_TYPE_UNSUPPORTED", 415),
        ("", "CONTENT_TYPE_UNSUPPORTED", 415),
        ("application/websocket-events", "BODY_INVALID", 400),
        ("Application/WebSocket-Events", "BODY_INVALID", 400),
        ("multipart/form-data", "BODY_INVALID", 400),
        ("multipart/form-data; boundary=nothing-of-the-kind", "TEXT_INVALID", 422),
        (f"{FORM}; charset=utf-16", "BODY_INVALID", 400),
        (f"{FORM}; charset=idna", "BODY_INVALID", 400),
    ],
)
def test_a_wrong_content_type_is_refused(curl: Client, kind: str, code: str, status: int) -> None:
    assert_problem(curl.generic("POST", URL, b'{"from": "ann", "text": "hi"}', kind), status, code)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "{'text': 'hi'}",
        '{"text": "hi",}',
        '"text"',
        "[]",
        '[{"from": "ann", "text": "hi"}]',
        "null",
        "1",
        "NaN",
        "[" * 100_000,
        '{"text":' * 20_000,
        '{"text": ' + "9" * 5000 + "}",
        b'{"text": "\xe9"}',
        b"\xff\xfe\x00",
        b"\x00",
        " ",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_broken_json_is_refused(curl: Client, body: str | bytes) -> None:
    assert_problem(curl.generic("POST", URL, body, "application/json"), 400, "BODY_INVALID")


@pytest.mark.parametrize(
    "body", ['{"text": NaN}', '{"text": 1e400}', '{"text": ' + "9" * 400 + "}", '{"text": [[[[]]]]}']
)
def test_json_of_the_wrong_types_is_refused(curl: Client, body: str) -> None:
    assert_problem(curl.generic("POST", URL, body, "application/json"), 422, "TEXT_INVALID")


def test_an_empty_body_is_refused(curl: Client) -> None:
    for kind in ("application/json", FORM, "multipart/form-data; boundary=b"):
        assert_problem(curl.generic("POST", URL, b"", kind), 400, "BODY_INVALID")


def test_a_body_without_text_is_refused(curl: Client) -> None:
    assert_problem(curl.post(URL, {"from": "ann"}, "application/json"), 422, "TEXT_INVALID")
    assert_problem(curl.generic("POST", URL, "from=ann", FORM), 422, "TEXT_INVALID")


def _file(size: int) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("a.txt", b"x" * size)


@pytest.mark.parametrize(
    "body",
    [
        {"data": json.dumps(DEFAULT | {"more": "x" * 262_144}), "content_type": "application/json"},
        {"data": "text=" + "x" * 262_144, "content_type": FORM},
        {"data": DEFAULT | {"text": "x" * 262_144}},
        {"data": b"x" * 262_145, "content_type": "text/plain"},
        {"data": b"x" * 262_145, "content_type": "application/websocket-events"},
    ],
    ids=["json", "form", "multipart", "plain", "websocket events"],
)
def test_a_body_that_is_too_large_is_refused(curl: Client, body: dict[str, Any]) -> None:
    assert_problem(curl.post(URL, **body), 413, "BODY_TOO_LARGE")


def test_a_file_that_is_too_large_is_refused_like_any_body(curl: Client) -> None:
    assert_problem(curl.post(URL, DEFAULT | {"file": _file(300_000)}), 413, "BODY_TOO_LARGE")


def test_a_file_is_no_text(curl: Client) -> None:
    assert_problem(curl.post(URL, {"from": "ann", "text": _file(5)}), 422, "TEXT_INVALID")


def test_too_many_fields_are_refused(curl: Client) -> None:
    assert_problem(curl.generic("POST", URL, "&".join(f"f{n}=1" for n in range(1001)), FORM), 400, "BODY_INVALID")


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=",
        "before=-1",
        "before=1.5",
        f"before={2**63}",
        f"before={'9' * 5000}",
        f"after={2**63}",
        "after=-9",
        "limit=0",
        "limit=101",
        "limit=-1",
        f"limit={2**70}",
        "limit=ten",
        "before=1&after=2",
        "before=%00",
        "before=1&before=x",
    ],
)
def test_a_bad_page_is_refused(curl: Client, query: str) -> None:
    assert_problem(curl.get(f"{URL}?{query}"), 400, "PARAMETER_INVALID")


@pytest.mark.parametrize("query", [f"before={2**63 - 1}", "after=9223372036854775807&limit=100", "before=0"])
def test_the_largest_ids_are_just_ids(curl: Client, query: str) -> None:
    assert curl.get(f"{URL}?{query}").json()["messages"] == []


@pytest.mark.parametrize("before", ["x", "-1", "9" * 5000, "²", str(2**63)])
def test_a_bad_page_of_the_chat_shows_the_newest(curl: Client, before: str) -> None:
    assert curl.get("/den", {"user": "ann", "before": before}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", URL),
        ("DELETE", URL),
        ("PATCH", URL),
        ("POST", "/rooms/den/events/"),
        ("HEAD", "/rooms/den/events/"),
        ("POST", "/events/"),
        ("POST", "/recover/"),
        ("POST", "/den"),
        ("POST", "/"),
        ("DELETE", "/health/live"),
    ],
)
def test_another_method_is_refused(curl: Client, method: str, path: str) -> None:
    response = curl.generic(method, path)
    assert response.status_code == 405
    assert "GET" in response["Allow"]
    if method != "HEAD":
        assert_problem(response, 405, "METHOD_NOT_ALLOWED")


def test_a_host_that_is_not_ours_is_refused(curl: Client) -> None:
    assert_problem(curl.get(URL, headers={"Host": "evil.example"}), 400, "PARAMETER_INVALID")


def test_an_address_of_nothing_is_not_found(curl: Client) -> None:
    assert_problem(curl.get("/rooms/den/nothing/"), 404, "NOT_FOUND")
    assert_problem(curl.get("/a/b/c"), 404, "NOT_FOUND")
    page = curl.get("/a/b/c", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")


class TestAccepted:
    """What is unusual and allowed comes back as it was sent."""

    @pytest.fixture(autouse=True)
    def nothing_is_stored(self, db: None, settings: Any) -> None:
        """Here it is, however often one name posts."""
        settings.POST_LIMIT = settings.ADDRESS_POST_LIMIT = Rate(0, 1)

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("😀" * 8000, "😀" * 8000),
            ("\r\n".join("x" * 4000) + "x", "\n".join("x" * 4000) + "x"),
            ("  indented\t", "  indented\t"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("\u202eabc %(x)s %I %% \\u0025", "\u202eabc %(x)s %I %% \\u0025"),
            ("e\u0301", "e\u0301"),
        ],
        ids=["line ends", "longest", "counted after line ends", "spaces", "html", "percent", "not normalised"],
    )
    def test_text(self, curl: Client, sent: str, stored: str) -> None:
        response = curl.post(URL, {"from": "ann", "text": sent}, "application/json")
        assert (response.status_code, response.json()["text"]) == (201, stored)

    def test_latin_1_bytes_in_a_form_are_replaced(self, curl: Client) -> None:
        response = curl.generic("POST", URL, b"from=ann&text=caf%E9", FORM)
        assert response.json()["text"] == "caf\ufffd"

    def test_the_last_of_repeated_fields_counts(self, curl: Client) -> None:
        assert curl.generic("POST", URL, "from=a&from=b&text=1&text=2", FORM).json()["text"] == "2"

    def test_a_name_whose_compatibility_form_is_long_is_stored(self, curl: Client) -> None:
        response = curl.post(URL, {"from": "\ufdfa" * 64, "text": "hi", "client_id": "k"}, "application/json")
        assert response.status_code == 201
        poster = Message._meta.get_field("poster")
        assert len(Message.objects.get().poster) <= (poster.max_length or 0)

    @given(
        text=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200).filter(str.strip),
        name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"]), max_size=80),
    )
    @example(text="100%\u2028\u2029\ufeff", name="\ufdfa")
    @hypothesis_settings(
        max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_whatever_is_answered_is_what_was_sent_and_what_is_read(self, curl: Client, text: str, name: str) -> None:
        response = curl.post(URL, {"from": name, "text": text}, "application/json")
        try:
            shown = clean_person_name(name)
        except ValueError:
            assert_problem(response, 422, "NAME_INVALID")
            return
        message = response.json()
        assert (response.status_code, message["text"], message["from"]) == (201, text, shown)
        assert clean_person_name(shown) == shown
        event = Event.objects.get(eid=message["id"])
        assert json.loads(event.data) == message == curl.get(URL).json()["messages"][0]
        assert "%" not in event.data
        assert "\n" not in event.data


@given(st.text(max_size=70))
@example("a\n")
@example("a" * 64)
@example("a" * 65)
def test_a_room_name_is_safe_in_headers_and_addresses(name: str) -> None:
    if is_room_name(name):
        assert name.isascii()
        assert not set(name) & set(" ,:;%/\"'\n@=")
        assert 1 <= len(name) <= 64
