"""What pages share: who asks, the way in for others, what a refused form shows, answers that nobody stores."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from chat import requester
from chat.problems import Problem, error_page
from chat.requester import Person


def person_at(request: HttpRequest) -> Person:
    """Who looks at a page, or posts to it, of those that take their form at their own address. Raises Problem."""
    return requester.person_of(request) if request.method == "POST" else requester.viewer_of(request)


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the page on which one signs in, and then back here. A change is refused: a redirect looks like success."""
    if request.method not in ("GET", "HEAD"):
        problem = Problem("USER_HAS_TO_LOGIN", "Sign in first: nothing was changed.")
        return error_page(request, problem, back=request.path)
    return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}", status=303)


def notices(request: HttpRequest) -> list[tuple[str, str]]:
    """What was done before the page came again: the part of the page in which it is said, and the words."""
    return [(notice.extra_tags, str(notice.message)) for notice in messages.get_messages(request)]


def blame(problem: Problem | None, fields: Mapping[str, str]) -> dict[str, str]:
    """What a form shows of a refusal: the words, and the field they belong to. `fields` has the field of each code;
    what is about none of them is about the form."""
    if problem is None:
        return {"error": "", "error_field": ""}
    return {"error": problem.detail, "error_field": fields.get(problem.code, "form")}


def page_response(
    request: HttpRequest, template: str, context: dict[str, Any], problem: Problem | None = None, *, status: int = 200
) -> HttpResponse:
    """A page, with the status and headers of what was refused. It depends on who asks: nobody may keep it."""
    response = render(request, template, context, status=problem.status if problem else status)
    response["Cache-Control"] = "no-store"
    for header, value in (problem.headers if problem else {}).items():
        response[header] = value
    return response
