"""Gunicorn's log, without the secrets of addresses."""

from typing import Any

from gunicorn.glogging import Logger

from server.redact import HideSecrets, hide


class AccessLog(Logger):  # type: ignore[misc]
    """Writes what gunicorn writes; the secret of an incoming webhook's address is left out."""

    def setup(self, cfg: Any) -> None:
        """Also where it says what went wrong with a request."""
        super().setup(cfg)
        self.error_log.addFilter(HideSecrets())

    def atoms(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The fields of a line."""
        found: dict[str, Any] = super().atoms(*args, **kwargs)
        return {name: hide(value) if isinstance(value, str) else value for name, value in found.items()}
