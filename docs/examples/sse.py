"""Follow a room by server-sent events: python sse.py http://localhost:7999 default [token]"""

import sys
from collections.abc import Iterator
from typing import Any

import httpx
from httpx_sse import connect_sse
from room import connect_to, newest, number, pause, reload


def follow(base: str, room: str, token: str = "") -> Iterator[dict[str, Any]]:
    """The messages after a token, or from now on: each once, and in order."""
    fails = 0
    with connect_to(base, room) as client:
        while True:
            error = None
            try:
                token = token or newest(client)
                with connect_sse(client, "GET", "events/", headers={"Last-Event-ID": token}) as source:
                    source.response.raise_for_status()
                    for event in source.iter_sse():
                        match event.event:
                            case "stream-open":
                                pass
                            case "keep-alive":
                                fails = 0
                            case "stream-error":
                                sys.exit(event.json()["text"])
                            case "stream-reset":
                                messages, token = reload(client, token, event.id)
                                yield from messages
                            case "newest":
                                if number(event.json()["id"]) > number(token):
                                    fails = -1  # something was lost on the way: resume, within a second
                                    break
                            case kind if number(event.id) > number(token):  # else a duplicate
                                token, fails = event.id, 0
                                if kind == "message":
                                    yield event.json()
            except httpx.HTTPError as broken:
                error = broken
            fails += 1
            pause(fails, error)


if __name__ == "__main__":
    for message in follow(*sys.argv[1:]):
        print(message["id"], message["from"], message["text"], flush=True)
