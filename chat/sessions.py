"""Sessions in the database that come with their person: one statement for both, so both are equally fresh."""

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from chat.models import Session, User


class SessionStore(DatabaseStore):
    """Django's store of sessions in the database, with a model of our own (SESSION_ENGINE).

    The class keeps its name: Django derives the salt of the signature from it, so that older sessions stay good.
    """

    _user: User | None = None

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
        self._user = row.user
        return dict(self.decode(row.session_data))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row to be stored; it says whose it is."""
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row

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
