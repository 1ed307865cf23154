"""The page's scripts that need no browser, tested by Node: each file of tests/node is a test here."""

import subprocess
from pathlib import Path

import pytest

from tests.service import ROOT

FILES = sorted((ROOT / "tests" / "node").glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_scripts_do_what_they_promise(file: Path) -> None:
    done = subprocess.run(
        ["node", "--test", str(file)], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# tests 0\n" not in done.stdout, "no test in it"
