"""Signing in with a password, in limits. Every sign-in goes through the backend: ours and the admin's."""

import ipaddress
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.backends import ModelBackend
from django.core import signing
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from chat import access, actions
from chat.actions.attempts import Limit, attempt, forget, forgive
from chat.models import User

# Wrong passwords for one user name from one address, and for all from one address, in five minutes. Many people can
# share an address; and nobody is locked out for longer.
PER_NAME, PER_ADDRESS, SECONDS = 5, 50, 300
# Accounts, or guests, that one address may try to make in an hour.
NEW_PER_ADDRESS, NEW_SECONDS = 30, 3600

DEVICE_COOKIE = "device"
DEVICE_AGE = timedelta(days=365)
_DEVICE_SALT = "corkboard.device"


class SignIn(ModelBackend):
    """Django's own check of a password, with limits on how often it may be wrong."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The account, None when name or password is wrong. Raises Problem TOO_MANY_ATTEMPTS, which passes through
        django.contrib.auth.authenticate and every view on it, and is answered by chat.middleware."""
        if request is None or username is None or password is None:
            return super().authenticate(request, username, password, **kwargs)
        limits = _limits(request, username)
        attempt(*limits)
        user = super().authenticate(request, username, password, **kwargs)
        if user is not None:
            forget(limits[0])
            forgive(*limits[1:])  # not all: an account of one's own must not buy tries at others'
        return user


def _limits(request: HttpRequest, username: str) -> list[Limit]:
    """A browser in which this account has signed in before has a count of its own: whoever fails on purpose, even
    from the same address, locks its owner out of no browser that they use."""
    name = User.normalize_username(username).casefold()
    if device := _device(request, name):
        return [Limit("sign in on a device", device, PER_NAME, SECONDS)]
    where = network_of(request)
    return [
        Limit("sign in", f"{name}\0{where}", PER_NAME, SECONDS),
        Limit("sign in from", where, PER_ADDRESS, SECONDS),
    ]


def limit_new(request: HttpRequest, what: str) -> None:
    """Count an attempt to make an account or a guest. Raises Problem TOO_MANY_ATTEMPTS."""
    attempt(Limit(what, network_of(request), NEW_PER_ADDRESS, NEW_SECONDS))


def begin_guest(request: HttpRequest, user: User) -> None:
    """Sign a guest in, under a new session key, for as long as guests are kept."""
    login(request, user)
    request.session.set_expiry(settings.GUEST_DAYS * 86_400)


def is_own_password(user: User, password: str) -> bool:
    """Whether it is the password of who is signed in. Raises Problem TOO_MANY_ATTEMPTS."""
    limit = Limit("own password", str(user.pk), PER_NAME, SECONDS)
    attempt(limit)
    if not user.check_password(password):
        return False
    forget(limit)
    return True


def network_of(request: HttpRequest) -> str:
    """Where the request comes from: the address, of IPv6 the network of 64 bits that one customer has."""
    address = access.address_of(request)
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False)) if version == 6 else address


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


def keep_guests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a guest who does something stays one. Only what changes something counts, and a frame of a socket;
    a GET writes nothing."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user = getattr(request, "_cached_user", None)  # asked for by the view, or it is nobody's business
        if request.method == "POST" and response.status_code < 400 and isinstance(user, User) and user.is_guest:
            try:
                if actions.seen(user):
                    request.session.set_expiry(settings.GUEST_DAYS * 86_400)
            except DatabaseError:  # what was asked is done and answered
                pass
        return response

    return middleware
