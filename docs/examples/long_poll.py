"""Follow a room by long-polling: python long_poll.py http://localhost:7999 default [token]"""

import sys
from collections.abc import Iterator
from typing import Any

import httpx
from room import connect_to, newest, number, pause, reload


def follow(base: str, room: str, token: str = "") -> Iterator[dict[str, Any]]:
    """The messages after a token, or from now on: each once, and in order."""
    fails = 0
    with connect_to(base, room) as client:
        while True:
            try:
                token = token or newest(client)
                headers = {"Accept": "application/json", "Prefer": "wait=25", "Last-Event-ID": token}
                batch = client.get("events/", headers=headers, timeout=30).raise_for_status().json()
                if batch["reset"]:
                    messages, token = reload(client, token, batch["last-event-id"])
                    yield from messages
            except httpx.HTTPError as error:
                fails += 1
                pause(fails, error)
                continue
            fails = 0
            for event in batch["events"]:
                if number(event["id"]) > number(token):  # else a duplicate
                    token = event["id"]
                    if event["type"] == "message":
                        yield event["data"]


if __name__ == "__main__":
    for message in follow(*sys.argv[1:]):
        print(message["id"], message["from"], message["text"], flush=True)
