"""Settings of the unit tests: the real ones, read from an environment of their own."""

import os
from unittest import mock

_ENVIRONMENT = {
    "SECRET_KEY": "a secret key that only the tests know, long enough",
    "GRIP_KEY": "a-grip-key-that-only-the-tests-know,-and-long-enough",
    "GRIP_URL": "tcp://127.0.0.1:9",
    "DATABASE_URL": "sqlite://:memory:",
    # Most tests are about what comes after the proxy; test_unsigned.py is about this.
    "PROXY_REQUIRED": "false",
    # So that tests count the statements of what is asked, and not of the limit before it; test_limits.py counts these.
    "WRITE_LIMIT": "0",
    "ADDRESS_WRITE_LIMIT": "0",
    "ADDRESS_ROOM_LIMIT": "0",
}

with mock.patch.dict(os.environ, _ENVIRONMENT, clear=True):
    from server.settings import *  # noqa: F403

# pytest-django knows Django's own SQLite; of another engine's name it would make a file for each worker.
DATABASES["default"]["TEST"] = {"NAME": ":memory:"}  # noqa: F405

# Quick stand-ins for what is slow on purpose or made by collectstatic.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = BASE / "chat" / "static"  # noqa: F405 - WhiteNoise wants a folder that exists
WHITENOISE_AUTOREFRESH = True  # looks up what is asked for; else each client of a test lists all files first
