"""Reads request bodies: JSON and forms alike, as one dictionary."""

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParserError
from ninja.parser import Parser

from chat.problems import Problem

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def too_large() -> Problem:
    """The refusal of a body over BODY_MAX_BYTES."""
    return Problem("BODY_TOO_LARGE", "The body is too large.")


class BodyParser(Parser):
    """The parser of the API. Raises Problem; ninja wraps it in an HttpError whose cause it is."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The fields of the body, whatever of the two forms it has."""
        if request.content_type in FORMS:
            return _form(request)
        if request.content_type == "application/json":
            return _json(request.body)
        raise Problem("CONTENT_TYPE_UNSUPPORTED", "Send JSON (application/json) or a form.")


def _form(request: HttpRequest) -> dict[str, Any]:
    try:
        if request.method == "POST":
            return request.POST.dict()
        if request.content_type == "application/x-www-form-urlencoded":
            return QueryDict(request.body, encoding="utf-8").dict()
        # Django parses the other form of a POST only.
        raise Problem("CONTENT_TYPE_UNSUPPORTED", "Send JSON (application/json) or a URL-encoded form.")
    except RequestDataTooBig:
        raise too_large() from None
    except (MultiPartParserError, SuspiciousOperation):
        raise Problem("BODY_INVALID", "The form can't be read.") from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem("BODY_INVALID", "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Problem("BODY_INVALID", "The body must be a JSON object.")
    return fields
