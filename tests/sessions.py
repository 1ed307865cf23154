"""Sessions without a sign-in, made inside the service's Django. From outside: Service.sessions."""

import json
import sys
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from chat.models import User
from chat.sessions import SessionStore, age_of


def session_of(user: User) -> str:
    """The key of a new session of `user`: the value of their cookie."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "chat.signin.SignIn"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.set_expiry(int(age_of(user).total_seconds()))
    store.create()
    return str(store.session_key)


def give(names: list[str], fields: dict[str, Any]) -> None:
    """Print a session for each of the user names; accounts that are missing are made, with these fields."""
    made = {}
    for name in names:
        user = User.objects.filter(username=name).first() or User.objects.create_user(name, **fields)
        made[name] = session_of(user)
    sys.stdout.write(json.dumps(made))
