"""The bytes of one request as they arrive, and whether all of them are there.

Only gunicorn's parser decides what a request means. This module decides when the parser gets its bytes: all that
belong to one request and none behind it, so that the parser waits for no peer and never sees the beginning of a second
request. A head that leaves in doubt how long the body is goes to the parser at once, which refuses it.
"""

import re

HEAD_MAX = 65_536  # bytes; above that the parser refuses what is there
SIZE_LINE_MAX = 200  # bytes of the line before a chunk
TRAILERS_MAX = 8_192  # bytes
DIGITS_MAX = 15  # of a length
# Room for the lines between chunks, above the limit of a body.
CHUNKING_SLACK = 65_536
# Bytes of a longer body that are read and dropped before it is refused: clients, and Pushpin, lose the answer to a body
# that they have not sent whole.
DROPPED_MAX = 64 * 1024 * 1024
CHUNKS_MAX = 50_000  # in which they come: tiny ones take more time than they carry
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]+)[ \t]*(?=\r\n)", re.IGNORECASE)
_FRAMING = re.compile(rb"\r\n(Content-Length|Transfer-Encoding)[ \t]*:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nExpect:[ \t]*100-continue", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;|\Z)")


class Arrival:
    """One request. `body_max` is how many bytes of a body are kept; of a longer one only the beginning is.

    `is_cut` says that more of the body may follow behind what was read; `expects_continue` that the peer waits for
    "100 Continue" before it sends the body.
    """

    def __init__(self, body_max: int) -> None:
        self._body_max = body_max
        self._data = bytearray()
        self._end: int | None = None  # of the request, once it is known
        self._chunk: int | None = None  # where the next chunk begins, of a body in chunks
        self._rest: Rest | None = None  # of a body that is too long
        self.is_cut = False
        self.expects_continue = False

    def __len__(self) -> int:
        return len(self._data)

    @property
    def request(self) -> bytes:
        """The bytes of the request, without those behind it."""
        return bytes(self._data[: self._end])

    def add(self, data: bytes) -> bool:
        """Take bytes that came. Returns whether the parser can have the request."""
        return self._drop(data) if self._rest is not None else self._gather(data)

    def _gather(self, data: bytes) -> bool:
        searched = max(0, len(self._data) - len(_END) + 1)
        self._data += data
        if self._end is None and self._chunk is None:
            head = self._data.find(_END, searched)
            if head < 0:
                return len(self._data) > HEAD_MAX
            self._read_head(head + len(_END))
        if self._chunk is not None:
            self._walk_chunks()
        if self._rest is not None:
            return self._drop(b"")
        return self._end is not None and len(self._data) >= self._end

    def _drop(self, data: bytes) -> bool:
        """Read on in a body that is too long. Returns whether it is over, or was read for long enough."""
        assert self._rest is not None  # noqa: S101 - for the types
        self.is_cut = not self._rest.add(data)
        return not self.is_cut or self._rest.is_too_much

    def _read_head(self, length: int) -> None:
        head = bytes(self._data[:length])
        framing, lengths = _FRAMING.findall(head), _LENGTH.findall(head)
        self.expects_continue = bool(_EXPECTS.search(head))
        if not framing:
            self._end = length
        elif len(framing) > 1 or (len(lengths) == 0 and framing[0].lower() == b"content-length"):
            self._end = length  # in doubt: the parser refuses it
        elif not lengths:
            self._chunk = length
        elif len(lengths[0].lstrip(b"0")) > DIGITS_MAX or int(lengths[0]) > self._body_max:
            self._cut(length, int(lengths[0]) if len(lengths[0]) <= DIGITS_MAX else None)
        else:
            self._end = length + int(lengths[0])

    def _walk_chunks(self) -> None:
        """Go on over the chunks that came, to the end of the body when it is there."""
        assert self._chunk is not None  # noqa: S101 - for the types
        if len(self._data) > self._body_max + CHUNKING_SLACK + HEAD_MAX:
            self._end, self._rest = len(self._data), Rest(chunks=bytes(self._data[self._chunk :]))
            return
        while (line := self._data.find(b"\r\n", self._chunk, self._chunk + SIZE_LINE_MAX)) >= 0:
            size = _SIZE.match(self._data, self._chunk, line)
            if size is None:
                self._end = len(self._data)  # no chunk: the parser refuses it
                return
            if int(size[1], 16) == 0:
                self._end_after_trailers(line)
                return
            following = line + 2 + int(size[1], 16) + 2
            if following > len(self._data):
                return
            self._chunk = following
        if len(self._data) - self._chunk >= SIZE_LINE_MAX:
            self._end = len(self._data)

    def _end_after_trailers(self, line: int) -> None:
        end = self._data.find(_END, line)
        if end >= 0:
            self._end = end + len(_END)
        elif len(self._data) - line > TRAILERS_MAX:
            self._end = len(self._data)

    def _cut(self, head: int, length: int | None) -> None:
        """Keep the head alone. The body is read, unless it is far too long or its peer asks before sending it."""
        self._end, self.is_cut = head, True
        if length is not None and length <= DROPPED_MAX and not self.expects_continue:
            self._rest = Rest(left=length - (len(self._data) - head))
        self.expects_continue = False


class Rest:
    """What is left of a body, read to be dropped: `left` bytes, or chunks, of which `chunks` have come."""

    def __init__(self, left: int = 0, chunks: bytes | None = None) -> None:
        self._left = left
        self._chunked = chunks is not None
        self._line = chunks or b""  # the beginning of a line before a chunk
        self._count = 0
        self._read = 0

    @property
    def is_too_much(self) -> bool:
        """Whether no more of it is worth reading."""
        return self._read > DROPPED_MAX or self._count > CHUNKS_MAX

    def add(self, data: bytes) -> bool:
        """Take bytes that came. Returns whether the body is over."""
        self._read += len(data)
        data, at = self._line + data, 0
        self._line = b""
        while at + self._left <= len(data):
            at += self._left
            self._left = 0
            if not self._chunked:
                return True
            line = data.find(b"\r\n", at, at + SIZE_LINE_MAX)
            if line < 0:
                self._line = data[at:]
                return len(self._line) >= SIZE_LINE_MAX
            size = _SIZE.match(data, at, line)
            if size is None or int(size[1], 16) == 0:
                return True
            self._left = int(size[1], 16) + 2
            self._count += 1
            at = line + 2
        self._left -= len(data) - at
        return False
