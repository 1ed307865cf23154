"""What services of tests begin with, made once in a run: an SQLite database, static files, a PostgreSQL cluster.

Making them takes longer than all the rest of a start. The processes of one run share them in a folder; a process that
is no part of a run makes its own.
"""

import atexit
import fcntl
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.console import Console

SHARED = "CORKBOARD_TESTS_PREPARED"  # names the folder to the processes that a run starts
SECRETS = {"SECRET_KEY": "s" * 40, "GRIP_KEY": "g" * 40}
# What a database needs before its first use.
SET_UP = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("setup")
"""
STATIC = 'call_command("collectstatic", interactive=False, verbosity=0)'


def make_folder() -> Path:
    """A new folder for what is prepared. Others may pass through it: PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="corkboard-prepared-"))
    folder.chmod(0o711)
    return folder


@functools.cache
def folder() -> Path:
    """The folder of this run."""
    if shared := os.environ.get(SHARED):
        return Path(shared)
    made = make_folder()
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def once(name: str, make: Callable[[Path], None]) -> Path:
    """`folder()/name`, filled by `make`: by the first process that asks, while others wait."""
    path = folder() / name
    with (folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = folder() / f"{name}.new"
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(path)
    return path


def files() -> Path:
    """A folder with `corkboard.sqlite3` and `static`."""
    return once("files", _make_files)


def set_up(environment: dict[str, str], more: str = "") -> None:
    """Make the tables of a database, and run `more`, in a process with this environment."""
    console = Console({**os.environ, **SECRETS, "DJANGO_SETTINGS_MODULE": "server.settings", **environment})
    try:
        console.run(SET_UP + more)
    finally:
        console.close()


def _make_files(path: Path) -> None:
    set_up({"CORKBOARD_VAR": str(path), "DATABASE_URL": ""}, STATIC)


if __name__ == "__main__":
    sys.stdout.write(f"{make_folder()}\n")
