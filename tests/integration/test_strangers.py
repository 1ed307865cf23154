"""Strangers on the running service: hundreds at once on both databases, over several workers; every transport."""

import random
import threading
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest

from tests.console import Console
from tests.readers import Reader
from tests.service import Answer, Service
from tests.trio import follow_all

pytestmark = pytest.mark.timeout(240)
VISITORS = 200
AT_ONCE = 50  # requests
_MAKE = """
from chat.models import ApiToken, digest_of
users = User.objects.bulk_create(
    User(username=f"{suffix}-{n}", name_key=f"{suffix}{n}", username_key=f"{suffix}{n}") for n in range(count)
)
ApiToken.objects.bulk_create(ApiToken(user=user, digest=digest_of(f"{suffix}-{user.pk}")) for user in users)
result = [f"{suffix}-{user.pk}" for user in users]
"""
# One statement, and so one moment.
_LOOK = """
fields = ("pk", "user_id", "state", "partner_id", "pair_room_id", "last_partner_id")
result = list(Stranger.objects.filter(user__username__startswith=suffix).values_list(*fields))
"""
_TOLD = """
result = []
for one in Stranger.objects.whole().filter(user__username__startswith=suffix):
    last = Event.objects.filter(room=one.room).order_by("eid").last()
    if (last.type, json.loads(last.data), last.eid) != ("stranger", actions.stranger_data(one), one.room.counter):
        result.append([one.pk, last.data, actions.stranger_data(one)])
"""
_ROOMS = """
live = Room.objects.filter(kind="strangers", deleted_at=None, stranger=None)
live = live.filter(memberships__user__username__startswith=suffix).distinct()
result = [live.count(), Message.objects.filter(room__kind="strangers", room__deleted_at__isnull=False).count()]
"""


class Crowd:
    """Visitors with tokens, and what the database says of them."""

    def __init__(self, service: Service, console: Console, suffix: str, count: int) -> None:
        self.service = service
        self.console = console
        self.suffix = suffix
        self.tokens: list[str] = console.run(_MAKE, suffix=suffix, count=count)

    def ask(self, number: int, method: str, path: str = "/strangers/", **fields: str) -> Answer:
        headers = {"Authorization": f"Bearer {self.tokens[number]}"}
        body = urllib.parse.urlencode(fields).encode() if fields else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        # Not by the proxy: in its first moments it can lose a request.
        return self.service.request(method, path, body, headers, base=self.service.web_url)

    def do(self, number: int, method: str, path: str = "/strangers/", **fields: str) -> Any:
        answer = self.ask(number, method, path, **fields)
        assert answer.status in (200, 201, 204), (answer.status, answer.body)
        return answer.json() if answer.body else None

    def leave(self, number: int) -> None:
        """Leave the partner of now, whoever that is; one who comes meanwhile is not left unseen."""
        while True:
            pair = self.do(number, "GET")["pair"]
            answer = self.ask(number, "DELETE", f"/strangers/?confirm={pair['room'] if pair else ''}")
            if answer.status == 204:
                return
            assert (answer.status, answer.json()["code"]) == (422, "CONFIRM_REQUIRED")

    def check(self) -> list[Any]:
        """Nobody is in two pairs, and nobody waits while another waits who is not their last partner."""
        rows = self.console.run(_LOOK, suffix=self.suffix)
        pairs = {pk: (partner, room) for pk, _, state, partner, room, _ in rows if state == "paired"}
        for pk, (partner, room) in pairs.items():
            assert partner != pk
            assert pairs[partner] == (pk, room)
        rooms = [room for _, room in pairs.values()]
        assert all(rooms.count(room) == 2 for room in set(rooms))
        assert all(partner is None and room is None for _, _, state, partner, room, _ in rows if state != "paired")
        waiting = [(user, last) for _, user, state, _, _, last in rows if state == "waiting"]
        assert all(other[0] == one[1] for one, other in permutations(waiting, 2)), waiting
        return rows


@pytest.fixture
def crowd(service: Service, console: Console, room: str) -> Callable[[int], Crowd]:
    return lambda count: Crowd(service, console, room, count)


@pytest.mark.nightly
def test_two_hundred_arrive_and_leave_at_once(crowd: Callable[[int], Crowd]) -> None:
    visitors = crowd(VISITORS)
    chance = random.Random(4)
    onward = ("POST", "/strangers/next/")
    ways = [("POST", "/strangers/"), onward, onward, ("LEAVE", "")]
    plan = [("POST", "/strangers/")] * VISITORS + [chance.choice(ways) for _ in range(VISITORS)]
    steps = [(index % VISITORS, *way) for index, way in enumerate(plan)]

    def take(number: int, method: str, path: str) -> None:
        if method == "LEAVE":
            visitors.leave(number)
        else:
            visitors.do(number, method, path)

    done = threading.Event()
    looks: list[int] = []

    def look() -> None:
        while not done.wait(0.05):
            rows = visitors.check()
            looks.append(sum(state == "paired" for _, _, state, *_ in rows))

    with ThreadPoolExecutor(AT_ONCE + 1) as threads:
        looking = threads.submit(look)
        try:
            list(threads.map(lambda step: take(*step), steps))
            list(threads.map(lambda number: visitors.do(number, "POST"), range(VISITORS)))
        finally:
            done.set()
        looking.result()
    rows = visitors.check()
    assert len(rows) == VISITORS
    assert len(looks) > 3
    states = [state for _, _, state, *_ in rows]
    waiting = states.count("waiting")
    assert waiting in (0, 2)  # two who have just met
    assert states.count("paired") == VISITORS - waiting
    assert visitors.console.run(_TOLD, suffix=visitors.suffix) == []
    assert visitors.console.run(_ROOMS, suffix=visitors.suffix) == [(VISITORS - waiting) / 2, 0]


def test_many_posts_while_pairs_end_leave_no_text_behind(crowd: Callable[[int], Crowd]) -> None:
    visitors = crowd(20)
    answers: list[tuple[int, str]] = []
    end = time.monotonic() + 4

    def write(number: int) -> None:
        while time.monotonic() < end:
            state = visitors.do(number, "POST")
            for text in ("one", "two") if state["pair"] else ():
                answer = visitors.ask(number, "POST", f"/rooms/{state['pair']['room']}/messages/", text=text)
                answers.append((answer.status, answer.json().get("code", "")))
            if visitors.ask(number, "POST", "/strangers/next/").status == 429:
                return

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(write, range(20)))
    assert {(201, ""), (409, "PARTNER_MISSING")} >= set(answers)
    visitors.check()
    for number in range(20):
        visitors.leave(number)
    assert visitors.console.run(_ROOMS, suffix=visitors.suffix) == [0, 0]


def test_meeting_and_parting_by_stream(crowd: Callable[[int], Crowd]) -> None:
    """A program follows the room of its own and that of the pair, and hears all that happens."""
    visitors = crowd(3)
    service = visitors.service
    ann = visitors.do(0, "POST")
    headers = {"Authorization": f"Bearer {visitors.tokens[0]}"}

    with follow_all(service, [ann["room"]], ann["last-event-id"], headers=headers) as own:
        pair = visitors.do(1, "POST")["pair"]
        for seen in own.wait_for_type("stranger", 5):
            heard = seen.json()["pair"]
            assert heard.pop("id") != pair["id"]
            assert heard == {"room": pair["room"], "name": pair["partner"], "partner": pair["name"]}
    [token] = {reader.token for reader in own}
    history = visitors.do(0, "GET", f"/rooms/{pair['room']}/messages/")
    rooms = [ann["room"], pair["room"]]
    with follow_all(service, rooms, f"{token},{history['last-event-id']}", headers=headers) as both:
        visitors.do(1, "POST", f"/rooms/{pair['room']}/messages/", text="hello")
        both.wait_for(["hello"], 5)
        visitors.leave(1)
        for seen in both.wait_for_type("stranger", 8):
            left = seen.json()
            assert (left["state"], left["reason"], left["pair"]) == ("idle", "partner-left", None)
        assert service.get(f"/rooms/{pair['room']}/messages/", headers).status == 404
        visitors.do(2, "POST")
        assert visitors.do(0, "POST")["state"] == "paired"
        both.wait(lambda reader: last_state(reader) == "paired", 8, "the next pair")
    for number in (0, 2):
        visitors.leave(number)
    assert [reader.messages() for reader in both] == [["hello"]] * 3


def last_state(reader: Reader) -> str:
    """What the reader heard of itself last."""
    return str([one.json()["state"] for one in list(reader.seen) if one.type == "stranger"][-1])
