"""Limits on real parts: four workers, both databases, many posts at once, and clients that wait as they are told."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import chain
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

from tests.integration.test_websocket import address, ask
from tests.pool import Pool
from tests.service import Service

pytestmark = pytest.mark.timeout(180)
THREADS = 20
TOKEN_LIMIT, TOKEN_SECONDS = 20, 15  # in which a slow machine makes 120 posts


@dataclass(frozen=True)
class Offer:
    """A post and its answer; when it was sent and when it was answered."""

    token: str
    status: int
    body: dict[str, object]
    retry_after: int | None
    sent: float
    answered: float


@pytest.fixture
def service(pool: Pool, database: str) -> Service:
    """Four workers: 60 posts a minute for a person and for an address without an account, less by a token."""
    limits = {"POST_LIMIT": "60/minute", "TOKEN_POST_LIMIT": f"{TOKEN_LIMIT}/{TOKEN_SECONDS} seconds"}
    return pool.get("limits", database, Service, WEB_WORKERS="4", WEB_THREADS="4", **limits)


def tokens(service: Service, *names: str) -> list[str]:
    """A new API token for each of these names, a new person for each new name."""
    made = service.shell(
        "import json\nfrom chat import actions\nfrom chat.models import User\n"
        f"print(json.dumps([actions.make_token(User.objects.filter(username=name).first()"
        f" or User.objects.create_user(name)) for name in {names!r}]))"
    )
    return list(json.loads(made.splitlines()[-1]))


class Posters:
    """Posts into a room, from many threads."""

    def __init__(self, service: Service, room: str) -> None:
        self._service, self._path = service, f"/rooms/{room}/messages/"

    def offer(self, text: str, token: str = "", key: str = "") -> Offer:
        """Post once."""
        with closing(HTTPConnection("127.0.0.1", self._service.port, timeout=30)) as connection:
            return self._offer(connection, text, token, key)

    def offer_all(self, number: int, *tokens: str) -> list[Offer]:
        """Post `number` messages as fast as they are answered, under each of the tokens by turns, or under none."""
        posts = [(str(one), tokens[one % len(tokens)] if tokens else "") for one in range(number)]

        def work(mine: list[tuple[str, str]]) -> list[Offer]:
            with closing(HTTPConnection("127.0.0.1", self._service.port, timeout=30)) as connection:
                return [self._offer(connection, text, token) for text, token in mine]

        with ThreadPoolExecutor(THREADS) as pool:
            return list(chain(*pool.map(work, [posts[thread::THREADS] for thread in range(THREADS)])))

    def _offer(self, connection: HTTPConnection, text: str, token: str, key: str = "") -> Offer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        sent = time.monotonic()
        connection.request("POST", self._path, urlencode({"from": "ann", "text": text}), headers)
        response = connection.getresponse()
        body = json.loads(response.read())
        after = response.headers.get("Retry-After")
        return Offer(token, response.status, body, int(after) if after else None, sent, time.monotonic())


def check_true(offers: list[Offer], limit: int, seconds: int) -> None:
    """Fail unless `limit` of the offers were accepted, and each refusal said how long the window still was."""
    accepted = [offer for offer in offers if offer.status == 201]
    refused = [offer for offer in offers if offer.status == 429]
    assert (len(accepted), len(accepted) + len(refused)) == (limit, len(offers))
    # The window began while the first of them was under way.
    begun = min(offer.sent for offer in accepted), min(offer.answered for offer in accepted)
    assert max(offer.answered for offer in offers) < begun[0] + seconds, "the machine is too slow for one window"
    for offer in refused:
        assert offer.body["code"] == "RATE_LIMITED"
        assert offer.body["retry_after"] == offer.retry_after
        assert offer.retry_after is not None
        assert begun[0] + seconds - offer.answered <= offer.retry_after <= begun[1] + seconds - offer.sent + 1


def history(service: Service, room: str) -> list[str]:
    """The texts of the newest hundred messages, oldest first."""
    found = service.get(f"/rooms/{room}/messages/?limit=100").json()["messages"]
    return [message["text"] for message in reversed(found)]


def test_of_a_thousand_posts_sixty_a_minute_are_accepted_by_four_workers(service: Service, room: str) -> None:
    offers = Posters(service, room).offer_all(1000)
    check_true(offers, 60, 60)
    texts = history(service, room)
    assert sorted(texts) == sorted(str(offer.body["text"]) for offer in offers if offer.status == 201)
    assert service.token(room) == f"room-{room}:60"  # the refused ones left no hole
    workers = service.shell(
        "import os; from pathlib import Path\n"
        f"print(len(Path('/proc/{service.processes['gunicorn'].pid}/task/{service.processes['gunicorn'].pid}/children')"
        ".read_text().split()))"
    )
    assert int(workers) == 4


@pytest.mark.nightly
def test_each_token_has_its_own_and_who_waits_as_told_is_accepted_exactly_once(service: Service, room: str) -> None:
    posters = Posters(service, room)
    mine = tokens(service, f"a{room}", f"a{room}", f"b{room}")
    offers = posters.offer_all(120, *mine)
    for token in mine:
        check_true([offer for offer in offers if offer.token == token], TOKEN_LIMIT, TOKEN_SECONDS)
    refused = posters.offer("at last", mine[0], "k")
    assert refused.status == 429
    assert refused.retry_after is not None
    time.sleep(max(0.0, refused.answered + refused.retry_after - time.monotonic()))
    answers = [posters.offer("at last", mine[0], "k") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].body == answers[1].body
    assert history(service, room).count("at last") == 1


def test_a_socket_is_told_how_long_to_wait_and_lives(service: Service, room: str) -> None:
    [token] = tokens(service, f"c{room}")
    headers = {"Authorization": f"Bearer {token}"}
    with connect(address(service), additional_headers=headers, proxy=None) as socket:
        ask(socket, command="join", id="j", room=room)
        send = {"command": "send", "room": room, "text": "hi"}
        answers = [ask(socket, id=f"s{number}", **send) for number in range(TOKEN_LIMIT + 1)]
        assert [answer["type"] for answer in answers] == ["reply"] * TOKEN_LIMIT + ["error"]
        refused = answers[-1]
        assert (refused["code"], refused["status"]) == ("RATE_LIMITED", 429)
        time.sleep(refused["retry_after"])
        assert ask(socket, id=f"s{TOKEN_LIMIT}", **send)["created"]


@pytest.mark.parametrize("ahead", [6, 60, 7200, 86_400, 3652 * 86_400])
def test_what_begins_in_the_future_begins_anew(service: Service, ahead: int) -> None:
    """As by a server's clock that was ahead and is set back: counts at once, the rest when old things are pruned."""
    counted = service.shell(
        "from chat.actions.limits import Limit, attempt\nfrom chat.models import Tally\n"
        "from chat.problems import Problem\nfrom django.db.models import F\n"
        f"limit = Limit('be ahead', '{ahead}', 2, 30)\n"
        "attempt([limit]); attempt([limit])\n"
        f"Tally.objects.filter(key=limit.key).update(until=F('until') + {ahead} * 1000)\n"
        "attempt([limit]); attempt([limit])\n"
        "try:\n    attempt([limit])\nexcept Problem as problem:\n    print(problem.code, problem.retry_after)"
    )
    code, wait = counted.split()
    assert code == "TOO_MANY_ATTEMPTS"
    assert 1 <= int(wait) <= 30
    name = f"invite-{ahead}"
    left = service.shell(
        "from datetime import timedelta\nfrom django.utils import timezone\nfrom chat import actions\n"
        "from chat.actions.clock import begin_anew\nfrom chat.models import Invite, Room, User\n"
        f"alice = User.objects.create_user('{name}')\nactions.make_room('{name}')\n"
        f"now = timezone.now()\nlater = now + timedelta(seconds={ahead})\n"
        f"Invite.objects.create(room=Room.objects.get(name='{name}'), digest='{name}', created_by=alice,\n"
        "    created=later, expires=later + timedelta(minutes=5))\n"
        "begin_anew(now)\n"
        f"print((Invite.objects.get(digest='{name}').expires - now).total_seconds())"
    )
    assert float(left) <= 360
