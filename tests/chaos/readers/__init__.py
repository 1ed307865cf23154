"""Readers: each follows its rooms as its kind does, and keeps what it got, when, and what it took."""

from tests.chaos.plan import ReaderSpec
from tests.chaos.readers.longpoll import LongPoll
from tests.chaos.readers.reader import Reader, Transport
from tests.chaos.readers.socket import Socket
from tests.chaos.readers.stream import Stream

TRANSPORTS: dict[str, type[Transport]] = {transport.name: transport for transport in (Stream, LongPoll, Socket)}


def make(base: str, spec: ReaderSpec, seed: int) -> Reader:
    """A reader of the service at `base`."""
    return Reader(base, spec, seed, TRANSPORTS)
