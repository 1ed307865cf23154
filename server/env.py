"""Readers of the environment that fail loudly on a bad value.

Every setting `NAME` may also be given as `NAME_FILE`, the path of a file that holds the value; this is how
secrets are handed over by compose files and orchestrators.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE = Path(__file__).resolve().parent.parent
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


def secret(name: str, *, file: Path, at_least: int = 32) -> str:
    """A secret from the environment or, failing that, from `file`, which `make run` generates.

    Raises ImproperlyConfigured when there is none or when it is shorter than `at_least` characters.
    """
    value = text(name) or _from(name, file).strip()
    if len(value) < at_least:
        raise _short(name, file, f"at least {at_least} characters")
    return value


def shared_key(name: str, *, file: Path, at_least: int = 32) -> str:
    """As secret, for a key that pushpin/entrypoint.sh reads too.

    Both take it as it is, but for line ends behind it, and refuse what one of them could read otherwise than the other.
    """
    value = os.environ.get(name, "")
    if not value:
        path = os.environ.get(f"{name}_FILE", "")
        value = _read(name, Path(path)) if path else _from(name, file)
    value = value.rstrip("\r\n")
    if len(value) < at_least or not re.fullmatch(r"[!-~]+", value):
        raise _short(name, file, f"at least {at_least} characters of printable ASCII without blanks")
    return value


def _from(name: str, file: Path) -> str:
    return _read(name, file) if file.is_file() else ""


def _short(name: str, file: Path, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} needs {what}: set {name} or {name}_FILE, or start with `make run`, which generates {file}."
    )


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
