"""JSON as it is on the wire: in UTF-8, so that a bound in bytes means the same for every script.

Escaped are quotes, backslashes and control characters only. Written as escapes, an emoji would take twelve bytes for
four, and the same bound would hold a third of the messages.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse


def encode(data: Any) -> str:
    """`data` as compact JSON text."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def size(text: str) -> int:
    """How many bytes `text` has on the wire."""
    return len(text.encode("utf-8", "replace"))


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """`data` as a JSON answer."""
    content = encode(data).encode("utf-8", "replace")
    return HttpResponse(content, status=status, headers=headers, content_type="application/json")
