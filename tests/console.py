"""Python inside a service's Django, kept open: for what people with power do, at once and at a known moment."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from tests.service import ROOT, Service

# What every call finds: the actions and models, and who and what is meant by a name.
PRELUDE = """
import json, sys, django
django.setup()
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from chat import access, actions
from chat.models import *
from tests.sessions import session_of as cookie

def person(name):
    return User.objects.filter(username=name).first()

def room(name, user):
    return access.find_room(user, name)

for line in sys.stdin:
    result = None
    try:
        exec(json.loads(line))
        print(json.dumps({"result": result}), flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
"""


class Console:
    """Runs code in one process of the service's own: `run` returns what the code calls `result`, as JSON."""

    def __init__(self, service: Service, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE],
            cwd=ROOT,
            env=service.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self.run("pass")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, code: str, **values: Any) -> Any:
        """Run `code` with `values` as variables."""
        assert self._process.stdin
        assert self._process.stdout
        given = "\n".join(f"{name} = {value!r}" for name, value in values.items())
        self._process.stdin.write(json.dumps(f"{given}\n{code}") + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]
