"""Sessions in the database that come with their person: one statement for both, so both are equally fresh.

A session lasts a number of days from its last use, whatever it is used for. So that not every request writes, what is
used is renewed once a day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from chat.models import Session, User

RENEW_EVERY = timedelta(days=1)
# For so long after a renewal all answers that hold a long-poll set the cookie, and not only the first: Pushpin asks
# again for one that it has just begun to hold, and forgets the answer before.
TELL_FOR = timedelta(minutes=1)


class SessionStore(DatabaseStore):
    """Django's store of sessions in the database, with a model of our own (SESSION_ENGINE).

    The class keeps its name: Django derives the salt of the signature from it, so that older sessions stay good.
    """

    _user: User | None = None
    _until: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """The rows."""
        return Session

    def load(self) -> dict[str, Any]:
        """The session's data, and with them its person."""
        live = Session.objects.filter(session_key=self.session_key, expire_date__gt=timezone.now())
        row = live.select_related("user").first()
        if row is None:
            self._session_key = None
            return {}
        self._user, self._until = row.user, row.expire_date
        return dict(self.decode(row.session_data))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row to be stored; it says whose it is."""
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row

    def renew(self, user: User, *, again: bool = False) -> int | None:
        """Let the session last from now on, unless that was done less than a day ago. The seconds that the cookie lasts
        from now on; None when the browser has it already. `again`: it may not have come with the answer before.

        One UPDATE, and none of a session that has ended meanwhile: it stays ended.
        """
        lasts = age_of(user)
        until = timezone.now() + lasts
        every = RENEW_EVERY if lasts > RENEW_EVERY else lasts / 4
        is_ahead = self._until is not None and self._until - until > RENEW_EVERY  # of a clock that was set back
        if self._until is None or (until - self._until < every and not is_ahead):
            is_new = self._until is not None and until - self._until < TELL_FOR
            return int(lasts.total_seconds()) if again and is_new else None
        rows = Session.objects.filter(session_key=self.session_key, expire_date=self._until)
        return int(lasts.total_seconds()) if rows.update(expire_date=until) else None

    def verified_user(self) -> User | None:
        """Who is signed in, as read with the session; None for nobody.

        The checks of django.contrib.auth.get_user: an open account, a backend in use, and a session not older than
        the password. A session that fails the last is ended.
        """
        backend, digest = self.get(BACKEND_SESSION_KEY), self.get(HASH_SESSION_KEY, "")
        user = self._user  # known by now: the look at the data has loaded the row
        if user is None or not user.is_active or backend not in settings.AUTHENTICATION_BACKENDS:
            return None
        if constant_time_compare(digest, user.get_session_auth_hash()):
            return user
        self.flush()
        return None


def age_of(user: User) -> timedelta:
    """For how long a session of `user` lasts after its last use."""
    return timedelta(days=settings.GUEST_DAYS if user.is_guest else settings.SESSION_DAYS)


def renew(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a session that is used lasts on, in the database and in the browser, also when it only reads.

    It stands outside django-grip's, which answers the frames of a socket anew: so a handshake sets the cookie, too.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user = getattr(request, "_cached_user", None)  # asked for by the view, or it is nobody's business
        store: SessionStore = request.session  # type: ignore[assignment]
        if not isinstance(user, User) or store.modified or response.status_code >= 500:
            return response
        try:
            lasts = store.renew(user, again=response.headers.get("Grip-Hold") == "response")
        except DatabaseError:  # what was asked is done and answered
            return response
        if lasts is not None and store.session_key:
            response.set_cookie(
                settings.SESSION_COOKIE_NAME,
                store.session_key,
                max_age=lasts,
                domain=settings.SESSION_COOKIE_DOMAIN,
                path=settings.SESSION_COOKIE_PATH,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=settings.SESSION_COOKIE_HTTPONLY,
                samesite="Lax",  # as SESSION_COOKIE_SAMESITE: other sites' pages send no cookies
            )
        return response

    return middleware


class Authentication(AuthenticationMiddleware):
    """Django's `request.user`, looked up when it is first used, without a statement of its own."""

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`."""
        super().process_request(request)
        request.user = SimpleLazyObject(partial(_user_of, request))  # type: ignore[assignment]


def _user_of(request: HttpRequest) -> User | AnonymousUser:
    found: User | AnonymousUser | None = getattr(request, "_cached_user", None)
    if found is None:
        store: SessionStore = request.session  # type: ignore[assignment]
        found = request._cached_user = store.verified_user() or AnonymousUser()  # type: ignore[attr-defined]
    return found
