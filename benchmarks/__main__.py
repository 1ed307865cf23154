"""`make bench`: every row, round by round, then the table."""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType

from benchmarks.bench import Bench, Options
from benchmarks.results import Results
from benchmarks.rows import fanout, growth, idle, loss, memory, paced, posting, restart, resume, statements, transports
from benchmarks.table import render
from tests.service import ROOT

# Everything in each round but what lasts too long; that has its rounds within it.
ROWS: dict[str, Callable[[Bench], None]] = {
    "posting": posting.measure,
    "resume": resume.measure,
    "fanout": fanout.measure,
    "paced": paced.measure,
    "transports": transports.measure,
    "memory": memory.measure,
    "loss": loss.measure,
    "statements": statements.measure,
    "growth": growth.measure,
    "restart": restart.measure,
}
ONCE: dict[str, Callable[[Bench], None]] = {"idle": idle.measure}
FIGURES = ROOT / "var" / "bench.json"
REPORT = ROOT / "var" / "bench.md"


def main() -> int:
    """Run what the command line asks for. Returns the exit status: 0, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--only", action="append", choices=[*ROWS, *ONCE], help="this row only (repeatable)")
    parser.add_argument("--quick", action="store_true", help="one round of short measurements: to try, not to judge")
    parser.add_argument("--keep", action="store_true", help="with --only: keep the other rows of the last report")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    options = Options(1 if arguments.quick else arguments.rounds, arguments.readers, arguments.quick)
    wanted = arguments.only or [*ROWS, *ONCE]
    start = time.monotonic()
    results = Results()
    try:
        with Bench(options, results) as bench:
            for title, measure in _plan(options.rounds, wanted):
                print(f"{time.monotonic() - start:6.0f} s  {title}", file=sys.stderr, flush=True)
                measure(bench)
    finally:  # a row that fails takes nothing from those before it
        if arguments.keep and FIGURES.exists():
            results.load(FIGURES)
        report = f"{_heading(options)}\n\n{render(results)}\n"
        FIGURES.parent.mkdir(exist_ok=True)
        results.save(FIGURES)
        REPORT.write_text(report)
        print(report)
    return 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that every peer is ended


def _plan(rounds: int, wanted: list[str]) -> Iterator[tuple[str, Callable[[Bench], None]]]:
    for number in range(1, rounds + 1):
        yield from ((f"round {number} of {rounds}: {row}", measure) for row, measure in ROWS.items() if row in wanted)
    yield from ((row, measure) for row, measure in ONCE.items() if row in wanted)


def _heading(options: Options) -> str:
    cores = os.cpu_count()
    quick = ", quick (too short to judge by)" if options.quick else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cores} cores, Python {platform.python_version()}, "
        f"{options.rounds} rounds, {options.readers} readers{quick}"
    )


if __name__ == "__main__":
    sys.exit(main())
