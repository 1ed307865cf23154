"""How logs are written: without secrets, each message on one line, and not without end.

Every log of ours is written by these two, Django's and gunicorn's alike. They are told addresses that hold secrets, by
whoever asks for them: in request lines, referers, and the texts and tracebacks of errors.
"""

import logging
import re
import threading
import time
from types import TracebackType
from typing import Any

MESSAGE_MAX = 1000  # characters of a message; a request line alone has up to 8,190
TRACEBACK_MAX = 10_000  # an error's text can hold all that a client sent
MOST, WINDOW = 20, 60.0  # lines of one place in the code, in so many seconds

# Addresses whose one part is as good as a password: invitations, the first administrator's link, incoming webhooks, and
# the links between two batches of a stream. A slash can be percent-encoded, also twice, as in `?next=`. The first
# alternative is what only looks like one: pages about webhooks.
_SECRET = re.compile(
    r"rooms(?:/|%(?:25){0,2}2f)[^/\s%]{1,200}(?:/|%(?:25){0,2}2f)hooks"
    r"|((?:/|%(?:25){0,2}2f)"
    r"(?:hooks(?:/|%(?:25){0,2}2f)[^/\s%?#\"'<>]{1,200}|accounts(?:/|%(?:25){0,2}2f)(?:invites|setup)|recover)"
    r"(?:/|%(?:25){0,2}2f))[^/\s?#\"'<>&]+",
    re.IGNORECASE,
)
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160), 0x2028, 0x2029)}


def hide(text: str) -> str:
    """`text` without such secrets: `/accounts/invites/…/`."""
    return _SECRET.sub(lambda found: f"{found[1]}…" if found[1] else found[0], text)


class Formatter(logging.Formatter):
    """Writes records without secrets. A message is one line: what a client sends can't look like another record."""

    def __init__(self, fmt: str | None = None, datefmt: str | None = None, *, message_max: int = MESSAGE_MAX) -> None:
        super().__init__(fmt, datefmt)
        self._message_max = message_max

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is written, with the traceback of its error."""
        return hide(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Its first line."""
        message = hide(record.message).translate(_CONTROL)  # before it is cut: half a secret is one, too
        record.message = message if len(message) <= self._message_max else f"{message[: self._message_max]} …"
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """A traceback, of a bounded length."""
        text = super().formatException(ei)
        half = TRACEBACK_MAX // 2
        return text if len(text) <= TRACEBACK_MAX else f"{text[:half]}\n…\n{text[-half:]}"


class Seldom(logging.Filter):
    """Lets MOST lines pass of each place in the code within WINDOW, and says later how many more there were: what one
    client can cause as often as it likes must not fill the disk, nor hide the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: dict[tuple[Any, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        now = time.monotonic()
        key = (record.name, record.pathname, record.lineno, _origin(record.exc_info))
        with self._lock:
            began, count = self._seen.get(key, (now, 0))
            left_out = max(0, count - MOST)
            if now - began >= WINDOW:
                began, count = now, 0
            self._seen[key] = (began, count + 1)
        if count == 0 and left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more lines like this were left out)", None
        return count < MOST


def _origin(error: Any) -> tuple[Any, ...]:
    """Where an error comes from, so that one fault does not hide another."""
    if not isinstance(error, tuple) or error[0] is None:
        return ()
    trace: TracebackType | None = error[2]
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (error[0], trace.tb_frame.f_code, trace.tb_lineno) if trace is not None else (error[0],)
