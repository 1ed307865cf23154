"""Long-polling: one request after the other, each with the token of the last answer."""

from typing import Any

import httpx

from tests.client.events import Event
from tests.client.follower import Transport

ANSWER_SECONDS = 5.0  # on top of the wait


class LongPoll(Transport):
    """Long-polls until one fails."""

    name = "long-poll"

    async def read(self, client: httpx.AsyncClient) -> str:
        """Ask again and again."""
        follower, habits = self.follower, self.follower.habits
        wait = habits.first_wait
        while True:
            timeout = httpx.Timeout(habits.attempt, read=wait + ANSWER_SECONDS)
            headers = {**self.resuming("application/json"), "Prefer": f"wait={wait}"}
            response = await client.get(follower.path, headers=headers, timeout=timeout)
            if response.status_code != 200:
                return self.refuse(response.status_code, response.content)
            follower.opened(self.name)
            follower.fails = 0
            if response.headers.get("Preference-Applied", f"wait={wait}") != f"wait={wait}":
                follower.counts(f"asked to wait {wait} s: {response.headers['Preference-Applied']}")
            self._take(response.json())
            wait = habits.wait
            await follower.dawdle()

    def _take(self, batch: dict[str, Any]) -> None:
        if batch["reset"]:
            self.follower.start_anew(batch["channels"], batch["last-event-id"])
        for event in batch["events"]:
            self.follower.take(Event(event["id"], event["type"], event["data"]))
        self.follower.token = batch["last-event-id"]
        self.follower.counts("long-polls with events" if batch["events"] else "long-polls without")
