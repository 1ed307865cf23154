"""Signing in with a password, in limits. Every sign-in goes through the backend: ours and the admin's.

Also what is noted of programs: that a token was used.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.backends import ModelBackend
from django.core import signing
from django.http import HttpRequest, HttpResponse

from chat import actions, passwords
from chat.actions.limits import Limit, attempt, forget, give_back, slow_down
from chat.models import User
from chat.problems import Problem
from chat.requester import network_of
from chat.sessions import age_of

# Wrong passwords for one user name from one address, and for all from one address, in five minutes. Many people can
# share an address; and nobody is locked out for longer.
PER_NAME, PER_ADDRESS, SECONDS = 5, 50, 300
# Wrong passwords for one name from everywhere: above it chance decides (limits.slow_down), so that guesses from very
# many addresses get nowhere fast, and nobody can lock the owner out.
PER_NAME_ANYWHERE, ANYWHERE_SECONDS = 50, 600
# Right passwords of one account: each sign-in can be followed by a sign-out, which has all readers of the person's
# rooms come again. Whoever is refused by it knows the password.
SIGN_INS, SIGN_INS_SECONDS = 30, 600
# The same for changes of a password.
CHANGES, CHANGES_SECONDS = 20, 3600
# Changes of the name that others see: each one keeps a name from everybody else for a while.
NAMES, NAMES_SECONDS = 20, 86_400

DEVICE_COOKIE = "device"
DEVICE_AGE = timedelta(days=365)
_DEVICE_SALT = "corkboard.device"


class SignIn(ModelBackend):
    """Django's own check of a password, with limits on how often it may be wrong."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The account, None when name or password is wrong. Raises Problem TOO_MANY_ATTEMPTS and SERVICE_UNAVAILABLE.

        They pass through django.contrib.auth.authenticate and every view on it: chat.middleware answers them.
        """
        if request is None or username is None or password is None:
            return super().authenticate(request, username, password, **kwargs)
        with passwords.turn():
            limits = _attempt(request, User.normalize_username(username).casefold())
            user = super().authenticate(request, username, password, **kwargs)
        if user is not None:
            forget(limits[0])
            give_back(limits[1:])  # not all: an account of one's own must not buy tries at others'
            attempt([Limit("signed in", str(user.pk), SIGN_INS, SIGN_INS_SECONDS)])
        return user


def _attempt(request: HttpRequest, name: str) -> list[Limit]:
    """Count an attempt, and say under which limits. Raises Problem TOO_MANY_ATTEMPTS.

    A browser in which this account has signed in before has a count of its own: whoever fails on purpose, even from
    the same address, locks its owner out of no browser that they use, and slows none down.
    """
    if device := _device(request, name):
        limit = Limit("sign in on a device", device, PER_NAME, SECONDS)
        attempt([limit])
        return [limit]
    where = network_of(request)
    here = Limit("sign in", f"{name}\0{where}", PER_NAME, SECONDS)
    everybody_here = Limit("sign in from", where, PER_ADDRESS, SECONDS)
    anywhere = Limit("sign in anywhere", name, PER_NAME_ANYWHERE, ANYWHERE_SECONDS)
    attempt([here, everybody_here])
    try:
        slow_down(anywhere)
    except Problem:
        give_back([here])  # the password was not looked at; but how often chance is asked is limited
        raise
    return [here, everybody_here, anywhere]


def limit_new(request: HttpRequest, what: str) -> None:
    """Count an attempt to make an account or a guest. Raises Problem TOO_MANY_ATTEMPTS."""
    if settings.ADDRESS_SIGN_UP_LIMIT.most:
        attempt([Limit(what, network_of(request), *settings.ADDRESS_SIGN_UP_LIMIT)])


def limits_of_names(user: User) -> list[Limit]:
    """What another name of `user` counts under."""
    return [Limit("change a name", str(user.pk), NAMES, NAMES_SECONDS)]


def begin_guest(request: HttpRequest, user: User) -> None:
    """Sign a guest in, under a new session key, for as long as guests are kept."""
    login(request, user)
    request.session.set_expiry(int(age_of(user).total_seconds()))


def is_own_password(user: User, password: str) -> bool:
    """Whether it is the password of who is signed in. Raises Problem TOO_MANY_ATTEMPTS and SERVICE_UNAVAILABLE."""
    limit = Limit("own password", str(user.pk), PER_NAME, SECONDS)
    with passwords.turn():
        attempt([limit])
        is_right = user.check_password(password)
    if not is_right:
        return False
    forget(limit)
    attempt([Limit("own password was right", str(user.pk), CHANGES, CHANGES_SECONDS)])
    return True


def remember_device(response: HttpResponse, user: User) -> HttpResponse:
    """Let the browser prove at its next sign-in that this account has used it before."""
    name = user.get_username().casefold()
    response.set_cookie(
        DEVICE_COOKIE,
        signing.dumps([name, secrets.token_urlsafe(12)], salt=_DEVICE_SALT),
        max_age=DEVICE_AGE,
        path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _device(request: HttpRequest, name: str) -> str | None:
    try:
        known, device = signing.loads(request.COOKIES.get(DEVICE_COOKIE, ""), salt=_DEVICE_SALT, max_age=DEVICE_AGE)
    except (signing.BadSignature, ValueError):
        return None
    return str(device) if known == name else None


def note_tokens(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: note once an hour that a token is used, after the answer was sent: nobody waits for it, and it is no
    statement of a post."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user: User | None = getattr(request, "bearer", None)
        if user is not None and user.token is not None:
            # Django calls these when the server closes the answer, and lets their errors pass.
            response._resource_closers.append(partial(actions.token_used, user.token))  # type: ignore[attr-defined]
        return response

    return middleware
