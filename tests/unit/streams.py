"""Logs to be streamed, and answers of the events endpoint read as Pushpin reads them."""

import re
from typing import Any

from django.test import Client
from django.utils import timezone

from chat import channels
from chat.models import Event, Room
from tests.unit.conftest import grip_headers


def log(room: Room, count: int, **fields: Any) -> Room:
    """`count` more events in the room's log."""
    now = fields.pop("created", timezone.now())
    Event.objects.bulk_create(
        Event(room=room, eid=room.counter + n, type="message", data=f'{{"n":{room.counter + n}}}', created=now)
        for n in range(1, count + 1)
    )
    room.counter += count
    room.save()
    return room


def parse(response: Any) -> list[dict[str, str]]:
    """The events of a response's body."""
    blocks = response.text.split("\n\n")
    assert blocks.pop() == ""
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def types(response: Any) -> list[str]:
    return [event["event"] for event in parse(response)]


def ids(response: Any) -> list[str]:
    return [event["id"] for event in parse(response) if event["event"] == "message"]


def holds(response: Any) -> dict[str, str | None]:
    """The hold's channels of rooms with their prev-ids; it must be one of a stream, with the control channel of all."""
    assert response["Grip-Hold"] == "stream"
    found = {}
    for part in response["Grip-Channel"].split(", "):
        name, *parameters = part.split("; ")
        found[name] = next((p.removeprefix("prev-id=") for p in parameters if p.startswith("prev-id=")), None)
    assert found.pop("all") is None
    return found


def link(response: Any) -> tuple[str, int | None]:
    """Where the link goes and how often it is followed."""
    match = re.fullmatch(r"<(.+?)>; rel=next(?:; timeout=(\d+))?", response["Grip-Link"])
    assert match
    return match[1], int(match[2]) if match[2] else None


def sealed(text: str) -> str:
    """`text` with each channel of a room as it is on the wire: `r7.1` gets its seal."""

    def seal(match: re.Match[str]) -> str:
        return str(channels.RoomChannel(match[1], int(match[2]), int(match[3])))

    return re.sub(r"\b([rmpq])(\d+)\.(\d+)\b(?!\.)", seal, text)


def no_grip(response: Any) -> bool:
    return not [name for name in response.headers if name.startswith("Grip-")]


def recover(*feeds: Any, client: Client | None = None) -> Any:
    """What Pushpin asks: `recover(room, last, "a.key", 0)` with the channels it holds."""
    pairs = list(zip(feeds[::2], feeds[1::2], strict=True))
    family = "m" if len(pairs) > 1 else "r"
    held = [
        f"{channel if isinstance(channel, str) else channels.RoomChannel(family, channel.pk, channel.rights)};"
        f" last-id={last}"
        for channel, last in pairs
    ]
    return (client or Client()).get("/recover/", headers=grip_headers(**{"Grip-Last": ", ".join(held)}))
