"""Django's settings. Everything an operator may change is an environment variable: docs/operating.md lists them."""

import ipaddress

from django.core.exceptions import ImproperlyConfigured
from gripcontrol import parse_grip_uri

from server import env

BASE = env.BASE
VAR = env.path("CORKBOARD_VAR", BASE / "var")

SECRET_KEY = env.secret("SECRET_KEY", file=VAR / "secret_key")
DEBUG = env.boolean("DEBUG", False)

# Where people reach the service. Without PUBLIC_URL it serves this machine only.
PORT = env.integer("PORT", 7999, at_least=1, at_most=65535)
PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
_public = env.parsed_url("PUBLIC_URL", PUBLIC_URL or f"http://localhost:{PORT}", "http", "https")
if _public.path or _public.query:
    raise ImproperlyConfigured(f"PUBLIC_URL must look like https://chat.example.org, not {PUBLIC_URL!r}.")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", str(_public.hostname), *env.items("ALLOWED_HOSTS")]
_secure = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "chat.errors.permission_denied"
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
SECURE_REFERRER_POLICY = "same-origin"
# Pushpin drops the header when a client sends it and sets it itself for TLS; a TLS proxy in front of Pushpin
# is covered by PUBLIC_URL, not by trusting headers.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Proxies before Pushpin, for TLS: so many addresses before the last one in X-Forwarded-For are theirs to say.
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0, at_least=0, at_most=10)

INSTALLED_APPS = [
    "chat.apps.ChatAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "ninja",
    "chat",
]
MIDDLEWARE = [
    "chat.middleware.bare_heads",
    "chat.middleware.security_headers",
    "chat.door.Door",
    "chat.stream.grip.signed_only",
    "chat.spellings.last_slash",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "chat.middleware.Refusals",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "chat.sessions.Authentication",
    "chat.sessions.renew",
    "django.contrib.messages.middleware.MessageMiddleware",
    "chat.stream.grip.Instructions",
    "chat.signin.note_tokens",
    "chat.limits.Limits",
]
ROOT_URLCONF = "server.urls"
APPEND_SLASH = False  # a redirect turns a POST into a GET: see chat.spellings
WSGI_APPLICATION = "server.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# SQLite: a write transaction takes the lock when it begins (IMMEDIATE), so that two writers wait for each other
# instead of failing; synchronous=FULL because a 2xx is a promise that the message is on the disk.
# secure_delete: what is deleted is overwritten.
DATABASES = {"default": env.database("DATABASE_URL", file=VAR / "corkboard.sqlite3")}
if DATABASES["default"]["ENGINE"] == env.SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        " PRAGMA secure_delete=ON;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "chat.User"
AUTHENTICATION_BACKENDS = ["chat.signin.SignIn"]
# A quarter of a process's threads compute hashes of passwords at once: see chat.passwords.
HASHES_AT_ONCE = max(1, env.integer("WEB_THREADS", 8, at_least=1) // 4)
PASSWORD_HASHERS = ["chat.passwords.Hasher"]
SESSION_ENGINE = "chat.sessions"
LOGIN_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", VAR / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "server.staticfiles.ModuleStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer("BODY_MAX_BYTES", 262_144, at_least=4096)
# Not for operators: tests divide times of the engine by it (chat.times), and Pushpin its part of them.
TIMES_DIVISOR = env.integer("TIMES_DIVISOR", 1, at_least=1, at_most=20)
_log_level = env.text("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "server.redact.Formatter", "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "filters": {"seldom": {"()": "server.redact.Seldom"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["seldom"]}},
    "root": {"handlers": ["console"], "level": _log_level},
    # A refusal is the client's mistake and no news for the operator.
    "loggers": {"django.server": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}

# The proxies. Pushpin signs what it forwards with the key; a proxy without one would let anybody pose as it.
GRIP_KEY = env.shared_key("GRIP_KEY", file=VAR / "grip_key")


def _proxy(url: str) -> dict[str, str | bytes]:
    """One proxy, from `tcp://host:port` (ZMQ to a Pushpin nearby) or an http(s) control URL.

    django-grip reads `key` and `verify_key` of it, to know who signed a request. The other keys have names of our
    own, so that the library opens no connections: chat.publish is the only publisher.
    """
    parts = env.parsed_url("GRIP_URL", url, "tcp", "http", "https")
    try:
        entry = parse_grip_uri(url)
    except ValueError:
        raise ImproperlyConfigured("GRIP_URL: a key that begins with base64: must be base64.") from None
    if parts.scheme == "tcp":
        if not parts.port:
            raise ImproperlyConfigured(f"GRIP_URL: {url!r} needs a port, as in tcp://127.0.0.1:5560.")
        return {"publish_uri": f"tcp://{parts.netloc}", "key": entry.get("key", GRIP_KEY)}
    proxy = {"publish_uri": entry["control_uri"], "key": entry.get("key", GRIP_KEY)}
    if "key" in entry:
        proxy["publish_key"] = entry["key"]
    if "control_iss" in entry:
        proxy["publish_iss"] = entry["control_iss"]
    return proxy | {name: entry[name] for name in ("verify_key", "verify_iss") if name in entry}


GRIP_PROXIES = [_proxy(url) for url in env.items("GRIP_URL", "tcp://127.0.0.1:5560")]
# Where they say who is subscribed: the `stats_spec` of each, for manage.py presence.
GRIP_STATS = env.items("GRIP_STATS") or [f"ipc://{env.path('PUSHPIN_RUNDIR', VAR / 'pushpin')}/pushpin-stats"]
for _address in GRIP_STATS:
    if not _address.startswith(("tcp://", "ipc://")):
        raise ImproperlyConfigured(f"GRIP_STATS takes addresses like tcp://127.0.0.1:5562, not {_address!r}.")
GRIP_PROXY_REQUIRED = True
# Whether requests that no proxy has signed are refused: a front of the operator's own may send some past Pushpin.
PROXY_REQUIRED = env.boolean("PROXY_REQUIRED", True)
EVENTSTREAM_STORAGE_CLASS = "chat.eventlog.EventLog"
EVENTSTREAM_CHANNELMANAGER_CLASS = "chat.channels.RoomChannelManager"

# Pages of other sites that may use the API and the streams: with tokens, never with cookies.
CORS_ALLOWED_ORIGINS = env.items("CORS_ORIGINS")
CORS_URLS_REGEX = r"^/(api|events|presence|rooms|strangers)/"
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "idempotency-key", "last-event-id", "prefer"]
CORS_EXPOSE_HEADERS = ["last-event-id", "link", "preference-applied", "retry-after"]

# Chat
# For how many days an account stays signed in after the last use of a session.
SESSION_DAYS = env.integer("SESSION_DAYS", 14, at_least=1, at_most=3650)
SESSION_COOKIE_AGE = SESSION_DAYS * 86_400
# Whether people make accounts themselves, and be guests; the session of a guest, and the guest, last for GUEST_DAYS.
SIGN_UP = env.boolean("SIGN_UP", True)
GUESTS = env.boolean("GUESTS", True)
GUEST_DAYS = env.integer("GUEST_DAYS", 30, at_least=1, at_most=3650)
# Who makes bots; and for how many days an API token can be good, 0 for tokens without an end.
BOTS = env.text("BOTS", "accounts", choices=("accounts", "staff", "off"))
TOKEN_DAYS_MAX = env.integer("TOKEN_DAYS_MAX", 365, at_least=0, at_most=3650)
# Whether people can meet strangers at /strangers.
STRANGERS = env.boolean("STRANGERS", True)
ROOM_CREATION = env.text("ROOM_CREATION", "anyone", choices=("anyone", "accounts", "staff"))
RETENTION_HOURS = env.integer("RETENTION_HOURS", 24, at_least=1, at_most=876_000)
EDIT_MINUTES = env.integer("EDIT_MINUTES", 60, at_least=0, at_most=525_600)
MESSAGE_MAX_CHARS = env.integer("MESSAGE_MAX_CHARS", 8000, at_least=1, at_most=50_000)
# How often somebody may do something, as 60/minute; 0 for no limit. Of one address more, since many people share one.
POST_LIMIT = env.rate("POST_LIMIT", "120/minute")
TOKEN_POST_LIMIT = env.rate("TOKEN_POST_LIMIT", "120/minute")
ADDRESS_POST_LIMIT = env.rate("ADDRESS_POST_LIMIT", "1200/minute")
WRITE_LIMIT = env.rate("WRITE_LIMIT", "240/minute")
ADDRESS_WRITE_LIMIT = env.rate("ADDRESS_WRITE_LIMIT", "2400/minute")
ADDRESS_SIGN_UP_LIMIT = env.rate("ADDRESS_SIGN_UP_LIMIT", "30/hour")
ADDRESS_ROOM_LIMIT = env.rate("ADDRESS_ROOM_LIMIT", "30/hour")
# A room in which only visitors posted, and nobody for so long, loses its messages.
VISITOR_ROOM_DAYS = env.integer("VISITOR_ROOM_DAYS", 30, at_least=1, at_most=3650)
# Whether it is announced who enters and leaves; never in rooms with more people present than this.
NOTICES = env.boolean("NOTICES", True)
NOTICES_MAX = env.integer("NOTICES_MAX", 30, at_least=0, at_most=1000)

# Webhooks
# Where outgoing ones may go besides the public internet, as in 10.0.0.0/8.
try:
    HOOK_ALLOWED_NETWORKS = [ipaddress.ip_network(network) for network in env.items("HOOK_ALLOWED_NETWORKS")]
except ValueError as _error:
    raise ImproperlyConfigured(f"HOOK_ALLOWED_NETWORKS takes networks like 10.0.0.0/8: {_error}.") from None
# Whether incoming ones may be called with the secret in the address, for senders that can't send a header.
HOOK_SECRET_IN_URL = env.boolean("HOOK_SECRET_IN_URL", False)
