"""Server-sent events."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx

from tests.client.events import Event
from tests.client.follower import RESUME, Transport
from tests.sse import Frame, Parser


class Stream(Transport):
    """A stream of server-sent events."""

    name = "sse"

    async def read(self, client: httpx.AsyncClient) -> str:
        """Read one stream to its end."""
        follower, habits = self.follower, self.follower.habits
        timeout = httpx.Timeout(habits.attempt, read=habits.silence)
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(habits.attempt):
                request = client.stream(
                    "GET", follower.path, headers=self.resuming("text/event-stream"), timeout=timeout
                )
                response = await stack.enter_async_context(request)
            if response.status_code != 200:
                return self.refuse(response.status_code, await response.aread())
            parser, is_open = Parser(), False
            async for piece in response.aiter_bytes():
                for frame in parser.feed(piece):
                    if not is_open and frame.type != "stream-error":
                        follower.opened(self.name)
                        is_open = True
                    if why := self._take(frame):
                        return why
                    await follower.dawdle()
        return ""

    def _take(self, frame: Frame) -> str:
        """Handle one event; why the reader leaves the stream, if it does."""
        follower = self.follower
        if frame.type == "stream-error":
            follower.refused(json.loads(frame.data))
            return "stream-error"
        if frame.type == "stream-reset":
            follower.start_anew(json.loads(frame.data)["channels"], frame.id)
        elif frame.type != "stream-open":
            event = Event(frame.id, frame.type, json.loads(frame.data) if frame.data else "")
            follower.fails = 0
            if not follower.take(event) and follower.habits.documented:
                return ""  # its token is that of what it has
            if event.type == "newest" and follower.habits.documented and follower.is_behind(event.data["id"]):
                follower.counts("resumed on newest")
                return RESUME
        if frame.id:
            follower.token = frame.id
        return ""
