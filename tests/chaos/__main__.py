"""`make chaos`: the fault run. docs/testing.md says how to read its report."""

import argparse
import random
import shutil
import signal
import sys
from pathlib import Path

from tests.chaos import report
from tests.chaos.plan import Options, make
from tests.chaos.run import run


def main() -> int:
    """Run with the options of the command line. 0 when every reader is exact and every fault healed in time."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ended from outside, it ends its parts too
    plan = make(_options())
    for line in report.header(plan):
        _say(line)
    outcome, parts = run(plan, _say)
    passed = report.write(outcome, _say)
    if passed:
        shutil.rmtree(parts.folder, ignore_errors=True)
    else:
        Path(parts.folder, "report.txt").write_text("\n".join(_said) + "\n")
        _say(f"the logs are in {parts.folder}")
    return 0 if passed else 1


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--duration", type=int, default=600, help="seconds of writing (600)")
    parser.add_argument("--seed", type=int, default=None, help="repeats a plan (drawn)")
    parser.add_argument("--readers", type=int, default=60)
    parser.add_argument("--writers", type=int, default=6)
    parser.add_argument("--rooms", type=int, default=12)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    given = vars(parser.parse_args())
    if given["seed"] is None:
        given["seed"] = random.SystemRandom().randrange(1_000_000)
    return Options(**given)


_said: list[str] = []


def _say(line: str) -> None:
    _said.append(line)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
