"""The page when many come back at once."""

import os
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.service import Service
from tests.swarm import Swarm, SwarmReader

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(120)]
READERS = int(os.environ.get("SCALE_READERS", "1000"))


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
