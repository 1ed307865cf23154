"""Folders of any name: what is put into a URL, a configuration or a shell means the folder and nothing else. And what
lies in them is read by nobody else."""

import os
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.utils import ConnectionHandler

from server import env, folders, programs
from server.sqlite.base import make_private
from tests.unit.test_settings import SECRETS, load

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    *(
        "chat",
        "chat#1",
        "chat#2",
        "chat?1",
        "chat?mode=memory",
        "a b",
        " a",
        "a ",
        "a  b",
        "a\u00a0b",
        "%",
        "%41",
        "100%",
        "%%",
        "%s",
    ),
    *(
        "%(here)s",
        "%(ENV_PATH)s",
        "ü",
        "u\u0308",
        "漢字",
        "عربى",
        "🦜",
        "👩\u200d💻",
        "'",
        '"',
        "a'b\"c",
        "`id`",
        "$HOME",
        "$(id)",
        "${x}",
    ),
    *(
        "a&b",
        "a;b",
        "a ;b",
        "a #b",
        "a|b",
        "a\\b",
        "a\\",
        "\\n",
        "a,b",
        "a:b",
        "a=b",
        "a@b",
        "@RUNDIR@",
        "a*b",
        "[a]",
        "{a,b}",
        "~",
        "~root",
    ),
    *(
        "-a",
        "--",
        "-rf",
        "!a",
        "a!",
        "(a)",
        "<a>",
        "a>b",
        "file:a",
        "file:a?mode=memory",
        ":memory:",
        ":memory:x",
        "none",
        "auto",
        "syslog",
        "con",
    ),
    *(".a", "a.", "...", "+", "^", "x" * 200, "ü" * 100),
]
REFUSED = ["a\nb", "a\n", "\na", "a\rb", "a\tb", "a\x1b[2J", "a\x7f", "a\x85b", "\udcff", "a\udce4b"]
UNPLAIN = [name for name in NAMES if not all(char.isascii() and (char.isalnum() or char in "._~+-") for char in name)]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="folder-") as made:
        yield Path(made)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


class TestSettings:
    @pytest.mark.parametrize("name", NAMES)
    def test_paths_of_the_environment_are_taken_as_they_are(self, folder: Path, name: str) -> None:
        var = folder / name
        settings = load(CORKBOARD_VAR=str(var), STATIC_ROOT=str(folder / f"{name}-s"))
        assert settings["VAR"] == var
        assert settings["STATIC_ROOT"] == folder / f"{name}-s"
        assert settings["DATABASES"]["default"]["NAME"] == str(var / "corkboard.sqlite3")
        assert settings["GRIP_STATS"] == [f"ipc://{var}/pushpin/pushpin-stats"]
        assert load(CORKBOARD_VAR=str(var))["STATIC_ROOT"] == var / "static"
        assert load(PUSHPIN_RUNDIR=str(var))["GRIP_STATS"] == [f"ipc://{var}/pushpin-stats"]

    @pytest.mark.parametrize("name", NAMES)
    def test_a_path_without_a_slash_is_below_the_folder_in_which_one_is(
        self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(folder)
        assert load(CORKBOARD_VAR=name)["DATABASES"]["default"]["NAME"] == str(folder / name / "corkboard.sqlite3")

    @pytest.mark.parametrize("setting", ["CORKBOARD_VAR", "STATIC_ROOT", "PUSHPIN_RUNDIR"])
    @pytest.mark.parametrize("name", REFUSED)
    def test_what_can_not_be_named_is_refused_in_one_line(self, folder: Path, name: str, setting: str) -> None:
        with pytest.raises(ImproperlyConfigured, match=setting) as refused:
            load(**{setting: f"{folder}/{name}"})
        assert len(str(refused.value).splitlines()) == 1

    def test_a_path_can_come_from_a_file_but_for_its_line_end(self, folder: Path) -> None:
        file = folder / "path"
        for end in ("", "\n", "\r\n"):
            file.write_bytes(f"{folder}/a #b {end}".encode())
            assert load(CORKBOARD_VAR="", CORKBOARD_VAR_FILE=str(file))["VAR"] == folder / "a #b "

    @pytest.mark.parametrize(
        "url",
        [
            "sqlite:////srv/chat#1/db.sqlite3",
            "sqlite:////srv/chat?1/db.sqlite3",
            "sqlite:////srv/db.sqlite3?timeout=5",
            "sqlite:////srv/a%0Ab/db.sqlite3",
            "sqlite:////srv/a%FF/../b%00",
            "postgres://u:pass#word@host/name",
            "postgres://u:p@host/na#me",
        ],
    )
    def test_a_url_that_means_another_place_is_refused(self, url: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refused:
            load(DATABASE_URL=url)
        assert "word" not in str(refused.value).replace("password", "")
        assert len(str(refused.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("sqlite:////srv/chat%231/db.sqlite3", "/srv/chat#1/db.sqlite3"),
            ("sqlite:////srv/a%20b%3F%25/db.sqlite3", "/srv/a b?%/db.sqlite3"),
            ("sqlite:////srv/a b/db.sqlite3", "/srv/a b/db.sqlite3"),
            ("sqlite:////srv/ü/db.sqlite3", "/srv/ü/db.sqlite3"),
            ("sqlite:///db.sqlite3", str(Path("db.sqlite3").absolute())),
            ("sqlite:///file:db?mode=memory".replace("?", "%3F"), str(Path("file:db?mode=memory").absolute())),
            ("sqlite://:memory:", ":memory:"),
            ("postgres://u:p%23%2F%40%3Fx@h:5/n%23", "n#"),
        ],
    )
    def test_a_url_names_one_place(self, url: str, name: str) -> None:
        database = load(DATABASE_URL=url)["DATABASES"]["default"]
        assert database["NAME"] == name
        assert database["ENGINE"] in ("server.sqlite", "django.db.backends.postgresql")
        if "%23" in url and database["ENGINE"].endswith("postgresql"):
            assert database["PASSWORD"] == "p#/@?x"


def connect(**environment: str) -> ConnectionHandler:
    """Connections by the settings as they are in an environment."""
    return ConnectionHandler(load(**environment)["DATABASES"])


def store(var: Path, text: str) -> list[str]:
    """Write into the database of a folder; what is in it then."""
    handler = connect(CORKBOARD_VAR=str(var))
    connection = handler["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
            cursor.execute("INSERT INTO notes VALUES (%s)", [text])
            cursor.execute("SELECT text FROM notes ORDER BY text")
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()


@pytest.mark.django_db  # which allows connections; those here lead elsewhere
class TestDatabase:
    def test_no_two_folders_share_one_and_each_lies_in_its_own(self, folder: Path) -> None:
        for name in NAMES:
            (folder / name).mkdir()
            assert store(folder / name, name) == [name]
        assert tree(folder) == {path for name in NAMES for path in (name, f"{name}/corkboard.sqlite3")}

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o002, 0o077])
    @pytest.mark.parametrize("mode", [0o777, 0o755, 0o700, 0o1777])
    def test_nobody_else_reads_it_whatever_umask_and_folder_are(self, folder: Path, umask: int, mode: int) -> None:
        folder.chmod(mode)
        before = os.umask(umask)
        handler = connect(CORKBOARD_VAR=str(folder))
        connection = handler["default"]
        try:
            with connection.cursor() as cursor:
                cursor.execute("CREATE TABLE notes (text TEXT)")
            assert tree(folder) == {f"corkboard.sqlite3{end}" for end in ("", "-wal", "-shm")}
            assert modes(folder) == {0o600}
        finally:
            os.umask(before)
            connection.close()
        assert modes(folder) == {0o600}

    @pytest.mark.parametrize("mode", [0o644, 0o666, 0o664, 0o777, 0o604, 0o640])
    def test_one_that_others_could_read_is_closed_to_them(self, folder: Path, mode: int) -> None:
        plain = sqlite3.connect(folder / "corkboard.sqlite3")
        plain.execute("PRAGMA journal_mode=WAL")
        plain.execute("CREATE TABLE notes (text TEXT)")
        plain.commit()
        for path in folder.iterdir():
            path.chmod(mode)
        make_private(folder / "corkboard.sqlite3")
        assert modes(folder) == {mode & 0o770}
        plain.close()

    def test_locks_of_other_connections_hold(self, folder: Path) -> None:
        """Closing any handle of a file ends this process's locks on it: so its mode is changed by name."""
        assert store(folder, "a") == ["a"]
        holding = sqlite3.connect(folder / "corkboard.sqlite3", isolation_level=None)
        holding.execute("BEGIN IMMEDIATE")
        (folder / "corkboard.sqlite3").chmod(0o644)
        make_private(folder / "corkboard.sqlite3")
        other = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')",
            ]
            + [str(folder / "corkboard.sqlite3")],
            capture_output=True,
            text=True,
            check=False,
        )
        holding.close()
        assert "database is locked" in other.stderr

    def test_two_that_make_it_at_once_make_one(self, folder: Path) -> None:
        database = folder / "corkboard.sqlite3"
        with mock.patch.object(Path, "exists", return_value=False):
            make_private(database)
            database.write_bytes(b"x")
            make_private(database)
        assert (database.read_bytes(), tree(folder)) == (b"x", {"corkboard.sqlite3"})

    def test_one_on_a_file_system_without_links_is_private_too(self, folder: Path) -> None:
        before = os.umask(0o000)
        try:
            with mock.patch("os.link", side_effect=PermissionError("no links")):
                make_private(folder / "corkboard.sqlite3")
        finally:
            os.umask(before)
        assert (tree(folder), modes(folder)) == ({"corkboard.sqlite3"}, {0o600})

    def test_a_folder_that_is_not_there_is_for_sqlite_to_say(self, folder: Path) -> None:
        make_private(folder / "nothing" / "corkboard.sqlite3")
        assert tree(folder) == set()

    def test_the_service_uses_it(self) -> None:
        assert connections["default"].settings_dict["ENGINE"] == "server.sqlite"
        with connections["default"].cursor() as cursor:
            cursor.execute("PRAGMA secure_delete")
            assert cursor.fetchone() == (1,)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


class TestPrivate:
    @pytest.fixture(autouse=True)
    def umask(self) -> Iterator[None]:
        before = os.umask(0o000)
        yield
        os.umask(before)

    def test_what_the_launcher_makes_is_private_from_the_first_moment(self, folder: Path) -> None:
        folder.chmod(0o777)
        folders.prepare(folder / "var")
        (folder / "var" / "static.stamp").write_text("x")
        folders.make_secret(folder / "var" / "secret_key")
        assert stat.S_IMODE((folder / "var").stat().st_mode) == 0o700
        for path in (folder / "var").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path

    def test_what_others_could_read_before_is_closed_to_them(self, folder: Path) -> None:
        made = (
            "log/web.log",
            "log/web.log.1",
            "run/supervisord.conf",
            "run/lock",
            "secret_key",
            "grip_key",
            "corkboard.sqlite3",
        )
        for name in made:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("x")
            (folder / name).chmod(0o644)
        (folder / "pushpin").mkdir()
        (folder / "static").mkdir()
        outside = folder.with_name(f"{folder.name}-outside")
        outside.write_text("x")
        (folder / "link").symlink_to(outside)
        folder.chmod(0o755)
        folders.prepare(folder)
        for name in (*made, "log", "run", "pushpin"):
            assert stat.S_IMODE((folder / name).stat().st_mode) & 0o007 == 0, name
        assert stat.S_IMODE(outside.stat().st_mode) == 0o666  # not ours
        outside.unlink()

    @pytest.mark.parametrize("before", [None, b"", b"\n", b" \n\t"])
    def test_a_secret_that_is_missing_or_empty_is_made(self, folder: Path, before: bytes | None) -> None:
        file = folder / "secret_key"
        if before is not None:
            file.write_bytes(before)
        folders.make_secret(file)
        assert len(file.read_text().strip()) >= 32
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert tree(folder) == {"secret_key"}
        made = file.read_bytes()
        folders.make_secret(file)
        assert file.read_bytes() == made

    @pytest.mark.parametrize("text", ["short", "half-of-a-secret-that-was"])
    @pytest.mark.parametrize("name", ["SECRET_KEY", "GRIP_KEY"])
    def test_half_a_secret_stays_and_is_refused_in_one_true_line(self, folder: Path, name: str, text: str) -> None:
        file = folder / name.lower()
        file.write_text(text)
        folders.make_secret(file)
        assert file.read_text() == text
        with pytest.raises(ImproperlyConfigured, match=name) as refused:
            load(**{name: "", "CORKBOARD_VAR": str(folder)})
        words = str(refused.value)
        assert (len(words.splitlines()), str(file) in words, "Remove it" in words, text in words) == (
            1,
            True,
            True,
            False,
        )

    @pytest.mark.parametrize("step", ["os.fsync", "os.fdopen", "pathlib.Path.replace", "secrets.token_urlsafe"])
    def test_a_start_that_dies_while_it_writes_leaves_no_half(self, folder: Path, step: str) -> None:
        file = folder / "secret_key"
        with mock.patch(step, side_effect=OSError("no space left")), pytest.raises(OSError, match="no space"):
            folders.make_secret(file)
        assert not file.exists()
        folders.make_secret(file)
        assert len(file.read_text()) > 32


class TestPushpinFolder:
    @pytest.mark.parametrize("name", [name for name in NAMES if name not in UNPLAIN and len(name) < 20])
    def test_a_plain_name_is_below_the_data(self, folder: Path, name: str) -> None:
        assert folders.pushpin_folder(folder / name, "") == folder / name / "pushpin"

    @pytest.mark.parametrize("name", [*UNPLAIN, "x" * 60, "x" * 200])
    def test_a_name_that_pushpin_can_not_take_is_elsewhere_and_private(self, folder: Path, name: str) -> None:
        found = folders.pushpin_folder(folder / name, "")
        try:
            assert folders.PLAIN.fullmatch(str(found))
            assert stat.S_IMODE(found.stat().st_mode) == 0o700
            assert folders.pushpin_folder(folder / name, "") == found
            other = folders.pushpin_folder(folder / f"{name}x", "")
            assert other != found
            other.rmdir()
        finally:
            found.rmdir()

    def test_one_of_somebody_else_is_refused(self, folder: Path) -> None:
        found = folders.pushpin_folder(folder / "a b", "")
        try:
            with (
                mock.patch("os.geteuid", return_value=12345),
                pytest.raises(ImproperlyConfigured, match="somebody else"),
            ):
                folders.pushpin_folder(folder / "a b", "")
            found.rmdir()
            found.symlink_to(folder)
            with pytest.raises(ImproperlyConfigured, match="somebody else"):
                folders.pushpin_folder(folder / "a b", "")
        finally:
            found.unlink() if found.is_symlink() else found.rmdir()

    @pytest.mark.parametrize("name", [*UNPLAIN, *REFUSED, "x" * 80])
    def test_one_that_is_chosen_and_can_not_be_is_refused_in_one_line(self, folder: Path, name: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="PUSHPIN_RUNDIR") as refused:
            folders.pushpin_folder(folder, f"{folder}/{name}")
        assert len(str(refused.value).splitlines()) == 1
        assert tree(folder) == set()

    @pytest.mark.parametrize("name", [*UNPLAIN, "a\nb", "a\n", "x" * 80])
    def test_the_entrypoint_refuses_the_same_before_it_writes(self, folder: Path, name: str) -> None:
        (folder / "bin").mkdir()
        (folder / "bin" / "pushpin").symlink_to("/bin/true")
        environment = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "PUSHPIN_RUNDIR": f"{folder}/{name}",
            "GRIP_KEY": "g" * 40,
        }
        done = subprocess.run(
            ["sh", str(ROOT / "pushpin" / "entrypoint.sh")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "PUSHPIN_RUNDIR" in done.stderr
        assert tree(folder) == {"bin", "bin/pushpin"}


SHOW = """#!/bin/sh
printf '%s\\n' "$PWD" "$0" "$@" > shown
"""


class TestSupervisor:
    """The configuration as supervisor itself reads it."""

    def read(self, var: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
        from supervisor.options import ServerOptions

        for folder in ("run", "log"):
            (var / folder).mkdir(parents=True, exist_ok=True)
        (var / programs.CONFIG).write_text(programs.configuration())
        monkeypatch.chdir(var)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        options = ServerOptions()
        options.realize(["-n", "-c", programs.CONFIG])
        assert Path(options.logfile).resolve() == (var / "log" / "supervisor.log").resolve()
        return {process.name: process for group in options.process_group_configs for process in group.process_configs}

    @pytest.mark.parametrize("name", [name for name in NAMES if name not in ("~",)])
    def test_every_name_is_taken_as_it_is(self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        root, var = folder / "project" / name, folder / "data" / name
        root.mkdir(parents=True)
        python = root / "python"
        python.write_text(SHOW)
        python.chmod(0o755)
        found = self.read(var, monkeypatch, CORKBOARD_ROOT=str(root), CORKBOARD_PYTHON=str(python))
        assert list(found) == list(programs.PROGRAMS)
        for program, (command, _) in programs.PROGRAMS.items():
            process = found[program]
            assert process.directory == str(root)
            assert Path(process.stdout_logfile).resolve() == (var / "log" / f"{program}.log").resolve()
            words = shlex.split(process.command)
            if command[0] == "python":
                subprocess.run(words, cwd=process.directory, check=True)
                assert (root / "shown").read_text().splitlines() == [str(root), str(python), *command[1:]]
        assert not tree(var) - {"run", "log", "run/supervisord.conf"}

    def test_its_logs_are_private(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "umask=077" in programs.configuration()


BACKUPS = [
    line
    for line in (ROOT / "docs" / "operating.md").read_text().split("## Backups")[1].split("### Restore")[0].splitlines()
    if line.startswith("(umask")
]


def test_the_documented_backups_are_read_by_nobody_else(folder: Path) -> None:
    assert len(BACKUPS) == 3
    programs_there = folder / "bin"
    programs_there.mkdir()
    # Stand-ins for what needs a database: they write the file that they are told to.
    (programs_there / "sqlite3").write_text("#!/bin/sh\necho x > backup.sqlite3\n")
    (programs_there / "pg_dump").write_text("#!/bin/sh\necho x > backup.dump\n")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").write_text("#!/bin/sh\necho x > backup.sqlite3\n")
    for script in (*programs_there.iterdir(), folder / ".venv" / "bin" / "python"):
        script.chmod(0o755)
    for command in BACKUPS:
        environment = {"PATH": f"{programs_there}:{os.environ['PATH']}", "DATABASE_URL": "postgres://x"}
        subprocess.run(["sh", "-c", f"umask 000; {command}"], cwd=folder, env=environment, check=True)
        for name in ("backup.sqlite3", "backup.dump"):
            if (made := folder / name).exists():
                assert stat.S_IMODE(made.stat().st_mode) == 0o600, command
                made.unlink()
    assert shutil.which("sh")


def test_a_check_of_a_path_says_what_is_wrong() -> None:
    for name in NAMES:
        env.check_path("X", f"/srv/{name}")
    with pytest.raises(ImproperlyConfigured, match="X can't be a path with line ends"):
        env.check_path("X", "/srv/a\nb")
    assert SECRETS
