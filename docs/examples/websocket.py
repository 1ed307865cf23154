"""Follow a room by WebSocket: python websocket.py http://localhost:7999 default [token]"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
from room import connect_to, newest, number, pause, reload
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


def follow(base: str, room: str, token: str = "") -> Iterator[dict[str, Any]]:
    """The messages after a token, or from now on: each once, and in order."""
    fails, address = 0, f"{base.replace('http', 'ws', 1)}/rooms/{room}/events/"
    with connect_to(base, room) as client:
        while True:
            error = None
            try:
                token = token or newest(client)
                with connect(address, open_timeout=10) as socket:
                    held: dict[int, Any] = {}  # what lies behind a hole
                    target, due, waiting = 0, 0.0, False
                    while True:
                        frame = json.loads(socket.recv(timeout=50))
                        match frame["type"]:
                            case "error" if frame["status"] < 500:
                                sys.exit(frame["detail"])
                            case "stream-reset":
                                messages, token = reload(client, token, frame["id"])
                                yield from messages
                            case "newest":
                                target = max(target, number(frame["data"]["id"]))
                            case "reply":
                                waiting, fails = False, 0
                                due = 0.0 if frame["more"] else due
                            case "error":
                                due = time.monotonic() + 1  # it could not answer: ask again with the next frame
                            case "stream-open" | "keep-alive":
                                pass
                            case _ if "id" in frame and number(frame["id"]) > number(token):  # else a duplicate
                                held[number(frame["id"])] = frame
                                target = max(target, number(frame["id"]))
                        while event := held.pop(number(token) + 1, None):
                            token = event["id"]
                            if event["type"] == "message":
                                yield event["data"]
                        if (target > number(token) and not waiting) or time.monotonic() > due:
                            socket.send(json.dumps({"command": "sync", "id": "sync", "last-event-id": token}))
                            due, waiting = time.monotonic() + 25, True
            except (httpx.HTTPError, OSError, WebSocketException) as broken:
                error = broken
            fails += 1
            pause(fails, error)


if __name__ == "__main__":
    for message in follow(*sys.argv[1:]):
        print(message["id"], message["from"], message["text"], flush=True)
