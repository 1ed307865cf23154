"""WebSocket, by WebSocket-over-HTTP: each frame of a client is a request to this view, so no process holds a socket.

What a socket has joined is in its Meta headers, which Pushpin keeps and lets no client send. Publishes arrive in
order, but Pushpin repairs no gap on sockets, and what is published while a join is on its way is lost. So the
client asks `sync` from its positions: after each join, on a hole in the ids, on a `newest` that is ahead of it, and
now and then. docs/protocol.md has the commands and frames.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from gripcontrol import websocket_control_message

from chat import actions, channels, eventlog, limits, requester, wire
from chat.channels import RoomChannel
from chat.models import Room, Scope
from chat.names import is_storable, room_key
from chat.problems import Problem, problem_response
from chat.stream import feeds
from chat.stream.feeds import Feed
from chat.stream.grip import grip_of
from chat.times import whole_seconds

logger = logging.getLogger(__name__)

FRAME_MAX = 16_384  # bytes of a client's frame; from 32,767 on Pushpin passes nothing on, and nothing of it answers
ID_MAX = 64  # characters of a command's id
BATCH = 500  # events in one answer to sync
BATCH_BYTES = 500_000  # of them: an answer of 1,000,000 is the most that Pushpin takes
# Half of Pushpin's client_buffer_size. While more than fits that waits for a client, Pushpin drops what is published to
# its socket (wsproxysession.cpp: "if queue == false, drop if we can't send right now").
BUFFERED_BYTES = 4_096
KEEP_ALIVE_SECONDS = whole_seconds(20)
CLOSE_SIGNED_OUT = 4401
JOINED = "rooms"  # Meta: what the socket has joined, as channel names
USER = "user"  # Meta: who opened the socket


def answer(request: HttpRequest, names: Callable[[], list[str]]) -> HttpResponse:
    """Answer the frames of one request. `names()` are the rooms of the address, joined when the socket opens."""
    if not grip_of(request).proxied:
        return problem_response(Problem("PROXY_REQUIRED", "Sockets are served through the proxy only."))
    socket = Socket(request)
    try:
        requester.check_origin(request)
        socket.reader = requester.reader_of(request)
        if socket.is_opening:
            socket.open(names())
    except Problem as problem:
        if socket.is_opening:
            return problem_response(problem)
        socket.end(problem)  # the token was withdrawn meanwhile
        return HttpResponse()
    socket.answer_frames()
    return HttpResponse()


class Socket:
    """One request's view of a socket: its state from Pushpin, and the frames to send."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._context = request.wscontext  # type: ignore[attr-defined]
        self.is_opening: bool = self._context.is_opening()
        self.reader: requester.Person = AnonymousUser()
        self._joined: dict[str, RoomChannel | None] = _parse_joined(self._context.meta.get(JOINED, ""))

    def open(self, names: list[str]) -> None:
        """Accept the socket and join the rooms of its address. Raises Problem."""
        rooms = feeds.of_request(self._request, names, feeds.token_text(self._request)) if names else []
        self._context.accept()
        self._context.meta[USER] = str(self.reader.pk or "")
        keep_alive = {"message-type": "text", "content": '{"type":"keep-alive"}', "timeout": KEEP_ALIVE_SECONDS}
        self._context.send_control(websocket_control_message("keep-alive", keep_alive))
        self._context.subscribe(channels.ALL)
        for feed in rooms:
            self._subscribe(feed.room)
        self._send({"type": "stream-open", "id": feeds.full_token(rooms)})
        self._send_reset(rooms)
        self._remember()

    def answer_frames(self) -> None:
        """Carry out the commands of the request, in order."""
        context = self._context
        if not self.is_opening and context.meta.get(USER, "") not in ("", str(self.reader.pk)):
            self.end(Problem("USER_HAS_TO_LOGIN", "You are not signed in any more."))
            return
        while context.can_recv():
            try:
                frame = context.recv()
            except OSError:  # the client is gone without a word
                return
            except UnicodeDecodeError:
                self._fail(None, Problem("FRAME_INVALID", "Frames are text: JSON in UTF-8."))
                continue
            if frame is None:
                context.close(context.close_code or 1000)
                return
            self._answer_frame(frame)
        self._remember()

    def end(self, problem: Problem) -> None:
        """Close the socket of somebody who is not who opened it any more, and say why."""
        self._fail(None, problem)
        self._context.close(CLOSE_SIGNED_OUT)

    def _answer_frame(self, frame: str | bytes) -> None:
        command_id = None
        try:
            command = _parse_frame(frame)
            command_id = command["id"]
            self._reply(command, COMMANDS[command["command"]](self, command))
        except Problem as problem:
            self._fail(command_id, problem)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("database error on a socket: %s", type(error).__name__)
            self._fail(command_id, Problem("SERVICE_UNAVAILABLE", "The database doesn't answer right now. Try again."))

    def _join(self, command: dict[str, Any]) -> dict[str, Any]:
        """{"command": "join", "room", "last-event-id"?}: follow a room, from the position given or from now on."""
        name = _text(command, "room")
        if len(self._joined) >= feeds.ROOMS_MAX and room_key(name) not in self._joined:
            raise Problem("CHANNEL_INVALID", f"A socket can join at most {feeds.ROOMS_MAX} rooms.")
        [feed] = feeds.of_request(self._request, [name], _text(command, "last-event-id", optional=True))
        self._subscribe(feed.room)
        return {"room": feed.room.name, "last-event-id": feeds.token([feed]), "reset": feed.reset}

    def _leave(self, command: dict[str, Any]) -> dict[str, Any]:
        """{"command": "leave", "room"}: no more events of this room."""
        key = room_key(_text(command, "room"))
        self._check_joined(key)
        self._unsubscribe(key)
        return {"room": command["room"]}

    def _post(self, command: dict[str, Any]) -> dict[str, Any]:
        """{"command": "send", "room", "text", "from"?, "client_id"?}: post a message.

        A frame comes twice when a worker dies over it: without a client_id, socket and command make the key.
        """
        name = _text(command, "room")
        self._check_joined(room_key(name))
        key = _text(command, "client_id", optional=True) or f"{self._context.id}:{command['id']}"
        person = requester.person_of(self._request, Scope.POST)
        sender = _text(command, "from", optional=True)
        address = requester.network_of(self._request)
        posted = actions.post_message(
            person,
            name,
            _text(command, "text"),
            name=sender,
            key=key,
            address=address,
            limits=limits.of_post(self._request, person),
            room_limits=limits.of_room(self._request),
        )
        return {"message": posted.message, "created": posted.created}

    def _sync(self, command: dict[str, Any]) -> dict[str, Any]:
        """{"command": "sync", "last-event-id"}: the events after these positions, then the reply.

        `more` asks for another sync: the batch was full, or so large that Pushpin dropped what was published while the
        client took it, or a room is followed only from this answer on.
        """
        text = _text(command, "last-event-id")
        try:
            wanted = eventlog.parse_token(text)
        except ValueError as error:
            raise Problem("TOKEN_INVALID", f"The resume token can't be read: {error}.") from None
        for key in wanted:
            self._check_joined(key)
        try:
            rooms = feeds.of_request(self._request, list(wanted), text)
        except Problem as problem:
            for key in problem.rooms:  # a right was taken: the client goes on without these
                self._unsubscribe(key)
            raise
        has_moved = self._follow_again(rooms)
        rooms, found, has_more = feeds.read(rooms, BATCH, BATCH_BYTES)
        self._send_reset(rooms)
        size = 0
        for event in found:
            rooms, event_id = feeds.step(rooms, event, several=False)
            frame = eventlog.encode_event(event_id, event)
            self._context.send(frame)
            size += len(frame.encode())
        return {"last-event-id": feeds.full_token(rooms), "more": has_moved or has_more or size > BUFFERED_BYTES}

    def _follow_again(self, rooms: list[Feed]) -> bool:
        """Move the socket to the channels that rooms have now, and say whether any were others.

        They are when a room was made, or its rights changed.
        """
        found = [feed.room for feed in rooms if feed.room.pk]
        moved = [room for room in found if self._joined[room.name_key] != _channel(room)]
        for room in moved:
            self._unsubscribe(room.name_key)
            self._subscribe(room)
        return bool(moved)

    def _check_joined(self, key: str) -> None:
        if key not in self._joined:
            raise Problem("ROOM_ACCESS_DENIED", "Join the room first.")

    def _subscribe(self, room: Room) -> None:
        channel = self._joined[room.name_key] = _channel(room)
        for name in _channel_names(room.name_key, channel):
            self._context.subscribe(name)

    def _unsubscribe(self, key: str) -> None:
        for name in _channel_names(key, self._joined.pop(key)):
            self._context.unsubscribe(name)

    def _remember(self) -> None:
        names = (str(channel) if channel else "" for channel in self._joined.values())
        self._context.meta[JOINED] = ",".join(f"{key}={name}" for key, name in zip(self._joined, names, strict=True))

    def _send_reset(self, rooms: list[Feed]) -> None:
        for feed in rooms:
            if feed.reset:
                token = eventlog.token(feed.room.name, feed.last)
                self._send({"type": "stream-reset", "id": token, "data": {"channels": [feed.channel]}})

    def _reply(self, command: dict[str, Any], fields: dict[str, Any]) -> None:
        self._send({"type": "reply", "to": command["id"], "command": command["command"], **fields})

    def _fail(self, command_id: str | None, problem: Problem) -> None:
        error = {"code": problem.code, "status": problem.status, "detail": problem.detail} | problem.extra()
        self._send({"type": "error", "to": command_id, **error})

    def _send(self, frame: dict[str, Any]) -> None:
        self._context.send(wire.encode(frame))


COMMANDS: dict[str, Callable[[Socket, dict[str, Any]], dict[str, Any]]] = {
    "join": Socket._join,
    "leave": Socket._leave,
    "send": Socket._post,
    "sync": Socket._sync,
}


def _parse_frame(frame: str | bytes) -> dict[str, Any]:
    """A frame as a command with an id. Raises Problem."""
    if isinstance(frame, bytes):
        raise Problem("FRAME_INVALID", "Frames are text: JSON objects.")
    if len(frame.encode("utf-8", "surrogatepass")) > FRAME_MAX:
        raise Problem("FRAME_TOO_LARGE", f"A frame has at most {FRAME_MAX} bytes: post a longer text by REST.")
    try:
        command = json.loads(frame)
    except (ValueError, RecursionError):
        raise Problem("FRAME_INVALID", "The frame is not JSON.") from None
    if not isinstance(command, dict):
        raise Problem("FRAME_INVALID", "The frame must be a JSON object.")
    if not is_storable(command):
        raise Problem("FRAME_INVALID", "The frame holds a NUL or half a character: such text can't be stored.")
    command_id = command.get("id")
    if not isinstance(command_id, str) or not command_id.isprintable() or not 0 < len(command_id) <= ID_MAX:
        raise Problem("FRAME_INVALID", f"Give each command an id, a text of at most {ID_MAX} characters.")
    if not isinstance(command.get("command"), str) or command["command"] not in COMMANDS:
        names = ", ".join(COMMANDS)
        raise Problem("COMMAND_INVALID", f"The commands are {names}.")
    return command


def _text(command: dict[str, Any], field: str, *, optional: bool = False) -> str:
    value = command.get(field)
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise Problem("FRAME_INVALID", f"{command['command']} needs {field}, a text.")
    return value


def _channel(room: Room) -> RoomChannel | None:
    """The channel of a room; None while it does not exist."""
    return RoomChannel("r", room.pk, room.rights) if room.pk else None


def _channel_names(key: str, channel: RoomChannel | None) -> Iterable[str]:
    if channel is None:
        return [channels.waiting(key)]
    return [str(channel), channels.control(channel.room_id, channel.rights)]


def _parse_joined(text: str) -> dict[str, RoomChannel | None]:
    """What _remember wrote: room key -> its channel."""
    pairs = (part.split("=", 1) for part in text.split(",") if part)
    return {key: channels.parse(name) for key, name in pairs}
