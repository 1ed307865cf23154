"""A request whose end is in doubt: nothing of it becomes the beginning of somebody else's.

Each attack is sent through the real parts, with Alice's requests behind it. On a kept connection between Pushpin and
gunicorn the rest of an attack was read before Alice's request, which then was a part of the attacker's message.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests import raw
from tests.service import Service

ROUNDS = 6
ATTACKERS = 8  # at once
HEAD = "POST /rooms/{room}/messages/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
FORM = "from=mallory&text=x"
# What is smuggled, to be read as a request of its own: it takes what comes next as its text.
LOOT = HEAD.format(room="loot") + "Content-Length: 180\r\n\r\nfrom=mallory&text="
RECOVER = "GET /recover/ HTTP/1.1\r\nHost: 127.0.0.1\r\nGrip-Last: r1.1; last-id=0\r\nX: "


def length(number: int) -> str:
    return f"Content-Length: {number}\r\n"


def framed(*headers: str, body: str) -> bytes:
    return (HEAD.format(room="open") + "".join(headers) + "\r\n" + body).encode()


def chunked(text: str, end: str = "0\r\n\r\n") -> str:
    return f"{len(text):x}\r\n{text}\r\n{end}"


CODING = "Transfer-Encoding: chunked\r\n"
ODD_CODINGS = (
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding:\tchunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "transfer_encoding: chunked\r\n",
    "X: y\nTransfer-Encoding: chunked\r\n",
)
ODD_LENGTHS = (
    f"Content-Length: {len(FORM)}, 9\r\n",
    f"Content-Length: +{len(FORM)}\r\n",
    f"Content-Length: 0x{len(FORM):x}\r\n",
    f"Content-Length: -{len(FORM)}\r\n",
    f"Content-Length : {len(FORM)}\r\n",
    f"Content_Length: {len(FORM)}\r\n",
    "Content-Length: \r\n",
)


def attacks() -> dict[str, bytes]:
    """Each way to leave the end of a body in doubt, with each of the smuggled requests as the rest."""
    found = {}
    for rest, smuggled in (("loot", LOOT), ("recover", RECOVER)):
        body = FORM + smuggled
        found |= {
            f"CL.CL short first, {rest}": framed(length(len(FORM)), length(len(body)), body=body),
            f"CL.CL long first, {rest}": framed(length(len(body)), length(len(FORM)), body=body),
            f"CL.CL none first, {rest}": framed(length(0), length(len(body)), body=body),
            f"CL.CL alike, {rest}": framed(length(len(FORM)), length(len(FORM)), body=body),
            f"CL.TE, {rest}": framed(length(len(chunked(FORM) + smuggled)), CODING, body=chunked(FORM) + smuggled),
            f"TE.CL, {rest}": framed(CODING, length(len(chunked("")[:4])), body=chunked(body)),
            f"TE.CL smaller, {rest}": framed(CODING, length(len(FORM)), body=chunked(body)),
            f"CL longer than the body, {rest}": framed(length(len(body) + 400), body=body),
            f"behind a whole body, {rest}": framed(length(len(FORM)), body=body),
            f"behind whole chunks, {rest}": framed(CODING, body=chunked(FORM) + smuggled),
            f"behind a GET, {rest}": f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n{smuggled}".encode(),
            f"a GET with a body, {rest}": (
                f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n{length(len(smuggled))}\r\n{smuggled}".encode()
            ),
        }
        for coding in ODD_CODINGS:
            found[f"{coding!r} and CL, {rest}"] = framed(coding, length(len(body)), body=chunked(body))
        for odd in ODD_LENGTHS:
            found[f"{odd!r}, {rest}"] = framed(odd, body=body)
            found[f"{odd!r} and CL, {rest}"] = framed(odd, length(len(body)), body=body)
    return found


ATTACKS = attacks()
PLAIN = framed(length(len(FORM)), body=FORM)  # the attacker's next request, which may get a part of another one
FOREIGN = re.compile(rb"alice|sessionid|Grip-Sig|eyJ[A-Za-z0-9]|Accept-Encoding: ", re.IGNORECASE)


@pytest.fixture
def alice(service: Service) -> dict[str, str]:
    """Alice's headers, in a browser."""
    return {"Cookie": f"sessionid={service.session('alice')}", "Origin": service.url, "Accept": "application/json"}


def try_them(service: Service, names: list[str], alice: dict[str, str]) -> None:
    """Attack in several ways at once while Alice reads and writes: all she gets is hers, nobody gets what is hers."""
    problems: list[str] = []

    def strike(name: str) -> None:
        for data in (ATTACKS[name], PLAIN):
            answer = raw.send(service.port, data, seconds=0.5)
            if found := FOREIGN.search(answer.data):
                problems.append(f"{name}: the attacker was answered {found[0]!r} in {answer.data!r}")

    with ThreadPoolExecutor(ATTACKERS) as pool:
        strikes = [pool.submit(strike, name) for name in names]
        number = 0
        while not all(done.done() for done in strikes):
            problems += ask_as_alice(service, alice, number)
            number += 1
    for done in strikes:
        done.result()
    stolen = service.get("/rooms/loot/messages/").json()["messages"]
    assert not stolen, "what was smuggled was read as a request of its own"
    assert not problems


def ask_as_alice(service: Service, alice: dict[str, str], number: int) -> list[str]:
    """Read and write once; what was wrong with the answers."""
    problems = []
    me = service.get("/accounts/me/", alice)
    if me.status != 200 or me.json()["username"] != "alice":
        problems.append(f"Alice asked who she is: {me.status} {me.body!r}")
    body = json.dumps({"text": f"alice's own {number}"}).encode()
    headers = alice | {"Content-Type": "application/json"}
    said = service.request("POST", "/rooms/hers/messages/", body, headers)
    if said.status != 201 or said.json()["text"] != f"alice's own {number}":
        problems.append(f"Alice wrote: {said.status} {said.body!r}")
    return problems


def test_rest_of_an_ambiguous_request_is_never_parsed(service: Service, alice: dict[str, str]) -> None:
    try_them(service, list(ATTACKS), alice)


@pytest.mark.nightly
@pytest.mark.parametrize("attack", ATTACKS)
def test_rest_of_one_kind_of_request_is_never_parsed(service: Service, alice: dict[str, str], attack: str) -> None:
    try_them(service, [attack] * 2 * ROUNDS, alice)


def test_web_process_alone_parses_no_second_request(service: Service) -> None:
    def answers(name: str) -> int:
        return len(re.findall(rb"(?m)^HTTP/1\.1 [2-5]", raw.send(service.web_port, ATTACKS[name], seconds=0.5).data))

    with ThreadPoolExecutor(ATTACKERS) as pool:
        found = dict(zip(ATTACKS, pool.map(answers, ATTACKS), strict=True))
    assert {name: number for name, number in found.items() if number > 1} == {}
    assert not service.get("/rooms/loot/messages/").json()["messages"]


@pytest.mark.parametrize(
    "request_line",
    ["GET /secret-path-{n} HTTP/9.9", "BAD{n} /x", "GET /secret {n} HTTP/1.1", "{n}", "GET /x HTTP/1.1\r\nsecret{n}"],
)
def test_error_page_quotes_nothing_of_a_request(service: Service, request_line: str) -> None:
    answer = raw.send(service.web_port, f"{request_line.format(n='S3CRET')}\r\n\r\n".encode())
    assert answer.status in (400, 404, 501)
    assert b"S3CRET" not in answer.data
    assert b"secret" not in answer.data


def test_client_cannot_set_the_path_by_a_header(service: Service) -> None:
    asked = {"SCRIPT_NAME": "/rooms", "PATH_INFO": "/", "X-Script-Name": "/rooms"}
    assert service.get("/rooms/default/", asked).json() == service.get("/rooms/default/").json()
    assert service.get(f"/{quote('health')}/live", asked).status == 200
