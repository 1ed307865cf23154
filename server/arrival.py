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
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]+)[ \t]*(?=\r\n)", re.IGNORECASE)
_FRAMING = re.compile(rb"\r\n(Content-Length|Transfer-Encoding)[ \t]*:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nExpect:[ \t]*100-continue", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;|\Z)")


class Arrival:
    """One request. `body_max` is how many bytes of a body are waited for; of a longer one only the beginning is kept.

    `is_cut` says that the body is longer, so more bytes may follow; `expects_continue` that the peer waits for
    "100 Continue" before it sends the body.
    """

    def __init__(self, body_max: int) -> None:
        self._body_max = body_max
        self._data = bytearray()
        self._end: int | None = None  # of the request, once it is known
        self._chunk: int | None = None  # where the next chunk begins, of a body in chunks
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
        searched = max(0, len(self._data) - len(_END) + 1)
        self._data += data
        if self._end is None and self._chunk is None:
            head = self._data.find(_END, searched)
            if head < 0:
                return len(self._data) > HEAD_MAX
            self._read_head(head + len(_END))
        if self._chunk is not None:
            self._walk_chunks()
        return self._end is not None and len(self._data) >= self._end

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
            self._cut(length)
        else:
            self._end = length + int(lengths[0])

    def _walk_chunks(self) -> None:
        """Go on over the chunks that came, to the end of the body when it is there."""
        assert self._chunk is not None  # noqa: S101 - for the types
        if len(self._data) > self._body_max + CHUNKING_SLACK + HEAD_MAX:
            self._cut(len(self._data))
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

    def _cut(self, length: int) -> None:
        self._end, self.is_cut = length, True
