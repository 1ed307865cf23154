"""Brute force against both sign-ins, through the real proxy and two workers, many at once."""

import re
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest

from tests.pool import Pool
from tests.service import Answer, Service, free_port

PASSWORD = "correct horse battery"


class Browser:
    """Cookies and the form's token, no more; it follows no redirect."""

    def __init__(self, service: Service, **headers: str) -> None:
        self.service, self.headers = service, headers
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, body: bytes | None = None) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Accept": "text/html", "Origin": self.service.url, "Cookie": cookie, **self.headers}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection("127.0.0.1", self.service.port, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def sign_in(self, path: str, username: str, password: str) -> Answer:
        return self.send_form(path, username=username, password=password)

    def send_form(self, path: str, **fields: str) -> Answer:
        """Open a page and send its form."""
        page = self.request("GET", path).body.decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert found, page
        return self.request("POST", path, urlencode({"csrfmiddlewaretoken": found[1], **fields}).encode())


@pytest.fixture
def account(service: Service) -> str:
    """The user name of a new administrator, and no attempts of other tests counted."""
    name = "user" + "".join("abcdefghkn"[int(digit)] for digit in str(free_port()))
    service.shell(
        "from chat.models import Tally, User\n"
        f"User.objects.create_superuser({name!r}, password={PASSWORD!r})\n"
        "Tally.objects.all().delete()"
    )
    return name


@pytest.mark.parametrize("path", ["/accounts/sign-in/", "/admin/login/"])
def test_many_attempts_at_once_get_no_more_tries_than_one_after_the_other(
    service: Service, account: str, path: str
) -> None:
    def guess(number: int) -> int:
        # What a client says of its address counts for nothing.
        return Browser(service, **{"X-Forwarded-For": f"192.0.2.{number}"}).sign_in(path, account, f"w{number}").status

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(guess, range(24)))
    # Few hashes are computed at a time: 503 says that a password was not looked at, which is no attempt.
    wrong = 422 if path.startswith("/accounts") else 200
    assert answers.count(wrong) <= 5
    assert answers.count(wrong) + answers.count(429) + answers.count(503) == 24
    while answers.count(wrong) < 5:
        answers.append(guess(99))
        assert answers[-1] == wrong, answers
    for either in ("/accounts/sign-in/", "/admin/login/"):
        refused = Browser(service).sign_in(either, account, PASSWORD)
        assert refused.status == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 300
        assert b"tried too often" in refused.body


def test_who_knows_the_password_gets_in_and_is_not_locked_out_by_others(service: Service, account: str) -> None:
    owner = Browser(service)
    assert owner.sign_in("/accounts/sign-in/", account, PASSWORD).status == 303
    for number in range(7):
        last = Browser(service).sign_in("/accounts/sign-in/", account, f"w{number}")
    assert last.status == 429
    del owner.cookies["sessionid"]
    assert owner.sign_in("/accounts/sign-in/", account, PASSWORD).status == 303
    assert "sessionid" in owner.cookies


@pytest.mark.parametrize(
    ("name", "forwarded", "address"),
    [
        ("usual", "192.0.2.7", "127.0.0.1"),
        ("behind a proxy", "10.9.9.9, 192.0.2.7", "192.0.2.7"),
        ("behind a proxy", "", "127.0.0.1"),
    ],
)
def test_an_address_is_what_trusted_proxies_say_and_never_what_a_client_says(
    pool: Pool, database: str, room: str, name: str, forwarded: str, address: str
) -> None:
    running = pool.get(name, database, Service, **({"TRUSTED_PROXIES": "1"} if name != "usual" else {}))
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    body = urlencode({"from": "ann", "text": "hi"}).encode()
    assert running.request("POST", f"/rooms/{room}/messages/", body, headers).status == 201
    stored = f"from chat.models import Message; print(Message.objects.get(room__name={room!r}).address)"
    assert running.shell(stored).strip() == address
