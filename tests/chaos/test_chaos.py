"""The fault run in short, as a gate. `make chaos` is the long one."""

import subprocess
import sys

import pytest

from tests.scope import ALL
from tests.service import ROOT

SEED = 90  # the same plan each time, so that a failure is a change of ours; `make chaos` draws another each time
RUNS = {"postgresql": 600, "sqlite": 300} if ALL else {"postgresql": 60}  # seconds in which is written


@pytest.mark.timeout(max(RUNS.values()) + 150)
@pytest.mark.parametrize("store", RUNS)
def test_every_reader_is_exact_while_everything_around_dies(store: str) -> None:
    flags = ["--duration", str(RUNS[store]), "--seed", str(SEED), "--database", store]
    command = [sys.executable, "-m", "tests.chaos", *flags]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
