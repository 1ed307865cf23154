"""WebSocket: live events, held back behind a hole, and `sync` for what did not come by itself."""

import asyncio
import json
import time
import urllib.parse
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tests.client.events import Event, own, positions_of
from tests.client.follower import Follower, Transport

AGAIN_SECONDS = (1.0, 2.0)  # until a command is repeated that the service could not carry out


class Socket(Transport):
    """A WebSocket, again and again."""

    name = "websocket"

    async def read(self, client: httpx.AsyncClient) -> str:
        """Read one connection to its end."""
        follower = self.follower
        try:
            async with connect(
                self._address(),
                open_timeout=follower.habits.attempt,
                close_timeout=1,
                additional_headers=follower.headers,
                proxy=None,
            ) as socket:
                try:
                    await _Connection(follower, socket).run()
                except asyncio.CancelledError:
                    socket.transport.abort()  # it hangs up as a network does, without a word
                    raise
        except InvalidStatus as error:
            return self.refuse(error.response.status_code, bytes(error.response.body or b""))
        except ConnectionClosed as error:
            follower.closed(error.rcvd.code if error.rcvd else 1006)
            return "closed"
        except WebSocketException as error:
            return type(error).__name__

    def _address(self) -> str:
        follower = self.follower
        base = follower.base.replace("http", "ws", 1)
        if follower.habits.joins:
            return f"{base}/events/"
        token = urllib.parse.urlencode({"lastEventId": follower.token})
        return f"{base}{follower.path}{'&' if '?' in follower.path else '?'}{token}"


class _Connection:
    """One connection: what was joined, what is held back, what was asked."""

    def __init__(self, follower: Follower, socket: ClientConnection) -> None:
        self._follower = follower
        self._habits = follower.habits
        self._socket = socket
        self._joined: set[str] = set()  # channels
        self._held: dict[tuple[str, int], Event] = {}
        self._heard: dict[str, int] = {}  # by channel, the greatest number that was seen or told of
        self._commands = 0
        self._waiting = 0.0  # since when for the reply to a sync, or to all joins; 0 for none
        self._due = float("inf")  # the next sync at the latest

    async def run(self) -> None:
        """Handle frames until the connection ends, or is silent for too long (TimeoutError)."""
        heard = time.monotonic()
        while True:
            await self._sync_if_needed()
            now = time.monotonic()
            due = self._waiting + self._habits.attempt if self._waiting else self._due
            until = min(heard + self._habits.silence, due)
            try:
                async with asyncio.timeout(max(0.0, until - now)):
                    frame = json.loads(await self._socket.recv())
            except TimeoutError:
                if self._waiting or time.monotonic() >= heard + self._habits.silence:
                    raise
                continue
            heard = time.monotonic()
            await self._handle(frame)
            await self._follower.dawdle()

    async def _handle(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "stream-open":
                await self._open(frame["id"])
            case "reply":
                self._answered(frame)
            case "error":
                self._failed(frame)
            case "stream-reset":
                self._follower.start_anew(frame["data"]["channels"], frame["id"])
                self._remember()
            case "newest":
                self._hear(*own(frame["data"]["id"]))
            case _ if "id" in frame:
                self._take(Event(frame["id"], frame["type"], frame["data"]))
            case _:
                self._follower.took(Event("", frame["type"], frame.get("data", "")))

    async def _open(self, token: str) -> None:
        follower = self._follower
        follower.opened(Socket.name)
        follower.fails = 0
        if not self._habits.joins:
            positions = positions_of(token)
            follower.last = positions | {
                channel: follower.last[channel] for channel in positions & follower.last.keys()
            }
            self._joined, self._due = set(positions), 0.0
            self._remember()
            return
        self._waiting = time.monotonic()
        for room in self._habits.joins:
            await self._command("join", room=room, **{"last-event-id": f"room-{room}:{follower.last[f'room-{room}']}"})

    def _answered(self, frame: dict[str, Any]) -> None:
        if frame["command"] == "join":
            self._joined.add(f"room-{frame['room']}")
            if frame["reset"]:
                self._follower.start_anew([f"room-{frame['room']}"], frame["last-event-id"])
            if len(self._joined) == len(self._habits.joins):
                self._waiting = self._due = 0.0  # one sync for all of them
            return
        self._waiting = 0.0
        if frame["more"]:
            self._due = 0.0
        else:
            self._follower.synced()

    def _failed(self, frame: dict[str, Any]) -> None:
        """A refusal; a room whose right was taken is followed no more, and the others go on."""
        self._follower.counts(f"error {frame['code']} on a socket")
        self._follower.refused(frame)
        self._joined -= set(frame.get("channels", []))
        if not str(frame["to"] or "sync").startswith("sync"):
            raise OSError(frame["code"])  # comes back and joins again
        self._waiting = 0.0
        self._due = time.monotonic() + self._follower.rng.uniform(*AGAIN_SECONDS)
        self._remember()

    def _hear(self, channel: str, number: int) -> None:
        self._heard[channel] = max(self._heard.get(channel, 0), number)

    def _take(self, event: Event) -> None:
        """Take an event and those behind it that were held back; hold it back when one before it is missing."""
        follower, channel, number = self._follower, event.channel, event.number
        last = follower.last
        if number <= last.get(channel, number):
            follower.take(event)  # as one that it has
            return
        self._hear(channel, number)
        if (channel, number) in self._held:
            follower.doubled(event)
        self._held[channel, number] = event
        while following := self._held.pop((channel, last[channel] + 1), None):
            follower.take(following)
        if number > last[channel]:
            follower.counts("held back behind a hole")
        self._remember()

    def _remember(self) -> None:
        last = self._follower.last
        self._follower.token = ",".join(f"{channel}:{last[channel]}" for channel in sorted(self._joined & last.keys()))

    async def _sync_if_needed(self) -> None:
        """Ask when something is missing, or when it is time; one sync at a time."""
        last = self._follower.last
        behind = any(
            number > last.get(channel, 0) for channel, number in self._heard.items() if channel in self._joined
        )
        retrying = self._due - time.monotonic() < AGAIN_SECONDS[1] and self._due > time.monotonic()
        if self._waiting or not self._joined or not (time.monotonic() >= self._due or (behind and not retrying)):
            return
        positions = ",".join(f"{channel}:{last[channel]}" for channel in sorted(self._joined))
        self._waiting, self._due = time.monotonic(), time.monotonic() + self._habits.sync
        self._follower.counts("syncs because something was missing" if behind else "syncs otherwise")
        await self._command("sync", **{"last-event-id": positions})

    async def _command(self, command: str, **fields: str) -> None:
        self._commands += 1
        frame = {"command": command, "id": f"{command} {self._commands}", **fields}
        await self._socket.send(json.dumps(frame))
