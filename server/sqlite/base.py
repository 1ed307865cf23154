"""Django's SQLite, in a file that other people of the machine can't read, whatever the umask and the folder are.

Every process opens the database by itself: gunicorn, the companions, and each `manage.py` that an operator runs. So it
is seen to where the file is opened. The files beside it get its mode from SQLite.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

OTHERS = 0o007  # what everybody on the machine may do with a file


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to a private file."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, after the file was made or made private."""
        if not self.is_in_memory_db():
            make_private(Path(str(conn_params["database"])))
        return super().get_new_connection(conn_params)

    def is_in_memory_db(self) -> bool:
        """Django looks for mode=memory anywhere in the name: in a path, too, whose connections it then never closes."""
        name = str(self.settings_dict["NAME"])
        return name == ":memory:" or name.startswith("file:")


def make_private(database: Path) -> None:
    """Make the file of a database when there is none, and keep others out of it and of those beside it.

    It is never opened here: closing it would end the locks that other connections of this process hold on it. What
    can't be done is for SQLite to say.
    """
    if not database.exists():
        with suppress(OSError):
            _make(database)
    with suppress(OSError):
        for file in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))):
            if file.exists() and file.stat().st_mode & OTHERS:
                file.chmod(file.stat().st_mode & 0o777 & ~OTHERS)


def _make(database: Path) -> None:
    """An empty file, which SQLite takes for an empty database. Whoever makes it at the same moment does no harm."""
    handle, name = tempfile.mkstemp(prefix=".new-", dir=database.parent)
    os.close(handle)
    try:
        os.link(name, database)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    finally:
        os.unlink(name)
