"""Python inside a service's Django, kept open: for what people with power do, at once and at a known moment."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What every call finds: the actions and models, and who and what is meant by a name. Between calls no connection to the
# database is kept: tests restart it, and put back older ones.
PRELUDE = """
import contextlib, io, json, sys, traceback, django
django.setup()
from datetime import timedelta
from django.db import connections, transaction
from django.utils import timezone
from chat import access, actions
from chat.models import *
from tests.sessions import session_of as cookie

def person(name):
    return User.objects.filter(username=name).first()

def room(name, user):
    return access.find_room(user, name)

for line in sys.stdin:
    known, printed = dict(globals()), io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(json.loads(line), known)
        answer = {"result": known.get("result"), "printed": printed.getvalue()}
    except Exception:
        answer = {"error": traceback.format_exc()}
    connections.close_all()
    print(json.dumps(answer), flush=True)
"""


class Console:
    """Runs code in one process with the environment of a service, one after the other."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE],
            cwd=Path(__file__).resolve().parent.parent,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, code: str, **values: Any) -> Any:
        """Run `code` with `values` as variables; returns what it calls `result`, as JSON."""
        return self._ask(code, values)["result"]

    def print(self, code: str) -> str:
        """Run `code`; what it prints."""
        return str(self._ask(code, {})["printed"])

    def _ask(self, code: str, values: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        given = "\n".join(f"{name} = {value!r}" for name, value in values.items())
        with self._lock:
            self._process.stdin.write(json.dumps(f"{given}\n{code}") + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer
