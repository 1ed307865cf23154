"""/accounts/tokens/ and /accounts/bots/<username>/tokens/ for browsers: see, make and withdraw API tokens."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect

from chat import access, actions, directory
from chat.models import TOKEN_NAME_MAX, Scope, User
from chat.pages.answers import blame, notices, page_response, person_at, sign_in_first
from chat.problems import Problem, error_page

DAYS = (7, 30, 90, 365)
SCOPES = (
    (Scope.READ.value, "Read", "rooms, messages and streams"),
    (Scope.POST.value, "Post", "write messages, change and delete one's own, join rooms"),
    (Scope.MANAGE.value, "Manage", "rooms, members, moderation, tokens: everything else"),
)
# Which field of the form a refusal is about.
FIELDS = {"NAME_INVALID": "name"}


@csrf_protect
def own_tokens(request: HttpRequest) -> HttpResponse:
    """GET lists one's own tokens; POST makes one, or takes the one to `withdraw`."""
    return _answer(request, None)


@csrf_protect
def bot_tokens(request: HttpRequest, username: str) -> HttpResponse:
    """The same for a bot of one's own."""
    return _answer(request, username)


def _answer(request: HttpRequest, username: str | None) -> HttpResponse:
    try:
        person = person_at(request)
        if not isinstance(person, User):
            return sign_in_first(request)
        user = person if username is None else directory.bot(person, username)
        access.check_token_owner(person, user)
    except Problem as problem:
        return error_page(request, problem)
    return _change(request, person, user) if request.method == "POST" else _page(request, user)


def _change(request: HttpRequest, person: User, user: User) -> HttpResponse:
    try:
        if which := request.POST.get("withdraw"):
            actions.withdraw_token(person, user, directory.token(user, which))
            messages.success(request, "The token is void now, and what it had opened was closed.", extra_tags="tokens")
            return HttpResponseRedirect(request.path, status=303)
        _, secret = actions.issue_token(
            person, user, request.POST.get("name", ""), request.POST.getlist("scopes"), _days(request)
        )
    except Problem as problem:
        return _page(request, user, problem=problem)
    # The page itself answers the form: on the way to another one the secret would have to be stored.
    return _page(request, user, secret=secret)


def _days(request: HttpRequest) -> int | None:
    days = request.POST.get("days", "")
    if days == "never":
        return None
    return int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0


def _page(request: HttpRequest, user: User, *, secret: str = "", problem: Problem | None = None) -> HttpResponse:
    now, most = timezone.now(), settings.TOKEN_DAYS_MAX
    found = directory.tokens(user)
    context: dict[str, Any] = {
        "account": user,
        "tokens": [(directory.token_id(token), token) for token in found],
        "expired": {token.pk for token in found if token.expires and token.expires <= now},
        "secret": secret,
        "scopes": SCOPES,
        "chosen": request.POST.getlist("scopes") if problem else [Scope.READ.value, Scope.POST.value],
        "days": sorted(
            {days for days in DAYS if not most or days <= most} | ({most} if 0 < most < DAYS[-1] else set())
        ),
        "chosen_days": min(actions.TOKEN_DAYS, most or actions.TOKEN_DAYS),
        "can_be_endless": not most,
        "name": request.POST.get("name", "") if problem else "",
        "name_max": TOKEN_NAME_MAX,
        **blame(problem, FIELDS),
        "notices": notices(request),
    }
    return page_response(request, "accounts/tokens.html", context, problem)
