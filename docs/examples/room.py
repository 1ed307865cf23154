"""What the three examples share: positions, the history, and what to do after an error."""

import random
import time
from typing import Any

import httpx


def number(token: str) -> int:
    """The n of `room-<name>:<n>`."""
    return int(token.rpartition(":")[2])


def connect_to(base: str, room: str) -> httpx.Client:
    """A client of one room. Without an answer for 10 s, or anything new for 50 s, a connection is dead."""
    return httpx.Client(base_url=f"{base}/rooms/{room}/", timeout=httpx.Timeout(10, read=50))


def newest(client: httpx.Client) -> str:
    """The room's position now."""
    return client.get("messages/").raise_for_status().json()["last-event-id"]


def reload(client: httpx.Client, token: str, reset: str) -> tuple[list[dict[str, Any]], str]:
    """After a reset: the messages behind `token`, from the history, and the token from which to go on."""
    messages, after = [], number(token)
    while page := client.get("messages/", params={"after": after, "limit": 100}).raise_for_status().json()["messages"]:
        messages += reversed(page)
        after = page[0]["id"]
    return messages, f"{reset.rpartition(':')[0]}:{max([number(reset), *(message['id'] for message in messages)])}"


def pause(fails: int, error: Exception | None = None) -> None:
    """Wait before the next attempt: 1 to 2 s, 2 to 4 s, … up to 30 s. Raises an error that would only come again."""
    status = getattr(getattr(error, "response", None), "status_code", 503)
    if error and status < 500 and status != 429:
        raise error
    time.sleep(min(30, 2**fails) * random.uniform(0.5, 1))
