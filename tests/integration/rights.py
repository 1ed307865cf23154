"""The people and rooms of the rights table: made inside the service, one room for each cell, so that none disturbs
another."""

import json
import re
import secrets
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from chat import actions
from chat.eventlog import encode
from chat.models import Event, Invite, Membership, Message, OutgoingHook, Restriction, Room, User, digest_of
from tests.sessions import session_of

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ("alice", "bob", "charlie", "sam", "gina", "nobody")
AUTHORS = (*PEOPLE[:-1], "dora")  # Dora is another plain member
KINDS = ("open", "private", "staff", "direct")


def table() -> list[tuple[str, str, dict[str, str]]]:
    """The rows of docs/rights.md: request, kind of room, and what each of the people is answered."""
    text = (ROOT / "docs" / "rights.md").read_text().split("\n## The table\n")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    heading, _, *body = rows
    assert [name.lower() for name in heading[2:]] == list(PEOPLE)
    return [
        (request.replace("`", ""), kind, dict(zip(PEOPLE, (cell.strip("`") for cell in cells), strict=True)))
        for request, kind, *cells in body
    ]


def kinds_of(request: str) -> tuple[str, ...]:
    """The kinds of rooms that a request of the table needs: "unknown" asks for a private one under another name."""
    if "<secret>" in request:  # it leads into a room of the kind that is said at its end
        return tuple({request.rpartition(" ")[2]} & set(KINDS))
    return KINDS if "<room>" in request or "WebSocket" in request or "this room" in request else ()


def fill(requests: list[str]) -> None:
    """Make the people, and a room of each kind for each request and person; print what a test needs to know.

    Runs in a shell of the service.
    """
    with transaction.atomic():
        made = _make(requests)
    sys.stdout.write(json.dumps(made))


def _make(requests: list[str]) -> dict[str, Any]:
    users = {name: User(username=f"{name}.rights", display_name=f"{name} of the table") for name in AUTHORS}
    users["sam"].is_staff = True
    users["gina"].is_guest = True
    for user in users.values():
        user.save()
    for name in PEOPLE[:-1]:
        User.objects.create(username=f"{name}.bot", is_bot=True, owner=users[name])
    # Programs come with a token, browsers with a session: both kinds of people are among the six.
    headers: dict[str, dict[str, str]] = {"nobody": {}}
    for name in ("alice", "charlie"):
        headers[name] = {"Authorization": f"Bearer {actions.make_token(users[name])}"}
    for name in ("bob", "sam", "gina"):
        headers[name] = {"Cookie": f"sessionid={session_of(users[name])}"}
    for name in PEOPLE[:-1]:
        _meet(users[name], users["dora"])
    keys = [
        (request, kind, number, person)
        for number, request in enumerate(requests)
        for kind in kinds_of(request)
        for person in PEOPLE
    ]
    rooms = Room.objects.bulk_create(_room(kind, number, person) for _, kind, number, person in keys)
    rows: dict[type[Model], list[Any]] = defaultdict(list)
    cells = {
        f"{request}|{kind}|{person}": _cell(users, room, person, rows)
        for room, (request, kind, _, person) in zip(rooms, keys, strict=True)
    }
    for model, made in rows.items():
        model._default_manager.bulk_create(made)
    return {"headers": headers, "cells": cells}


def _meet(one: User, other: User) -> None:
    """Each has met a stranger, and so has somebody to report and to block."""
    actions.meet(other)
    actions.meet(one)
    actions.leave_strangers(one)


def _room(kind: str, number: int, person: str) -> Room:
    """A room of one cell."""
    hidden = kind in ("private", "direct")
    name = hidden_name() if hidden else f"rights-{kind}-{number}-{person}"
    return Room(
        name=name,
        name_key=name,
        title=name,
        kind="direct" if kind == "direct" else "room",
        visibility="private" if hidden else kind,
        counter=len(AUTHORS),
    )


def _cell(users: dict[str, User], room: Room, person: str, rows: dict[type[Model], list[Any]]) -> dict[str, Any]:
    """The names and ids that a cell's request needs. Into `rows`: the room's members, a message of each author, an
    invite, a webhook, and a mute."""
    is_direct = room.kind == "direct"
    roles = {"alice": "member", "bob": "member"} if is_direct else {"alice": "owner", "bob": "member", "dora": "member"}
    rows[Membership] += [Membership(room=room, user=users[who], role=role) for who, role in roles.items()]
    ids = {who: eid for eid, who in enumerate(AUTHORS, 1)}
    for who, eid in ids.items():
        author = users[who]
        rows[Message].append(Message(room=room, eid=eid, author=author, name=who, text=who, poster=f"u:{author.pk}"))
        rows[Event].append(Event(room=room, eid=eid, type="message", data=encode({"id": eid, "text": who})))
    secret = secrets.token_urlsafe(24)
    digest = digest_of(secret)
    if not is_direct:
        ends = timezone.now() + timedelta(days=1)
        rows[Invite].append(Invite(room=room, digest=digest, created_by=users["alice"], expires=ends))
    rows[Restriction].append(Restriction(room=room, user=users["dora"], kind="mute"))
    fields = {"url": "https://receiver.example/", "secret": "whsec_", "position": room.counter}
    hook = OutgoingHook(room=room, created_by=users["alice"], **fields)
    rows[OutgoingHook].append(hook)
    other = {"alice": "bob"}.get(person, "alice") if is_direct else "dora"
    return {
        "room": room.name,
        "me": f"{person}.rights",
        "bot": f"{person}.bot",
        "another": f"{other}.rights",
        "own": ids.get(person, ids[other if is_direct else "dora"]),
        "another's": ids[other],
        "invite": digest[:16],
        "secret": secret,
        "hook": hook.public_id,
        "restriction": "mute:dora.rights",
    }


def hidden_name() -> str:
    """A name as private rooms have them."""
    return f"x-{secrets.token_hex(12)}"


def slug(request: str) -> str:
    """A request as a part of a test's name."""
    return re.sub(r"[^A-Za-z]+", "-", request).strip("-")
