"""Addresses in another spelling than ours: without the last slash, with one too many, with doubled ones, in capitals.

No request that changes something is redirected: clients follow with a GET, and what looks like success did nothing.
Where only the last slash is missing it is answered as at the right address; else it is refused, and the refusal names
that. Browsers that navigate are led there.
"""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, ResolverMatch, resolve
from django.urls.converters import StringConverter
from django.utils.encoding import iri_to_uri

from chat.middleware import GetResponse
from chat.names import RESERVED_ROOM_NAMES, is_room_name, room_key
from chat.problems import prefers_html

SAFE = ("GET", "HEAD")


class RoomPage(StringConverter):
    """The name in a room's page: none of the service's own first segments."""

    def to_python(self, value: str) -> str:
        """Django takes ValueError for another address."""
        if room_key(value) in RESERVED_ROOM_NAMES:
            raise ValueError(value)
        return value


def last_slash(get_response: GetResponse) -> GetResponse:
    """Middleware: answer a request without the last slash as with it, but a browser that navigates, which is led."""

    def middleware(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.endswith("/") and not _navigates(request):
            is_right = request.method in SAFE and _match(path)  # as the page of strangers, to read
            if not is_right and _match(f"{path}/"):
                request.path_info, request.path = f"{path}/", f"{request.path}/"
        return get_response(request)

    return middleware


def right_address(path: str) -> str | None:
    """The address of ours that `path` is another spelling of; None when it is of none, or right already."""
    parts = [part for part in path.split("/") if part]
    tails = ("/", "") if path.endswith("/") else ("", "/")
    for plain in (parts, [part.lower() for part in parts]):
        for tail in tails if parts else ("",):
            match = _match(f"/{'/'.join(plain)}{tail}")
            if match is not None and (match.url_name != "room" or is_room_name(parts[0])):
                right = f"/{'/'.join(_respelled(parts, plain, match))}{tail}"
                return quote(right) if right != path else None
    return None


def lead(request: HttpRequest) -> HttpResponse | None:
    """The way to the right address for a browser that navigates. It begins with one slash: it stays on this host."""
    right = right_address(request.path_info)
    if right is None or not _navigates(request):
        return None
    query = iri_to_uri(request.META.get("QUERY_STRING", ""))
    return HttpResponseRedirect(f"{right}?{query}" if query else right)


def _respelled(parts: list[str], plain: list[str], match: ResolverMatch) -> list[str]:
    """`parts` with the words of the address as they are ours, and the names and secrets in it as they were sent."""
    route = [part for part in match.route.split("/") if part]
    if len(route) != len(parts):  # a page of the admin, whose addresses hold no secrets
        return plain
    return [part if "<" in word else word for part, word in zip(parts, route, strict=True)]


def _navigates(request: HttpRequest) -> bool:
    return request.method in SAFE and prefers_html(request)


def _match(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None
