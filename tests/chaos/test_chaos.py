"""The fault run in short, as a gate. `make chaos` is the long one."""

import subprocess
import sys

import pytest

from tests.service import ROOT

SECONDS = 90
SEED = 90  # the same plan each time, so that a failure is a change of ours; `make chaos` draws another each time


@pytest.mark.timeout(SECONDS + 150)
def test_every_reader_is_exact_while_everything_around_dies() -> None:
    flags = ["--duration", str(SECONDS), "--seed", str(SEED), "--database", "postgresql"]
    command = [sys.executable, "-m", "tests.chaos", *flags]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
