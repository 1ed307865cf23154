"""Server-sent events: the documented client, or curl in a loop with Last-Event-ID."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse

from tests.chaos.readers.reader import ATTEMPT_SECONDS, SILENCE_SECONDS, Transport
from tests.chaos.readers.record import own

NEWEST_SECONDS = 0.5  # within which it comes back after a `newest` that is ahead


class Stream(Transport):
    """A stream of server-sent events."""

    name = "stream"

    async def read(self, client: httpx.AsyncClient) -> float | None:
        """Read one stream to its end."""
        try:
            return await self._read(client)
        except (httpx.HTTPError, SSEError) as error:
            self.record.counts[type(error).__name__] += 1
        except OSError:
            self.record.counts["no answer"] += 1
        return None

    async def _read(self, client: httpx.AsyncClient) -> float | None:
        headers = {"Last-Event-ID": self.reader.token}
        timeout = httpx.Timeout(ATTEMPT_SECONDS, read=SILENCE_SECONDS)
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                opening = aconnect_sse(client, "GET", self.reader.path, headers=headers, timeout=timeout)
                source = await stack.enter_async_context(opening)
            if source.response.status_code != 200:
                self.record.counts[f"answered {source.response.status_code}"] += 1
                return None
            self.record.opened()
            async for event in source.aiter_sse():
                if self._take(event):
                    return self.reader.rng.uniform(0, NEWEST_SECONDS)
                await self.reader.dawdle()
        return None

    def _take(self, event: ServerSentEvent) -> bool:
        """Handle one event; True when the reader leaves the stream to come back."""
        self.reader.fails = 0
        documented = self.reader.spec.kind.documented
        match event.event:
            case "message":
                if self.record.take(event.id, json.loads(event.data)):
                    self.reader.token = event.id
            case "newest":
                room, number = own(event.json()["id"])
                if documented and number > self.record.last[room]:
                    self.record.counts["resumed on newest"] += 1
                    return True
            case "stream-reset" | "stream-error":
                self.record.refuse(event.event, event.data)
        if event.id and not documented:
            self.reader.token = event.id  # whatever comes, duplicates too
        return False
