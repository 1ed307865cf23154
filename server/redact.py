"""Keeps the secret of an incoming webhook's address (HOOK_SECRET_IN_URL) out of the logs."""

import logging
import re

_SECRET = re.compile(r"(?<![\w.~-])(/hooks/[^/\s]+/)[^\s\"'/?]+")


def hide(text: str) -> str:
    """`text` without such secrets: `/hooks/<id>/…/`."""
    return _SECRET.sub(r"\1…", text)


class HideSecrets(logging.Filter):
    """Applies `hide` to what is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record when there is something to hide; keep every one."""
        text = record.getMessage()
        if (hidden := hide(text)) != text:
            record.msg, record.args = hidden, None
        return True
