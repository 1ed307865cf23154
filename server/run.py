"""`make run`: the whole service on one machine, in the foreground.

Prepares what is missing (Pushpin, secrets, tables, static files) and then leaves the processes to supervisor, which
starts again whatever dies: Pushpin itself ends when one of its processes does. Ctrl-C or SIGTERM ends everything.
Whatever the environment sets is kept; what it doesn't is chosen here and handed down by the environment.
"""

import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import TextIO

from django.core.exceptions import ImproperlyConfigured

from server import folders
from server.env import check_path
from server.programs import CONFIG, PROGRAMS, ROOT, configuration, environment, tie

READY_SECONDS = 120  # a machine that is slow or busy needs its time, and systemd would only begin it again
PORT_SECONDS = 3  # a service that was ended just now gives its port back a moment later
STOP_SECONDS = 30
# Below the ports that the system gives to outgoing connections, one of which could take ours while gunicorn restarts.
FREE_PORTS = range(20_000, 32_000)


class Stop(Exception):
    """Ends the launcher with one line that says why."""


def main() -> int:
    """Run the service until it is told to end. Returns the exit status."""
    for end in (signal.SIGINT, signal.SIGTERM):  # a shell's background job would ignore the first
        signal.signal(end, _interrupt)
    try:
        var = _choose_folders()
        lock = _lock(var)
        _require_pushpin()
        _choose_environment()
        _make_secrets(var)
        welcome = _prepare(var)
        return _serve(var, welcome)
    except (Stop, ImproperlyConfigured) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        if "lock" in locals():
            lock.close()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _choose_folders() -> Path:
    """Where everything goes: refused before anything is written, if it has a name that can't work. Returns the folder
    of the data."""
    env = os.environ
    check_path("The folder of the project", str(ROOT))
    for name in ("CORKBOARD_VAR", "STATIC_ROOT"):
        check_path(name, env.get(name, ""))
    var = Path(env.get("CORKBOARD_VAR") or ROOT / "var")
    try:
        var = var.resolve()
        rundir = folders.pushpin_folder(var, env.get("PUSHPIN_RUNDIR", ""))
        folders.prepare(var)
    except OSError as error:
        raise Stop(f"{error.filename or var} can't be used: {error.strerror}. Set CORKBOARD_VAR.") from None
    env["CORKBOARD_VAR"], env["PUSHPIN_RUNDIR"] = str(var), str(rundir)
    return var


def _lock(var: Path) -> TextIO:
    """Keep a second launcher out of the same folder: two would end each other's Pushpin."""
    lock = (var / "run" / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Stop(f"Corkboard is running already with the folder {var}.") from None
    return lock


def _require_pushpin() -> None:
    """Install Pushpin by apt where that needs no password; else say how to get it."""
    missing = [program for program in ("pushpin", "zurl") if not shutil.which(program)]
    if not missing:
        return
    root = _root_prefix()
    if root is None or not shutil.which("apt-get"):
        raise Stop(
            f"Corkboard needs {' and '.join(missing)}. Install with `sudo apt-get install pushpin` (Debian, Ubuntu) or"
            " `brew install pushpin zurl` (macOS), or run `docker compose up` instead."
        )
    print("Installing Pushpin by apt …", flush=True)
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "pushpin", "zurl"]):
        if subprocess.run([*apt, *arguments], stdout=subprocess.DEVNULL).returncode:
            raise Stop("apt could not install Pushpin: see above, or run `docker compose up` instead.")
    if Path("/run/systemd/system").is_dir():
        # The package starts a Pushpin of its own on port 7999. We brought it, so we also put it away.
        services = ["pushpin", "condure", "zurl"]
        subprocess.run([*root, "systemctl", "disable", "--now", *services], capture_output=True, check=False)


def _root_prefix() -> list[str] | None:
    """What to put before a command that needs root; None when it would ask for a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def _choose_environment() -> None:
    """Fill in what the environment leaves open: addresses and ports. Without PUBLIC_URL only this machine is served."""
    env = os.environ
    env.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    env.setdefault("PORT", "7999")
    env.setdefault("PUSHPIN_BIND", "0.0.0.0" if env.get("PUBLIC_URL") else "127.0.0.1")  # noqa: S104
    _require_free(env["PUSHPIN_BIND"], env["PORT"])
    for name in ("WEB_PORT", "PUSHPIN_ZMQ_PORT", "PUSHPIN_HTTP_PORT"):
        env.setdefault(name, str(_free_port()))
    if not (env.get("GRIP_URL") or env.get("GRIP_URL_FILE")):
        env["GRIP_URL"] = f"tcp://127.0.0.1:{env['PUSHPIN_ZMQ_PORT']}"


def _require_free(address: str, port: str) -> None:
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise Stop(f"PORT must be a number from 1 to 65535, not {port!r}.")
    end = time.monotonic() + PORT_SECONDS
    while error := _bind_error(address, int(port)):
        if time.monotonic() > end:
            raise Stop(f"Can't listen on port {port} ({error}). Choose another one: PORT=8999 make run")
        time.sleep(0.2)


def _free_port() -> int:
    return next(port for port in random.sample(FREE_PORTS, len(FREE_PORTS)) if not _bind_error("127.0.0.1", port))


def _bind_error(address: str, port: int) -> str | None:
    """Why nobody could listen there; None when it is free."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            return error.strerror
    return None


def _make_secrets(var: Path) -> None:
    """Generate what the environment does not give, once, readable by nobody else."""
    for name in ("SECRET_KEY", "GRIP_KEY"):
        if os.environ.get(name) or os.environ.get(f"{name}_FILE"):
            continue
        try:
            folders.make_secret(var / name.lower())
        except OSError as error:
            raise Stop(f"{name}: {var / name.lower()} can't be written: {error.strerror}.") from None


def _prepare(var: Path) -> str:
    """Bring tables and static files up to date. Returns what `setup` says: the administrator's link, the first time."""
    _manage("migrate", "--verbosity=0")
    static = _fingerprint()
    stamp = var / "static.stamp"
    if not stamp.exists() or stamp.read_text() != static:
        _manage("collectstatic", "--noinput", "--verbosity=0")
        stamp.write_text(static)
    return _manage("setup")


def _manage(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        error = done.stderr.strip() or done.stdout.strip()
        lines = [line for line in error.splitlines() if "ImproperlyConfigured" in line] or [error]
        raise Stop(lines[-1] if len(lines[-1]) < 300 else f"manage.py {arguments[0]} failed:\n{error}")
    return done.stdout


def _fingerprint() -> str:
    """Changes when a static file may have: ours by name and date, those of packages by the pinned versions."""
    files = sorted(path for path in ROOT.glob("*/static/**/*") if path.is_file())
    seen = [f"{path.relative_to(ROOT)} {path.stat().st_mtime_ns}" for path in files]
    seen += [(ROOT / "requirements.txt").read_text(), (ROOT / "server" / "staticfiles.py").read_text()]
    seen.append(os.environ.get("STATIC_ROOT", ""))
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def _serve(var: Path, welcome: str) -> int:
    """Run supervisor until it ends or we are told to end."""
    (var / CONFIG).write_text(configuration())
    # A session of its own: Ctrl-C reaches the launcher alone, which then ends the others in order.
    supervisord = [*tie(), sys.executable, "-m", "supervisor.supervisord", "-n", "-s", "-c", CONFIG]
    process = subprocess.Popen(supervisord, cwd=var, env=environment(), start_new_session=True)
    try:
        _announce(var, process, welcome)
        status = process.wait()
        raise Stop(f"supervisor ended by itself (status {status}): see {var / 'log' / 'supervisor.log'}.")
    except KeyboardInterrupt:
        print("\nEnding …", flush=True)
        return 0
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End supervisor and with it everything, whatever signals still arrive."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # what it ran ends by itself: see programs.tie


def _announce(var: Path, process: subprocess.Popen[bytes], welcome: str) -> None:
    """Say where the service is as soon as it answers through Pushpin, or show the logs when it doesn't."""
    port = os.environ["PORT"]
    end = time.monotonic() + READY_SECONDS
    while cause := _why_not_ready(port):
        if process.poll() is not None or time.monotonic() > end:
            print(_log_tails(var), file=sys.stderr)
            raise Stop(
                f"Corkboard did not become ready within {READY_SECONDS} s: {cause} The logs above are in {var / 'log'}."
            )
        time.sleep(0.1)
    url = os.environ.get("PUBLIC_URL") or f"http://localhost:{port}"
    print(f"Corkboard is at {url.rstrip('/')}/")
    if welcome.strip():
        print(welcome.strip())
    print(f"Logs are in {var / 'log'}. Ctrl-C ends everything.", flush=True)


def _why_not_ready(port: str) -> str:
    """Why Django does not answer through Pushpin, in words; "" when it does."""
    bind = os.environ["PUSHPIN_BIND"]
    url = f"http://{'127.0.0.1' if bind == '0.0.0.0' else bind}:{port}/health/ready"  # noqa: S104
    request = urllib.request.Request(url, headers={"Host": "localhost"})
    try:
        with urllib.request.urlopen(request, timeout=2):  # noqa: S310
            return ""
    except urllib.error.HTTPError as refusal:
        try:
            return str(json.loads(refusal.read())["cause"])
        except (OSError, ValueError, KeyError, TypeError):
            return f"Pushpin answers {refusal.code}."
    except OSError:
        return "Pushpin does not answer."


def _log_tails(var: Path, lines: int = 15) -> str:
    logs = [var / "log" / f"{name}.log" for name in ("supervisor", *PROGRAMS)]
    tails = [(log, log.read_text(errors="replace").splitlines()[-lines:]) for log in logs if log.exists()]
    return "\n".join(line for log, tail in tails for line in (f"== {log}", *tail))


if __name__ == "__main__":
    sys.exit(main())
