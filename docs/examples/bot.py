"""A bot that answers: CORKBOARD_TOKEN=cork_… python bot.py http://localhost:7999 default bot.position"""

import os
import sys
import time
from pathlib import Path

import httpx
from httpx_sse import connect_sse

base, room, position = sys.argv[1], sys.argv[2], Path(sys.argv[3])
bearer = {"Authorization": f"Bearer {os.environ['CORKBOARD_TOKEN']}"}
client = httpx.Client(base_url=f"{base}/rooms/{room}/", headers=bearer, timeout=httpx.Timeout(10, read=50))


def number(event_id: str) -> int:
    return int(event_id.rpartition(":")[2])


def answer(message: dict) -> None:
    key = {"Idempotency-Key": f"answer-{message['id']}"}  # asked for twice, it is still one answer
    posted = client.post("messages/", json={"text": f"{message['from']} said: {message['text']}"}, headers=key)
    if posted.status_code != 422:  # the message was changed since it was answered, or is too long to be quoted
        posted.raise_for_status()


def remember(event_id: str) -> None:
    position.with_suffix(".new").write_text(event_id)
    position.with_suffix(".new").replace(position)  # whole or not at all


while True:
    try:
        if not position.exists():
            remember(client.get("messages/").raise_for_status().json()["last-event-id"])
        with connect_sse(client, "GET", "events/", headers={"Last-Event-ID": position.read_text()}) as stream:
            stream.response.raise_for_status()
            for event in stream.iter_sse():
                if event.event == "stream-error":
                    sys.exit(event.data)
                if event.event == "newest" and number(event.json()["id"]) > number(event.id):
                    break  # something was lost on the way: resume
                if event.event == "message" and not event.json().get("bot"):
                    answer(event.json())
                remember(event.id)
    except httpx.HTTPError as error:
        if 400 <= getattr(getattr(error, "response", None), "status_code", 503) < 429:
            raise
    time.sleep(1)
