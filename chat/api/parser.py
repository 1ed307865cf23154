"""Reads request bodies: JSON and forms alike, as one dictionary."""

import json
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict, UnreadablePostError
from ninja.parser import Parser

from chat.door import FORMS, check_form, unreadable
from chat.names import is_storable
from chat.problems import Problem


class BodyParser(Parser):
    """The parser of the API. Raises Problem; ninja wraps it in an HttpError whose cause it is."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The fields of the body, whatever of the two forms it has."""
        if request.content_type in FORMS:
            return _form(request)
        if request.content_type == "application/json":
            return _json(request)
        raise Problem("CONTENT_TYPE_UNSUPPORTED", "Send JSON (application/json) or a form.")


def _form(request: HttpRequest) -> dict[str, Any]:
    if request.method == "POST":
        check_form(request)
        return request.POST.dict()
    if request.content_type != "application/x-www-form-urlencoded":
        # Django parses the other form of a POST only.
        raise Problem("CONTENT_TYPE_UNSUPPORTED", "Send JSON (application/json) or a URL-encoded form.")
    try:
        fields = QueryDict(_body(request), encoding="utf-8").dict()
    except SuspiciousOperation:
        raise Problem("BODY_INVALID", "The form can't be read.") from None
    return _stored(fields)


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        fields = json.loads(_body(request))
    except (ValueError, RecursionError):
        raise Problem("BODY_INVALID", "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Problem("BODY_INVALID", "The body must be a JSON object.")
    return _stored(fields)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except UnreadablePostError:  # the client hung up; RequestDataTooBig is for chat.api
        raise Problem("BODY_INVALID", "The body did not arrive whole.") from None


def _stored(fields: dict[str, Any]) -> dict[str, Any]:
    if not is_storable(fields):
        raise unreadable()
    return fields
