"""The page when many come back at once, and when streams end as soon as they open."""

import os
import re
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, Route, expect

from tests.service import Service
from tests.swarm import Swarm, SwarmReader

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(120)]
READERS = int(os.environ.get("SCALE_READERS", "1000"))


def test_a_stream_that_ends_as_soon_as_it_opens_is_retried_ever_more_seldom(
    person: Callable[..., Page], service: Service, room: str
) -> None:
    service.say(room, "one")
    ann = person("ann", room)
    expect(ann.locator(".message .text")).to_have_text(["one"])
    attempts: list[float] = []

    def end_at_once(route: Route) -> None:
        attempts.append(time.monotonic())
        body = f"retry: 1000\nevent: stream-open\nid: room-{room}:1\ndata: \n\n"
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    # A busy browser can show a new document a moment late, and a page that is looked at again tries at once.
    ann.add_init_script("document.addEventListener('visibilitychange', (event) => event.stopImmediatePropagation())")
    ann.route(re.compile("/events/"), end_at_once)
    # Anew, since a document that was loaded before the route does not take it. On streams alone: without a choice the
    # page would ask whether the service is there, and go on by long-polling.
    ann.goto(f"{ann.url}&transport=sse")
    ann.wait_for_timeout(16_000)
    # At once, then after 1–2, 2–4, 4–8 s more, …
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert 3 <= len(attempts) <= 5, pauses
    assert pauses[-1] > 1.5, pauses
    ann.unroute(re.compile("/events/"))
    service.say(room, "two")
    expect(ann.locator(".message .text")).to_have_text(["one", "two"], timeout=40_000)


def test_posts_in_a_storm_of_resumes_reach_the_page_within_five_seconds(
    person: Callable[..., Page], service: Service, room: str
) -> None:
    service.say(room, "0")
    with Swarm(service.url, [SwarmReader([room]) for _ in range(READERS)]) as swarm:
        swarm.wait_live()
        ann = person("ann", room)
        service.say(room, "1")
        shown = ["0", "1"]
        expect(ann.locator(".message .text")).to_have_text(shown, timeout=15_000)  # its stream is open
        for _ in range(2):
            swarm.resume()
            for _ in range(10):
                shown.append(str(len(shown)))
                while service.post(room, shown[-1], key=shown[-1], base=service.web_url).status not in (200, 201):
                    time.sleep(0.05)
            expect(ann.locator(".message .text")).to_have_text(shown, timeout=5000)
        swarm.wait_exact({room: shown}, 35)
