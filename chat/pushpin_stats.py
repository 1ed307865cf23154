"""What the proxies say about who is subscribed: their stats sockets, as far as they speak of people."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import zmq

from chat.channels import PersonChannel, parse_person
from chat.times import seconds

# Pushpin repeats what is still subscribed after three quarters of it (`stats_subscription_ttl` of pushpin.conf).
TTL = seconds(60)
TOPIC = b"sub "


@dataclass(frozen=True)
class Source:
    """Who says it: one Pushpin process, of one kind of hold (stream, response, ws). Each counts for itself."""

    address: str
    process: str
    mode: str


@dataclass(frozen=True)
class Subscription:
    """That somebody is subscribed to a person's channel for `ttl` more seconds; 0: nobody is any more."""

    source: Source
    channel: PersonChannel
    ttl: float


class Stats:
    """Listens to the stats sockets of all proxies. Connects in the background, again and again."""

    def __init__(self, addresses: list[str]) -> None:
        self._poller = zmq.Poller()
        self._addresses: dict[zmq.Socket[bytes], str] = {}
        for address in addresses:
            listener: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
            listener.set(zmq.RCVHWM, 0)  # a storm of readers is waited for, not dropped
            listener.set(zmq.LINGER, 0)
            listener.set(zmq.RECONNECT_IVL, 100)
            listener.set(zmq.RECONNECT_IVL_MAX, 1000)
            listener.set(zmq.HEARTBEAT_IVL, 5000)
            listener.set(zmq.HEARTBEAT_TIMEOUT, 15_000)
            listener.set(zmq.SUBSCRIBE, TOPIC)
            listener.connect(address)
            self._poller.register(listener, zmq.POLLIN)
            self._addresses[listener] = address

    def read(self, seconds: float) -> Iterator[Subscription]:
        """What has come; waits for it at most `seconds`."""
        for listener, _ in self._poller.poll(round(seconds * 1000)):
            yield from self._drain(listener)

    def _drain(self, listener: "zmq.Socket[bytes]") -> Iterator[Subscription]:
        while True:
            try:
                packet = listener.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if subscription := parse(self._addresses[listener], packet):
                yield subscription


def parse(address: str, packet: bytes) -> Subscription | None:
    """`sub J{"channel", "mode", "from", "ttl" | "unavailable"}`; None for what is not about a person."""
    try:
        fields: dict[str, Any] = json.loads(packet.removeprefix(TOPIC + b"J"))
        channel = parse_person(fields["channel"])
        source = Source(address, str(fields["from"]), str(fields["mode"]))
        ttl = 0.0 if fields.get("unavailable") else float(fields["ttl"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Subscription(source, channel, ttl) if channel else None
