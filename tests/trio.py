"""One reader by each transport at once: they meet the same faults, and must end up with the same events."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from tests.readers import TRANSPORTS, Reader
from tests.service import Service, wait_until

AGREE_SECONDS = 10
CHANGES = ("message", "message-edited", "message-deleted")


class Trio:
    """A stream, a long-poll and a socket that follow `path` from a resume token; `options` are those of a Reader.

    When its block ends without an error, they are compared: by room, each has the same logged events as the others, in
    the same order.
    """

    def __init__(self, base: str, path: str, token: str = "", **options: Any) -> None:
        self.path = path
        self.readers = [Reader(base, path, token, transport=transport, **options) for transport in TRANSPORTS]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for reader in self.readers:
                stack.enter_context(reader)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.compare()
        finally:
            self._stack.close()

    def __iter__(self) -> Iterator[Reader]:
        return iter(self.readers)

    def compare(self) -> None:
        """Wait until all have the same logged events; fail with what differs."""
        try:
            wait_until(lambda: len({str(self._logged(reader)) for reader in self}) == 1, AGREE_SECONDS)
        except AssertionError:
            pass
        first, *others = self.readers
        for other in others:
            assert self._logged(other) == self._logged(first), f"{other.transport} differs from {first.transport}"

    def cut(self) -> None:
        """Cut all connections."""
        for reader in self:
            reader.cut()

    def wait_for(self, texts: list[str], seconds: float = 10) -> None:
        """Wait until each has exactly `texts`, in this order."""
        for reader in self:
            reader.wait_for(texts, seconds)

    def wait_for_type(self, kind: str, seconds: float = 10) -> list[Any]:
        """The first event of a type that each got."""
        return [reader.wait_for_type(kind, seconds) for reader in self]

    def wait(self, condition: Callable[[Reader], Any], seconds: float, what: str = "it") -> None:
        """Wait until `condition` is true of each."""
        for reader in self:
            wait_until(lambda reader=reader: condition(reader), seconds, f"{what} on {reader.transport}")

    def _logged(self, reader: Reader) -> dict[str, list[Any]]:
        """What it has by room: numbers and types, each with the data that the page shows in the end.

        An event that is sent again has its message as it is then, so a reader can have the old text or the new one.
        """
        found: dict[str, list[Any]] = {}
        messages: dict[tuple[str, int], Any] = {}
        for seen in list(reader.seen):
            if not seen.number:
                continue
            data, events = seen.json(), found.setdefault(seen.room, [])
            if seen.type in CHANGES:
                shown = messages.setdefault((seen.room, data["id"]), {})
                shown |= {"text": "", "deleted": True} if seen.type == "message-deleted" else data
                data = shown
            events.append((seen.number, seen.type, data))
        return found


def follow(service: Service, room: str, token: str = "earliest", **options: Any) -> Trio:
    """Three readers of one room."""
    return Trio(service.url, f"/rooms/{room}/events/", token, **options)


def follow_all(service: Service, rooms: list[str], token: str = "", **options: Any) -> Trio:
    """Three readers of several rooms, each on one connection."""
    return Trio(service.url, "/events/?" + "&".join(f"channel=room-{name}" for name in rooms), token, **options)
