"""The folders and files of `make run`: any name works or is refused, secrets are whole, and nobody else reads them."""

import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from server.env import check_path

OTHERS = 0o007  # what everybody on the machine may do with a file
# Pushpin and its parts take the folder from a configuration language, in lists, and as addresses. Nothing here has a
# meaning in any of them. A socket's path may have 103 characters on some systems; the longest name in it has 28.
PLAIN = re.compile(r"/[A-Za-z0-9/._~+-]{0,74}")


def prepare(var: Path) -> None:
    """Make the folders below `var`, and keep others out of what is there. Raises OSError."""
    os.umask(0o077)  # also of all that is started here
    for folder in (var, var / "run", var / "log"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = [
        var / "run",
        var / "log",
        var / "pushpin",
        *var.iterdir(),
        *(var / "run").iterdir(),
        *(var / "log").iterdir(),
    ]
    for path in kept:
        with suppress(OSError):  # gone meanwhile, or somebody else's
            mode = path.stat(follow_symlinks=False).st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode) and path.name != "static":
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def pushpin_folder(var: Path, chosen: str) -> Path:
    """Where Pushpin's configuration and sockets go: `chosen`, or else below `var`.

    Where that has a name that Pushpin can't take, it is a private folder in /tmp. Raises ImproperlyConfigured.
    """
    if chosen:
        check_path("PUSHPIN_RUNDIR", chosen)
        folder = Path(chosen).absolute()
        if not PLAIN.fullmatch(str(folder)):
            raise ImproperlyConfigured(
                f"PUSHPIN_RUNDIR takes a path of at most 75 letters, digits and / . _ ~ + -, not {chosen!r}."
            )
        return folder
    folder = var / "pushpin"
    if PLAIN.fullmatch(str(folder)):
        return folder
    folder = Path(f"/tmp/corkboard-{os.getuid()}-{hashlib.sha256(os.fsencode(var)).hexdigest()[:12]}")  # noqa: S108
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ImproperlyConfigured(f"{folder} is somebody else's: set PUSHPIN_RUNDIR to another folder.")
    folder.chmod(0o700)
    return folder


def make_secret(path: Path) -> None:
    """Make a secret where there is none, or an empty file: one that was being written when the power failed. Raises
    OSError."""
    with suppress(FileNotFoundError):
        if path.read_bytes().strip():
            return
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{secrets.token_urlsafe(48)}\n")
            file.flush()
            os.fsync(handle)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
