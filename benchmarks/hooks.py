"""Are posts as fast with webhooks as without? `python -m benchmarks.hooks` (--pairs, --posts, --database, --quick).

In pairs of short blocks, by turns and first the one, then the other: posts into a room without webhooks, and posts into
a room with three, whose receivers hang, redirect to loopback, answer 500, or are well. The companion runs all the time.
A ratio is that of the medians of a pair; printed are the median of the ratios and the quarters on each side of it, and
the CPU that gunicorn took for a post, which other work on the machine disturbs less. The first line is a control.
"""

import argparse
import http.client
import json
import statistics
import time
import urllib.parse
from typing import Any

from benchmarks.usage import cpu_seconds
from tests.console import Console
from tests.receiver import NETWORK, Receiver
from tests.service import Service, session_members, wait_until

HOOKS = 3
_MAKE = """
owner = User.objects.create_user("owner-" + name)
room = actions.create_room(owner, name)
for url in urls:
    actions.make_outgoing_hook(owner, room, url)
result = room.name
"""
_SWITCH = """
OutgoingHook.objects.update(disabled_at=timezone.now())
OutgoingHook.objects.filter(room__name=name).update(disabled_at=None, retry_at=None)
"""
_LEFT = """
from django.db.models import F
result = OutgoingHook.objects.filter(room__name=name, position__lt=F("room__counter")).count()
"""
CONTROL = "(no webhooks at all)"
CASES: dict[str, dict[str, Any]] = {
    CONTROL: {},
    "hangs": {"hang": 3600.0},
    "redirects to loopback": {"status": 307, "location": "http://127.0.0.1:1/"},
    "answers 500": {"status": 500},
    "takes all": {},
}


def main() -> None:
    """Measure each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--posts", type=int, default=50)
    parser.add_argument("--database", default="", help="DATABASE_URL of an empty database; SQLite without it")
    parser.add_argument("--quick", action="store_true", help="two pairs of one post: to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.posts = 2, 1
    # Posted straight to gunicorn, so that Pushpin's time does not hide a difference.
    with Service(options.database, HOOK_ALLOWED_NETWORKS=NETWORK, PROXY_REQUIRED="false") as service:
        service.start("hooks")
        print(f"{'receivers':24} {'without':>10} {'with':>10} {'ratio':>7}  {'quarters':14}  CPU without, with")
        for number, (case, manner) in enumerate(CASES.items()):
            with Receiver() as receiver:
                for name, value in manner.items():
                    setattr(receiver, name, value)
                urls = [] if case == CONTROL else [f"{receiver.url}/{n}" for n in range(HOOKS)]
                rooms = [
                    service.console.run(_MAKE, name=f"plain-{number}", urls=[]),
                    service.console.run(_MAKE, name=f"hooked-{number}", urls=urls),
                ]
                _measure(case, Poster(service), service.console, rooms, options)
                if urls:  # else there was nothing to measure
                    wait_until(lambda: receiver.got, 30, "a delivery")


def _measure(case: str, poster: "Poster", console: Console, rooms: list[str], options: argparse.Namespace) -> None:
    medians: dict[str, list[float]] = {room: [] for room in rooms}
    cpu = dict.fromkeys(rooms, 0.0)
    for pair in range(-1, options.pairs):  # the first one warms up
        for room in rooms if pair % 2 else rooms[::-1]:
            # Without: the companion has nothing to do. With: who failed is called in each block, not an hour later.
            console.run(_SWITCH, name=room)
            before = poster.cpu()
            times = [poster.post(room) for _ in range(options.posts)]
            if pair >= 0:
                cpu[room] += (poster.cpu() - before) / options.posts / options.pairs * 1000
                medians[room].append(statistics.median(times) * 1000)
            if case == "takes all" and room == rooms[1]:
                wait_until(lambda: not console.run(_LEFT, name=rooms[1]), 60, "delivery")
    ratios = [with_hooks / plain for plain, with_hooks in zip(*medians.values(), strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    plain, hooked = (statistics.median(found) for found in medians.values())
    each = f"{cpu[rooms[0]]:6.2f} ms {cpu[rooms[1]]:6.2f} ms"
    print(f"{case:24} {plain:7.2f} ms {hooked:7.2f} ms {middle:7.3f}  {low:.3f} to {high:.3f}  {each}", flush=True)


class Poster:
    """Posts straight to gunicorn on a kept connection, one after the other."""

    def __init__(self, service: Service) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.web_port, timeout=30)
        self._pids = session_members(service.processes["gunicorn"].pid)

    def cpu(self) -> float:
        """The seconds of CPU that gunicorn took so far."""
        return cpu_seconds(self._pids)

    def post(self, room: str) -> float:
        """Post a message; the seconds until its answer."""
        body = urllib.parse.urlencode({"from": "poster", "text": "something of an ordinary length, as people write"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        began = time.monotonic()
        self._connection.request("POST", f"/rooms/{room}/messages/", body, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        took = time.monotonic() - began
        assert answer.status == 201, json.loads(said)
        return took


if __name__ == "__main__":
    main()
