"""Bad requests through the proxy: each refused in words, none answered 500, none half stored."""

import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from tests.service import Service

pytestmark = pytest.mark.timeout(60)
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"from=ann&text=", {}, 422, "TEXT_INVALID"),
        (b"from=ann&text=+%09", {}, 422, "TEXT_INVALID"),
        (b"from=ann", {}, 422, "TEXT_INVALID"),
        (b"from=ann&text=a%07b", {}, 422, "TEXT_INVALID"),
        (b"from=&text=hi", {}, 422, "NAME_INVALID"),
        (b"from=ann%E2%80%AE&text=hi", {}, 422, "NAME_INVALID"),
        (b"", {}, 400, "BODY_INVALID"),
        (b"{", JSON, 400, "BODY_INVALID"),
        (b"[]", JSON, 400, "BODY_INVALID"),
        (b"[" * 100_000, JSON, 400, "BODY_INVALID"),
        (b"from=ann&text=a%00b", {}, 400, "BODY_INVALID"),
        (b'{"from": "ann", "text": "\\ud800"}', JSON, 400, "BODY_INVALID"),
        (b'{"from": "ann", "text": 5}', JSON, 422, "TEXT_INVALID"),
        (json.dumps({"from": "ann", "text": "x" * 300_000}).encode(), JSON, 413, "BODY_TOO_LARGE"),
        (json.dumps({"from": "ann", "text": "x" * 8001}).encode(), JSON, 422, "TEXT_INVALID"),
        (b"hi", {"Content-Type": "text/plain"}, 415, "CONTENT_TYPE_UNSUPPORTED"),
        (b"from=ann&text=hi", {"Idempotency-Key": "k" * 200}, 422, "IDEMPOTENCY_KEY_INVALID"),
        (b"from=ann&text=hi", {"Origin": "https://evil.example"}, 403, "ORIGIN_DENIED"),
    ],
)
def test_a_bad_post_is_refused_with_its_code_and_stores_nothing(
    service: Service, room: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    service.say(room, "before")
    answer = service.request("POST", f"/rooms/{room}/messages/", body, headers)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert service.say(room, "after") == 2


PATHS = ["/rooms/default/messages/", "/default", "/nothing", "/static/nothing", "/health/ready", "/accounts/sign-in/"]


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("size", [300_000, 1_000_000, 5_000_000, 20_000_000])
@pytest.mark.parametrize("path", PATHS)
def test_a_body_over_the_limit_is_answered_at_any_address(
    service: Service, path: str, size: int, is_chunked: bool
) -> None:
    """Also to a client that reads nothing before it has sent all."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    body = [b"x" * 50_000] * (size // 50_000)
    framing = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(size)}
    connection.request("POST", path, iter(body), framing, encode_chunked=is_chunked)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "BODY_TOO_LARGE")
    connection.close()


@pytest.mark.both_databases
@pytest.mark.parametrize("path", ["/rooms/", "/default", "/rooms/default/events/", "/admin/"])
def test_nul_in_a_cookie_is_no_fault_of_the_database(service: Service, path: str) -> None:
    """Django reads the escapes of quoted cookies, and PostgreSQL takes no NUL."""
    headers = {"Cookie": 'sessionid="abcdefghij\\000"', "Accept": "application/json"}
    assert service.get(path, headers).status in (200, 400)


@pytest.mark.both_databases
def test_text_of_any_script_comes_back_unchanged(service: Service, room: str) -> None:
    text = "漢字 🦜 עברית <script>alert(1)</script> 100% %I %(x)s\n\ttab \u2028 end"
    service.say(room, text)
    assert service.get(f"/rooms/{room}/messages/").json()["messages"][0]["text"] == text
    stream = service.request("GET", f"/rooms/{room}/messages/?limit=1").json()
    assert stream["last-event-id"] == f"room-{room}:1"


def test_history_is_paged_both_ways(service: Service, room: str) -> None:
    for number in range(1, 8):
        service.say(room, str(number))

    def page(query: str) -> list[int]:
        return [message["id"] for message in service.get(f"/rooms/{room}/messages/?{query}").json()["messages"]]

    assert page("limit=3") == [7, 6, 5]
    assert page("limit=3&before=5") == [4, 3, 2]
    assert page("limit=3&after=2") == [5, 4, 3]
    link = service.get(f"/rooms/{room}/messages/?limit=3&before=5").headers["Link"]
    assert f'</rooms/{room}/messages/?before=2&limit=3>; rel="next"' in link
    assert f'</rooms/{room}/messages/?after=4&limit=3>; rel="prev"' in link


@pytest.mark.both_databases
def test_the_same_first_post_from_many_makes_one_room(service: Service, room: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: service.post(room, str(number)), range(8)))
    assert sorted(answer.json()["id"] for answer in answers) == list(range(1, 9))


@pytest.mark.both_databases
def test_a_repeated_post_stores_one_message(service: Service, room: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: service.post(room, "once", key="k1"), range(6)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [201]
    assert len({answer.body for answer in answers}) == 1
    assert service.post(room, "other", key="k1").json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert [message["text"] for message in service.get(f"/rooms/{room}/messages/").json()["messages"]] == ["once"]
