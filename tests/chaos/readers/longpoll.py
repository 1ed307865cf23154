"""Long-polling: one request after the other, each with the token of the last answer."""

import httpx

from tests.chaos.kinds import POLL_SECONDS
from tests.chaos.readers.reader import ATTEMPT_SECONDS, Transport

FIRST_SECONDS = 5  # of waiting after an error: so that the report knows soon whether the reader is served again
ANSWER_SECONDS = 5.0  # on top of the wait: docs/protocol.md


class LongPoll(Transport):
    """Long-polls until one fails."""

    name = "long-poll"

    async def read(self, client: httpx.AsyncClient) -> float | None:
        """Ask again and again."""
        wait = FIRST_SECONDS
        while True:
            headers = {
                "Accept": "application/json",
                "Prefer": f"wait={wait}",
                "Last-Event-ID": self.reader.token,
            }
            timeout = httpx.Timeout(ATTEMPT_SECONDS, read=wait + ANSWER_SECONDS)
            try:
                response = await client.get(self.reader.path, headers=headers, timeout=timeout)
            except (httpx.HTTPError, OSError) as error:
                self.record.counts[type(error).__name__] += 1
                return None
            if response.status_code != 200:
                self.record.counts[f"answered {response.status_code}"] += 1
                return None
            self._take(response, wait)
            wait = POLL_SECONDS
            await self.reader.dawdle()

    def _take(self, response: httpx.Response, wait: int) -> None:
        self.record.opened()
        self.reader.fails = 0
        if response.headers.get("Preference-Applied", f"wait={wait}") != f"wait={wait}":
            self.record.faults.append(f"asked to wait {wait} s: {response.headers['Preference-Applied']}")
        batch = response.json()
        if batch["reset"]:
            self.record.refuse("a reset", batch["channels"])
        for event in batch["events"]:
            if event["type"] == "message":
                self.record.take(event["id"], event["data"])
        self.reader.token = batch["last-event-id"]
        self.record.counts["long-polls with events" if batch["events"] else "long-polls without"] += 1
