"""The fault run in short, as a gate. `make chaos` is the long one."""

import subprocess
import sys

import pytest

from tests.service import ROOT

SECONDS = 90


@pytest.mark.timeout(SECONDS + 150)
def test_every_reader_is_exact_while_everything_around_dies() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--duration", str(SECONDS), "--database", "postgresql"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
