"""Gunicorn's logs, written as Django's are: without secrets, and not without end."""

from typing import Any

from gunicorn.glogging import Logger

from server.redact import Formatter, Seldom


class AccessLog(Logger):  # type: ignore[misc]
    """Writes what gunicorn writes, by server.redact."""

    def setup(self, cfg: Any) -> None:
        """Also where it says what went wrong with a request. A line for each request is what the operator asked for."""
        super().setup(cfg)
        if errors := self._get_gunicorn_handler(self.error_log):
            errors.setFormatter(Formatter(self.error_fmt, self.datefmt))
            errors.addFilter(Seldom())
        if accesses := self._get_gunicorn_handler(self.access_log):
            accesses.setFormatter(Formatter(self.access_fmt, message_max=40_000))
