"""Refuses what no view should have to think of, before anything looks at the request: a body that is too large, a host
that is not ours, text that can't be stored. Outermost but for what every answer gets (settings.MIDDLEWARE)."""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from chat.middleware import GetResponse
from chat.names import is_storable
from chat.problems import Problem, error_page

logger = logging.getLogger(__name__)

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# What Django says of a form that can't be read. None of it is a mistake of ours, and so no traceback.
UNREADABLE = (MultiPartParserError, SuspiciousOperation, UnreadablePostError, LookupError, UnicodeError)
# Python before 3.11.10 and 3.12.6 reads the escapes of a quoted cookie in time by the square of their number. Ours have
# a few dozen.
COOKIE_ESCAPES_MAX = 500


class Door:
    """Middleware: lets requests in that can be read."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 400 or 413 to the others."""
        try:
            _check_size(request)
            _check_host(request)
            _check_head(request)
        except Problem as problem:
            return error_page(request, problem)
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Read a form, and look at its fields. JSON is read where it is used, by chat.api.parser."""
        if request.method != "POST" or request.content_type not in FORMS:
            return None
        try:
            check_form(request)
        except Problem as problem:
            return error_page(request, problem)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A client that hangs up in the middle of its body is nobody's mistake here."""
        if isinstance(exception, UnreadablePostError):
            return error_page(request, Problem("BODY_INVALID", "The body did not arrive whole."))
        return None


def too_large() -> Problem:
    """The refusal of a body over BODY_MAX_BYTES."""
    return Problem("BODY_TOO_LARGE", "The body is too large.")


def unreadable() -> Problem:
    """The refusal of a body with text that can't be stored."""
    return Problem("BODY_INVALID", "The body holds a NUL or half a character: such text can't be stored.")


def check_form(request: HttpRequest) -> None:
    """Raise Problem for a form that can't be read or stored."""
    try:
        request.body  # noqa: B018 - kept in memory, so that ninja can ask for it after the form was read
        fields = [*request.POST.lists(), *((file.name or "") for files in request.FILES.lists() for file in files[1])]
    except RequestDataTooBig:
        raise too_large() from None
    except UNREADABLE:
        raise Problem("BODY_INVALID", "The form can't be read.") from None
    if not is_storable(fields):
        raise unreadable()


def _check_size(request: HttpRequest) -> None:
    """Whether anybody is going to read the body or not: what is not read would be left on the connection."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise Problem("BODY_INVALID", "The length of the body is no number.") from None
    if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise too_large()


def _check_host(request: HttpRequest) -> None:
    try:
        request.get_host()
    except DisallowedHost:
        name = str(request.META.get("HTTP_HOST", ""))
        logger.warning("asked for as %r: PUBLIC_URL and ALLOWED_HOSTS say which names are ours", name[:80])
        raise Problem("PARAMETER_INVALID", "Nothing is served under this host name here.") from None


def _check_head(request: HttpRequest) -> None:
    """The address, its query, and the headers, cookies among them."""
    headers = {name: value for name, value in request.META.items() if name.startswith(("HTTP_", "CONTENT_"))}
    if not is_storable([request.path, headers]) or headers.get("HTTP_COOKIE", "").count("\\") > COOKIE_ESCAPES_MAX:
        raise Problem("PARAMETER_INVALID", "The address or a header can't be read.")
    try:
        query = [*request.GET.lists(), request.COOKIES]
    except UNREADABLE:
        raise Problem("PARAMETER_INVALID", "The query can't be read.") from None
    if not is_storable(query):
        raise Problem("PARAMETER_INVALID", "The query or a cookie holds a NUL or half a character.")
