"""Refusals: every one has a stable code, an HTTP status and words for the person (RFC 9457 problem details)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chat.wire import json_response

STATUS = {
    "TOKEN_INVALID": 400,
    "BODY_INVALID": 400,
    "PARAMETER_INVALID": 400,
    "CHANNEL_INVALID": 400,
    "FRAME_INVALID": 400,
    "COMMAND_INVALID": 400,
    "USER_HAS_TO_LOGIN": 401,
    "ROOM_ACCESS_DENIED": 403,
    "SCOPE_INSUFFICIENT": 403,
    "TOO_LATE": 403,
    "ORIGIN_DENIED": 403,
    "REQUEST_UNSIGNED": 403,
    "ROOM_INVALID": 404,
    "MESSAGE_INVALID": 404,
    "INVITE_INVALID": 404,
    "HOOK_INVALID": 404,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "REQUEST_TIMEOUT": 408,  # this one and those with 414, 417 and 431 are the worker's: server/worker.py
    "NAME_TAKEN": 409,
    "ROOM_TAKEN": 409,
    "PARTNER_MISSING": 409,
    "PERSON_CHANGED": 409,
    "BODY_TOO_LARGE": 413,
    "FRAME_TOO_LARGE": 413,
    "ADDRESS_TOO_LONG": 414,
    "CONTENT_TYPE_UNSUPPORTED": 415,
    "EXPECTATION_FAILED": 417,
    "CONFIRM_REQUIRED": 422,
    "NAME_INVALID": 422,
    "TEXT_INVALID": 422,
    "URL_INVALID": 422,
    "IDEMPOTENCY_KEY_INVALID": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "TOO_MANY_ATTEMPTS": 429,
    "RATE_LIMITED": 429,
    "HEADERS_TOO_LARGE": 431,
    "PROXY_REQUIRED": 501,
    "CODING_UNSUPPORTED": 501,
    "SERVICE_UNAVAILABLE": 503,
}
# What the page of a refusal is headed with, by status: its words say the rest.
HEADINGS = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    429: "Too much at once",
    503: "Not available now",
}


class Problem(Exception):
    """A refusal. `code` is one of STATUS, `detail` one or two sentences for the person who reads it.

    `retry_after` are the seconds after which it may be asked again: in the header, and in the document for sockets.
    `rooms` are the keys of the rooms that are refused, `channels` what a stream that asked for several calls them.
    """

    rooms: Sequence[str] = ()
    channels: Sequence[str] = ()
    # Whether a page offers to sign in: it may be a room that one belongs to, and nothing tells whether it is there.
    may_sign_in = False

    def __init__(
        self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = STATUS[code]
        self.headers = dict(headers or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def as_dict(self) -> dict[str, Any]:
        """The members of the problem document."""
        title = self.code.replace("_", " ").capitalize()
        members = {"type": "about:blank", "title": title, "status": self.status, "code": self.code}
        return members | {"detail": self.detail} | self.extra()

    @property
    def sign_in(self) -> bool:
        """Whether to sign in can help."""
        return self.may_sign_in or self.code == "USER_HAS_TO_LOGIN"

    @property
    def shown(self) -> str:
        """The words on a page."""
        return "We can't show this. If it is a room you belong to, sign in." if self.may_sign_in else self.detail

    def extra(self) -> dict[str, Any]:
        """The members that only some refusals have."""
        members: dict[str, Any] = {"channels": list(self.channels)} if self.channels else {}
        return members if self.retry_after is None else members | {"retry_after": self.retry_after}


def problem_response(problem: Problem) -> HttpResponse:
    """`problem` as an application/problem+json response."""
    response = json_response(problem.as_dict(), problem.status, problem.headers)
    response["Content-Type"] = "application/problem+json"
    response["Cache-Control"] = "no-store"
    return response


def room_invalid() -> Problem:
    """There is no such room, or none that this reader may know of: both look the same."""
    return Problem("ROOM_INVALID", "There is no room of this name.")


def partner_missing() -> Problem:
    """Who writes to strangers has met nobody, or nobody any more."""
    return Problem("PARTNER_MISSING", "Nobody is here to read this. Your text stays here until you meet somebody.")


def prefers_html(request: HttpRequest) -> bool:
    """Whether the client is a browser that navigates: it names text/html, and no JSON before it."""
    accept = request.headers.get("Accept", "")
    return "text/html" in accept and not accept.startswith("application/json")


def error_page(request: HttpRequest, problem: Problem, draft: str = "", back: str = "") -> HttpResponse:
    """A refusal as a page for browsers, as a problem document for programs.

    `draft` is a text that was not sent. Signing in leads to the path `back`: for a form whose page has its address.
    """
    if not prefers_html(request):
        return problem_response(problem)
    heading = HEADINGS.get(problem.status, "Something went wrong")
    context = {
        "problem": problem.as_dict() | {"detail": problem.shown},
        "heading": HEADINGS[401] if problem.may_sign_in else heading,
        "sign_in": problem.sign_in,
        "next": back or (request.path if request.method in ("GET", "HEAD") else "/"),
        "draft": draft,
    }
    response = render(request, "error.html", context, status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    return response
