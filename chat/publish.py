"""Publishing: an event, encoded once, to every proxy. The only module that talks to the proxies' control ports.

Nothing here raises or waits long: what did not get through is published again by the relay a few seconds later,
and Pushpin drops what it already has.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Protocol

import jwt
import requests
import zmq
from django.conf import settings
from django_eventstream.utils import sse_encode_event
from gripcontrol import HttpResponseFormat, HttpStreamFormat, WebSocketMessageFormat
from pubcontrol import Format, Item

from chat import channels
from chat.channels import PersonChannel, RoomChannel
from chat.eventlog import encode_batch, encode_event, token
from chat.models import Event, Room
from chat.wire import encode

logger = logging.getLogger(__name__)

TIMEOUT = 2.0  # seconds that one proxy may take over a publish
CLOSE_RIGHTS_CHANGED = 4403  # close code of a socket: rights changed, join again what you still may
QUEUE_MAX = 1000  # publishes that wait for a slow proxy before new ones are left to the relay


def encode_item(channel: str, formats: Iterable[Format], eid: int | None = None) -> bytes:
    """One publish item as JSON: the same bytes serve ZMQ and the HTTP control port."""
    ids = {} if eid is None else {"id": str(eid), "prev_id": str(eid - 1)}
    exported: dict[str, Any] = Item(list(formats), **ids).export(formats_field=True)
    return encode({"channel": channel, **exported}).encode()


def event_items(event: Event, name: str, rights: int, key: str, *, is_first: bool = False) -> list[bytes]:
    """The items that publish `event` of the room `name`, one for each kind of hold. Its data was encoded once.

    The first event of a room also wakes who waits for the room to be made: they ask again, and find it.
    """
    own = token(name, event.eid)
    single = sse_encode_event(event.type, event.data, event_id=own)
    several = sse_encode_event(event.type, event.data, event_id=f"{own},%I")
    frame = encode_event(own, event)
    formats: dict[str, list[Format]] = {
        "r": [HttpStreamFormat(single), WebSocketMessageFormat(frame)],
        "m": [HttpStreamFormat(several, content_filters=["build-id"])],
        "p": [HttpResponseFormat(body=encode_batch([frame], own))],
        "q": [HttpResponseFormat(action="hint")],
    }
    items = [
        encode_item(str(RoomChannel(family, event.room_id, rights)), of_family, event.eid)
        for family, of_family in formats.items()
    ]
    return [*items, *wake_items(name, key, event.eid)] if is_first else items


def event(event: Event, name: str, rights: int, key: str, *, is_first: bool = False) -> None:
    """Publish an event that was just committed."""
    send(event_items(event, name, rights, key, is_first=is_first))


def wake_items(name: str, key: str, eid: int) -> list[bytes]:
    """For who waits for a room to be made: it is there, with events up to `eid`. They ask again, and find it."""
    return [encode_item(channels.waiting(key), [*_ask_again(), _newest_frame(name, eid)])]


def newest_items(room: Room, eid: int) -> list[bytes]:
    """The notice that `eid` was published: readers who are behind see it and resume. It has no id of its own.

    A long-poll gets none: the end of its wait brings it back to the log.
    """
    return notice_items(room, "newest", newest_data(room.name, eid))


def notice_items(room: Room, kind: str, data: dict[str, Any]) -> list[bytes]:
    """An event that is not logged, for the streams and sockets of a room: it has no id and is never repeated."""
    formats = [HttpStreamFormat(sse_encode_event(kind, data, json_encode=True)), _frame(kind, data)]
    return [encode_item(channels.control(room.pk, room.rights), formats)]


def ask_again_items(room: Room, eid: int) -> list[bytes]:
    """For all who follow a room: ask again, since positions before `eid` are none any more. Nothing is closed."""
    return [encode_item(channels.control(room.pk, room.rights), [*_ask_again(), _newest_frame(room.name, eid)])]


def close_items(room_id: int, rights: int) -> list[bytes]:
    """The end of everything held under these rights: who still has the right comes back by itself."""
    return [encode_item(channels.control(room_id, rights), _close())]


def close_person_items(channel: PersonChannel) -> list[bytes]:
    """The end of a person's holds of presence; who is still there comes back at once."""
    return [encode_item(str(channel), _close())]


def close_waiting_items(key: str) -> list[bytes]:
    """The end of the wait for a room with this name key, which was made and is not open to all: see for yourself."""
    return [encode_item(channels.waiting(key), _close())]


def close_all_items() -> list[bytes]:
    """The end of everything that is held; its reader comes back by itself."""
    return [encode_item(channels.ALL, _close())]


def newest_data(name: str, eid: int) -> dict[str, str]:
    """The data of a `newest` notice."""
    return {"room": name, "id": token(name, eid)}


def _newest_frame(name: str, eid: int) -> Format:
    return _frame("newest", newest_data(name, eid))


def _frame(kind: str, data: dict[str, Any]) -> Format:
    frame = {"type": kind, "data": data}
    return WebSocketMessageFormat(encode(frame))


def _close() -> list[Format]:
    """A long-poll is not closed but asked again, so that its client gets an answer it knows."""
    return [
        HttpStreamFormat(close=True),
        HttpResponseFormat(action="hint"),
        WebSocketMessageFormat(action="close", code=CLOSE_RIGHTS_CHANGED, reason="come back"),
    ]


def _ask_again() -> list[Format]:
    return [HttpStreamFormat(action="hint"), HttpResponseFormat(action="hint")]


def send(items: list[bytes]) -> None:
    """Hand `items` to every proxy. A dead or hanging one delays neither the caller nor the others."""
    for proxy in proxies():
        proxy.send(items)


def states() -> list[dict[str, Any]]:
    """Each proxy with whether this process could publish to it when it last tried."""
    return [{"proxy": number, "reachable": proxy.is_reachable()} for number, proxy in enumerate(proxies(), 1)]


class Proxy(Protocol):
    """A proxy to publish to."""

    def is_reachable(self) -> bool:
        """Whether the proxy is there, as far as is known without asking."""

    def send(self, items: list[bytes]) -> None:
        """Publish from a request: at once or in the background, without an error."""

    def deliver(self, items: list[bytes]) -> bool:
        """Publish and say whether the proxy took it; waits TIMEOUT seconds at most."""


class ZmqProxy:
    """Pushpin's `push_in_spec`, for a Pushpin nearby: a publish takes some 0.05 ms.

    IMMEDIATE makes ZMQ refuse at once while nobody is connected (by default it would swallow about a thousand
    items), heartbeats make a silent peer count as gone.
    """

    def __init__(self, uri: str) -> None:
        self._lock = threading.Lock()
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.LINGER, 500)
        self._socket.set(zmq.SNDTIMEO, 0)
        self._socket.set(zmq.RECONNECT_IVL, 100)
        self._socket.set(zmq.RECONNECT_IVL_MAX, 500)
        self._socket.set(zmq.HEARTBEAT_IVL, 1000)
        self._socket.set(zmq.HEARTBEAT_TIMEOUT, 3000)
        self._socket.connect(uri)
        # The connection comes about in the background: without this pause a process would lose its first publish.
        self._socket.poll(200, zmq.POLLOUT)

    def send(self, items: list[bytes]) -> None:
        """Publish from a request."""
        self.deliver(items)

    def is_reachable(self) -> bool:
        """Whether Pushpin is connected."""
        with self._lock:
            return bool(self._socket.poll(0, zmq.POLLOUT))

    def deliver(self, items: list[bytes]) -> bool:
        """Publish; False when the proxy is not there."""
        with self._lock:  # a socket belongs to one thread at a time
            try:
                for item in items:
                    self._socket.send(b"J" + item)
            except zmq.ZMQError:
                return False
        return True


class HttpProxy:
    """A control port over HTTP: a hosted GRIP proxy or a Pushpin elsewhere.

    Requests hand over to one thread with a bounded queue, which keeps the order and a connection.
    """

    def __init__(self, uri: str, iss: str | None, key: str | bytes | None) -> None:
        self.uri = uri
        self._iss = iss
        self._key = key
        self._session = requests.Session()
        self._waiting: queue.Queue[list[bytes]] = queue.Queue(QUEUE_MAX)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._reachable = True

    def send(self, items: list[bytes]) -> None:
        """Publish in the background; when the queue is full the relay will do it."""
        with self._starting:  # two threads would publish out of order
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"publish to {self._host}", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(items)
        except queue.Full:
            logger.warning("publish queue of %s is full; the relay will publish again", self._host)

    def is_reachable(self) -> bool:
        """Whether the last publish got through."""
        return self._reachable

    def deliver(self, items: list[bytes]) -> bool:
        """Publish; False when the proxy refuses, is not there or takes too long."""
        self._reachable = self._post(items)
        return self._reachable

    def _post(self, items: list[bytes]) -> bool:
        body = b'{"items":[' + b",".join(items) + b"]}"
        try:
            response = self._session.post(
                f"{self.uri}/publish/", data=body, headers=self._headers(), timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            logger.warning("publish to %s failed: %s", self._host, type(error).__name__)
            return False
        taken = 200 <= response.status_code < 300  # a redirect is not followed, so it took nothing
        if not taken:
            logger.warning("publish to %s was answered %s", self._host, response.status_code)
        return taken

    def _run(self) -> None:
        while True:
            self.deliver(self._waiting.get())

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._key and self._iss:
            claim = {"iss": self._iss, "exp": int(time.time()) + 3600}
            headers["Authorization"] = f"Bearer {jwt.encode(claim, self._key, algorithm='HS256')}"
        elif self._key:
            key = self._key if isinstance(self._key, str) else self._key.decode()
            headers["Authorization"] = f"Bearer {key}"
        return headers

    @property
    def _host(self) -> str:
        return self.uri.split("?")[0]


def proxies() -> list[Proxy]:
    """The configured proxies, connected once in each process."""
    return _proxies_of(os.getpid())


@cache
def _proxies_of(pid: int) -> list[Proxy]:
    return [connect(entry) for entry in settings.GRIP_PROXIES]


def connect(entry: dict[str, Any]) -> Proxy:
    """The proxy of one settings.GRIP_PROXIES entry, on a connection of its own."""
    uri = entry["publish_uri"]
    if uri.startswith("tcp://"):
        return ZmqProxy(uri)
    return HttpProxy(uri, entry.get("publish_iss"), entry.get("publish_key"))
