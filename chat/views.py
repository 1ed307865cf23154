"""The pages: join and chat, the first administrator, health, and what is shown when something is wrong."""

import secrets

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from chat import actions, history, publish, requester, shown
from chat.models import Room, User
from chat.names import PERSON_NAME_MAX
from chat.problems import Problem, error_page, problem_response


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """GET /: the join page of the first room, or on to it."""
    if "user" in request.GET:
        return HttpResponseRedirect(f"{reverse('room', args=[actions.DEFAULT_ROOM])}?{request.GET.urlencode()}")
    return room(request, actions.DEFAULT_ROOM)


@require_safe
def room(request: HttpRequest, name: str) -> HttpResponse:
    """GET /<room>: who is signed in goes into the chat; others with `?user=`, and without it to the join page."""
    try:
        person = requester.viewer_of(request)
    except Problem as problem:
        return error_page(request, problem)
    if isinstance(person, User):
        return chat_page(request, name, person.shown_name)
    if user := request.GET.get("user", ""):
        try:
            user = shown.visitor_name(user)
        except ValueError as error:
            return _join_page(request, name, error=str(error))
        return chat_page(request, name, user)
    return _join_page(request, name)


def chat_page(
    request: HttpRequest, name: str, user_name: str, *, error: Problem | None = None, draft: str = ""
) -> HttpResponse:
    """The chat of one room with its last messages; `error` and `draft` after a post that was refused."""
    try:
        before = _number(request.GET.get("before", ""))
        transport = shown.transport_of(request)
        person = requester.viewer_of(request)
        page = history.read(person, name, before=before)
    except Problem as problem:
        return error_page(request, problem)
    if page.room.kind == Room.Kind.STRANGERS:
        return HttpResponseRedirect(reverse("strangers"))
    if isinstance(person, User):
        user_name = person.shown_name
    context = {
        **shown.page_context(user_name, transport),
        **shown.room_context(person, page),
        "client_id": secrets.token_urlsafe(12),
        "error": error.detail if error else "",
        "draft": draft,
        "older_url": _older_url(request, page, user_name),
        "reload_url": f"{reverse('room', args=[page.room.name])}?{urlencode({'user': user_name})}",
        "change_url": _change_url(page.room.name, transport),
    }
    response = render(request, "chat.html", context, status=error.status if error else 200)
    response["Cache-Control"] = "no-store"
    for header, value in (error.headers if error else {}).items():
        response[header] = value
    return response


def _join_page(request: HttpRequest, name: str, error: str = "") -> HttpResponse:
    try:
        transport = shown.transport_of(request)
        page = history.read(requester.viewer_of(request), name, limit=1)
    except Problem as problem:
        return error_page(request, problem)
    context = {
        "room": page.room,
        "name_max": PERSON_NAME_MAX,
        "error": error,
        "transport": transport,
        "sign_up_on": settings.SIGN_UP,
        "guests_on": settings.GUESTS,
        "strangers_on": settings.STRANGERS,
    }
    return render(request, "join.html", context, status=422 if error else 200)


def _older_url(request: HttpRequest, page: history.Page, user_name: str) -> str:
    if not page.messages or not page.has_older:
        return ""
    query = urlencode({"user": user_name, "before": page.messages[-1]["id"]})
    return f"{reverse('room', args=[page.room.name])}?{query}"


def _change_url(name: str, transport: str) -> str:
    query = f"?{urlencode({'transport': transport})}" if transport else ""
    return f"{reverse('room', args=[name])}{query}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@require_http_methods(["GET", "POST"])
def setup_administrator(request: HttpRequest, token: str) -> HttpResponse:
    """/accounts/setup/<token>/: the one-time link of `make run`, which makes the first administrator."""
    if not actions.is_setup_token(token):
        return error_page(request, Problem("NOT_FOUND", "This link was used already, or it is not complete."))
    name, error = "", ""
    if request.method == "POST":
        name, password = request.POST.get("username", ""), request.POST.get("password", "")
        try:
            validate_password(password)
            login(request, actions.make_first_administrator(name, password))
            return HttpResponseRedirect(reverse("home"))
        except ValidationError as problem:
            error = " ".join(problem.messages)
    context = {"error": error, "username": name, "name_max": PERSON_NAME_MAX}
    return render(request, "setup.html", context, status=422 if error else 200)


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """GET /health/live: the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """GET /health/ready: 503 only when the database doesn't answer; the proxies' state is in the body."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    body = {"status": "ok" if database else "unavailable", "database": database, "proxies": publish.states()}
    return JsonResponse(body, status=200 if database else 503, headers={"Cache-Control": "no-store"})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if isinstance(exception, RequestDataTooBig):
        return error_page(request, Problem("BODY_TOO_LARGE", "The body is too large."))
    return error_page(request, Problem("BODY_INVALID", "The request can't be read."))


def permission_denied(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """handler403 and CSRF_FAILURE_VIEW."""
    words = "This form is too old. Go back, load the page anew, and try again." if reason else "You may not do this."
    return error_page(request, Problem("ROOM_ACCESS_DENIED", words))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    return error_page(request, Problem("NOT_FOUND", "There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: something is wrong with us; the log has the rest."""
    return problem_response(
        Problem("SERVICE_UNAVAILABLE", "Something went wrong here. It was logged.", headers={"Retry-After": "5"})
    )
