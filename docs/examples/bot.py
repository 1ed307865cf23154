"""A bot that answers: CORKBOARD_TOKEN=cork_… python bot.py http://localhost:7999 default bot.position"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
from httpx_sse import connect_sse

base, room, position = sys.argv[1], sys.argv[2], Path(sys.argv[3])
bearer = {"Authorization": f"Bearer {os.environ['CORKBOARD_TOKEN']}"}
client = httpx.Client(base_url=f"{base}/rooms/{room}/", headers=bearer, timeout=httpx.Timeout(10, read=50))


def answer(message: dict) -> None:
    text = {"text": f"{message['from']} said: {message['text']}"}
    key = {"Idempotency-Key": f"answer-{message['id']}"}  # asked for twice, it is still one answer
    while (posted := client.post("messages/", json=text, headers=key)).status_code in (429, 502, 503, 504):
        time.sleep(float(posted.headers.get("Retry-After", 1)))
    if posted.status_code != 422:  # the message was changed since it was answered, or is too long to be quoted
        posted.raise_for_status()


while True:
    since = {"Last-Event-ID": position.read_text()} if position.exists() else {}  # a first start begins now
    with suppress(httpx.TransportError), connect_sse(client, "GET", "events/", headers=since) as stream:
        for event in stream.iter_sse():
            if event.event == "stream-error":
                sys.exit(event.data)
            if event.event == "newest" and event.json()["id"] != event.id:
                break  # something was lost on the way: resume
            if event.event == "message" and not event.json().get("bot"):
                answer(event.json())
            position.with_suffix(".new").write_text(event.id)
            position.with_suffix(".new").replace(position)  # whole or not at all
    time.sleep(1)
