"""What django_grip found out about a request, and which requests are frames of a socket."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest

from chat.middleware import WEBSOCKET_EVENTS

View = TypeVar("View", bound=Callable[..., Any])


def grip_of(request: HttpRequest) -> Any:
    """What django_grip.GripMiddleware sets: `proxied`, `last`, `start_instruct`."""
    return request.grip  # type: ignore[attr-defined]


def is_socket(request: HttpRequest) -> bool:
    """Whether these are frames of a WebSocket: by the exact content type, which Pushpin lets no client send."""
    return request.method == "POST" and request.META.get("CONTENT_TYPE") == WEBSOCKET_EVENTS


def takes_sockets(view: View) -> View:
    """Mark a view that answers frames of a socket; to all others they are refused (chat.middleware)."""
    view.takes_sockets = True  # type: ignore[attr-defined]
    return view
