"""Writers by WebSocket: `send` with a client_id, and again with the same one, on another socket if need be."""

import asyncio
import json
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chaos import orders
from tests.chaos.writers import ANSWER_SECONDS, Writer

HANGS_UP = 0.05  # the chance after a post


class SocketWriter(Writer):
    """One writer. It joins a room before its first post there, and reads over what comes besides."""

    _socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._joined: set[str] = set()
        self._commands = 0
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._hang_up()

    async def _attempt(self, room: str, text: str, harm: str) -> tuple[int, int]:
        """One `send`: 201, or 200 for one that was stored before, and the message's id; zeros without an answer."""
        if harm:
            self._ledger.counts[f"asked on a socket to {harm}"] += 1
            await self._hang_up()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._send(room, text, harm)
        except (OSError, WebSocketException):  # OSError: time-outs too
            await self._hang_up()
            return 0, 0
        if harm or self._rng.random() < HANGS_UP:
            await self._hang_up()
        if answer["type"] == "error":
            return answer["status"], 0
        return 201 if answer["created"] else 200, answer["message"]["id"]

    async def _send(self, room: str, text: str, harm: str) -> dict[str, Any]:
        if self._socket is None:
            address = f"{self._base.replace('http', 'ws', 1)}/events/"
            headers = {orders.HEADER: harm} if harm else {}
            self._socket = await connect(address, additional_headers=headers, close_timeout=1, proxy=None)
        if room not in self._joined:
            answer = await self._command("join", room=room)
            if answer["type"] == "error":
                return answer
            self._joined.add(room)
        return await self._command("send", room=room, text=text, client_id=self._key, **{"from": self._name})

    async def _command(self, command: str, **fields: str) -> dict[str, Any]:
        """The reply, or the error."""
        assert self._socket is not None
        self._commands += 1
        own = f"{command} {self._commands}"
        frame = {"command": command, "id": own, **fields}
        await self._socket.send(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))
        while True:
            answer: dict[str, Any] = json.loads(await self._socket.recv())
            if answer.get("to") == own:
                return answer

    async def _hang_up(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        self._socket = None
        self._joined.clear()
