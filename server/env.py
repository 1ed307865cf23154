"""Readers of the environment that fail loudly on a bad value.

Every setting `NAME` may also be given as `NAME_FILE`, the path of a file that holds the value; this is how
secrets are handed over by compose files and orchestrators.
"""

import os
import re
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

BASE = Path(__file__).resolve().parent.parent
SQLITE = "server.sqlite"
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


class Rate(NamedTuple):
    """So often within so many seconds; `most` is 0 for as often as one likes."""

    most: int
    seconds: int


def text(name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
    """The value of `name` as text, stripped. Raises ImproperlyConfigured when it is not one of `choices`."""
    value = os.environ.get(name, "").strip()
    if not value and (path := os.environ.get(f"{name}_FILE", "").strip()):
        value = _read(name, Path(path)).strip()
    value = value or default
    if choices and value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def integer(name: str, default: int, *, at_least: int = 0, at_most: int = 2**53) -> int:
    """The value of `name` as an integer within the given bounds."""
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not at_least <= number <= at_most:
        raise ImproperlyConfigured(f"{name} must be between {at_least} and {at_most}, not {number}.")
    return number


def rate(name: str, default: str) -> Rate:
    """The value of `name` as a rate, written `60/minute` or `100/10 seconds`; 0 for no limit."""
    value = text(name, default).lower()
    if value == "0":
        return Rate(0, 1)
    found = re.fullmatch(r"(\d{1,9}) ?/ ?(?:(\d{1,4}) ?)?(second|minute|hour|day)s?", value, re.ASCII)
    most, times = (int(found[1]), int(found[2] or 1)) if found else (0, 0)
    if found is None or most < 1 or times < 1:
        raise ImproperlyConfigured(f"{name} must look like 60/minute or 100/10 seconds, or be 0, not {value!r}.")
    return Rate(most, times * SECONDS[found[3]])


def boolean(name: str, default: bool) -> bool:
    """The value of `name` as a truth value: 1/true/yes/on or 0/false/no/off."""
    value = text(name, "true" if default else "false").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def items(name: str, default: str = "") -> list[str]:
    """The value of `name` as a list, written with commas or spaces."""
    return text(name, default).replace(",", " ").split()


def path(name: str, default: Path) -> Path:
    """The value of `name` as an absolute path. Blanks belong to it: only line ends behind what a file holds don't."""
    value = os.environ.get(name, "")
    if not value and (file := os.environ.get(f"{name}_FILE", "").strip()):
        value = _read(name, Path(file)).rstrip("\r\n")
    check_path(name, value or str(default))
    return Path(value or default).absolute()


def check_path(name: str, value: str) -> None:
    """Raise ImproperlyConfigured for a path that logs, scripts and configurations can't name."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise ImproperlyConfigured(
            f"{name} can't be a path with line ends, other control characters, or bytes that are no UTF-8: {value!r}."
        )


def secret(name: str, *, file: Path, at_least: int = 32) -> str:
    """A secret from the environment or, failing that, from `file`, which `make run` generates.

    Raises ImproperlyConfigured when there is none or when it is shorter than `at_least` characters.
    """
    value = text(name)
    if not value and file.is_file():
        value = _read(name, file).strip()
    if len(value) < at_least:
        raise _unfit(name, file, f"at least {at_least} characters")
    return value


def shared_key(name: str, *, file: Path, at_least: int = 32) -> str:
    """As secret, for a key that pushpin/entrypoint.sh reads too.

    Both take it as it is, but for line ends behind it, and refuse what one of them could read otherwise than the other.
    """
    value = os.environ.get(name, "")
    if not value:
        given = Path(os.environ.get(f"{name}_FILE") or file)
        value = _read(name, given) if given != file or file.is_file() else ""
    value = value.rstrip("\r\n")
    if len(value) < at_least or not re.fullmatch(r"[!-~]+", value):
        raise _unfit(name, file, f"at least {at_least} characters of printable ASCII without blanks")
    return value


def _unfit(name: str, file: Path, what: str) -> ImproperlyConfigured:
    if not (os.environ.get(name) or os.environ.get(f"{name}_FILE")) and file.is_file():
        remedy = f"{file} does not hold that. Remove it, and `make run` makes another"
    else:
        remedy = f"set {name} or {name}_FILE, or start with `make run`, which generates {file}"
    return ImproperlyConfigured(f"{name} needs {what}: {remedy}.")


def database(name: str, *, file: Path) -> dict[str, Any]:
    """Django's settings of a database: the one of the URL in `name`, or SQLite in `file`, whatever that is called.

    No path is put into a URL, where it would end at a `#`. Raises ImproperlyConfigured without a word of the URL, which
    may hold a password.
    """
    url = text(name)
    if not url:
        return {"ENGINE": SQLITE, "NAME": str(file), "CONN_MAX_AGE": 600}
    must = f"{name} must look like postgres://user:password@host/name"
    if "#" in url:
        raise ImproperlyConfigured(f"{must}, without a #: in a name, a password or a path it is written %23.")
    if url.startswith("sqlite") and "?" in url:
        raise ImproperlyConfigured(f"{name}: a path to SQLite has no ?: it is written %3F.")
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=600))
    except ValueError:
        raise ImproperlyConfigured(f"{must}.") from None
    if found["ENGINE"] == "django.db.backends.sqlite3":
        found["ENGINE"] = SQLITE
        if found["NAME"] != ":memory:":
            check_path(name, found["NAME"])
            found["NAME"] = str(Path(found["NAME"]).absolute())
    return found


def _read(name: str, path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: can't read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}: {path} is not UTF-8 text.") from None


def parsed_url(name: str, url: str, *schemes: str) -> SplitResult:
    """The parts of `url`, a value of `name`. Raises ImproperlyConfigured without a host or one of `schemes`."""
    try:
        parts = urlsplit(url)
        complete = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise ImproperlyConfigured(f"{name} takes URLs with a host that begin with {', '.join(schemes)}, not {url!r}.")
    return parts
