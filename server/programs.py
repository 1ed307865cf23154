"""The programs of `make run`, and the configuration by which supervisor runs them.

No path stands in that configuration, which knows comments, variables and quotes: supervisor runs in the folder of the
data, and its programs in that of the project, where everything has a fixed name. The two folders and Python are handed
down by the environment, which takes any name as it is.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "run/supervisord.conf"  # in the folder of the data

# name: (command, how many seconds it gets to end). They end in reverse order, Pushpin last, so that requests under way
# get their answers. `python` is the one that runs this.
PROGRAMS = {
    "pushpin": (["sh", "pushpin/entrypoint.sh"], 5),
    "web": (
        ["python", "-m", "gunicorn", "-c", "server/gunicorn.conf.py", "server.wsgi:application"],
        15,  # gunicorn's graceful_timeout and some
    ),
    "relay": (["python", "manage.py", "relay"], 5),
    "presence": (["python", "manage.py", "presence"], 5),
    "hooks": (["python", "manage.py", "hooks"], 5),
    "prune": (["python", "manage.py", "prune", "--every", "600"], 5),
}


def environment() -> dict[str, str]:
    """What the configuration refers to."""
    return {**os.environ, "CORKBOARD_ROOT": str(ROOT), "CORKBOARD_PYTHON": sys.executable}


def configuration() -> str:
    """supervisord.conf: no control port, logs that rotate, and programs that are never given up.

    Who lived for `startsecs` is started again at once; who didn't, after a pause that is a second longer each time.
    """
    parts = [
        "[supervisord]",
        "logfile=log/supervisor.log",
        "logfile_maxbytes=1MB",
        "logfile_backups=2",
        "pidfile=run/supervisord.pid",
        "umask=077",
    ]
    for priority, (name, (command, seconds)) in enumerate(PROGRAMS.items()):
        parts += [
            f"\n[program:{name}]",
            f"command={shlex.join([*tie(), *_started(command)])}",
            "directory=%(ENV_CORKBOARD_ROOT)s",
            f"priority={priority}",
            "autorestart=true",
            "startsecs=1",
            "startretries=1000000000",
            "killasgroup=true",
            f"stopwaitsecs={seconds}",
            f"stdout_logfile=log/{name}.log",
            "redirect_stderr=true",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
        ]
    return "\n".join(parts) + "\n"


def _started(command: list[str]) -> list[str]:
    if command[0] != "python":
        return command
    return ["sh", "-c", 'exec "$CORKBOARD_PYTHON" "$@"', *command]


def tie() -> list[str]:
    """What to put before a command so that it ends with its parent, even when that is killed with -9 (Linux)."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
