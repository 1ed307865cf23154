"""Reads server-sent events from whatever pieces the network delivers, and the HTTP answer around them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """One event as it stood on the wire; `id` is empty when it had none."""

    type: str
    id: str
    data: str


class Parser:
    """Of one stream's text."""

    def __init__(self) -> None:
        self._text = b""  # not yet a whole event

    def feed(self, text: bytes) -> list[Frame]:
        """The events that `text` completes."""
        *blocks, self._text = (self._text + text).split(b"\n\n")
        return [_frame(block.decode()) for block in blocks if block.strip()]


class Decoder:
    """Of one answer: `status` once its head is there, `ended` when its body is complete."""

    def __init__(self) -> None:
        self.status = 0
        self.ended = False
        self.chunked = False
        self._raw = b""  # not decoded yet
        self._chunk = 0  # bytes left of the current chunk, its CRLF included
        self._parser = Parser()

    def feed(self, data: bytes) -> list[Frame]:
        """The events that `data` completes."""
        self._raw += data
        if not self.status and not self._read_head():
            return []
        return self._parser.feed(self._body())

    def _read_head(self) -> bool:
        head, separator, rest = self._raw.partition(b"\r\n\r\n")
        if not separator:
            return False
        self.status = int(head.split(b" ", 2)[1])
        self.chunked = b"transfer-encoding: chunked" in head.lower()
        self._raw = rest
        return True

    def _body(self) -> bytes:
        if not self.chunked:
            body, self._raw = self._raw, b""
            return body
        pieces = []
        while self._raw and not self.ended:
            if self._chunk == 0:
                size, separator, rest = self._raw.partition(b"\r\n")
                if not separator:
                    break
                self._raw = rest
                length = int(size, 16)
                self.ended = length == 0
                self._chunk = length + 2
                continue
            piece = self._raw[: self._chunk]
            self._raw = self._raw[len(piece) :]
            # The chunk's own CRLF is no part of it.
            pieces.append(piece[: max(0, self._chunk - 2)])
            self._chunk -= len(piece)
        return b"".join(pieces)


def _frame(block: str) -> Frame:
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    kind = fields.get("event", ["message"])[-1]
    return Frame(kind, fields.get("id", [""])[-1], "\n".join(fields.get("data", [])))
