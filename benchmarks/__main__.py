"""`make bench`: every row, round by round, then the table."""

import argparse
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

from benchmarks.bench import Bench, Options
from benchmarks.results import Results
from benchmarks.rows import (
    fanout,
    growth,
    idle,
    loss,
    memory,
    paced,
    posting,
    restart,
    resume,
    statements,
    transports,
    workers,
)
from benchmarks.table import missing, render
from tests.service import ROOT

# Everything in each round but what lasts too long; that has its rounds within it.
ROWS: dict[str, Callable[[Bench], None]] = {
    "posting": posting.measure,
    "workers": workers.measure,
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
QUIET = 0.3  # the load of a machine on which nothing else runs


def main() -> int:
    """Run what the command line asks for. Returns the exit status: 0 when every row ran, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--only", action="append", choices=[*ROWS, *ONCE], help="this row only (repeatable)")
    parser.add_argument("--quick", action="store_true", help="every row once and in a moment: to see that it runs")
    parser.add_argument("--keep", action="store_true", help="with --only: keep the other rows of the last report")
    parser.add_argument(
        "--patience", type=float, default=600, help="seconds to wait before a round for a quiet machine"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    options = Options(1 if arguments.quick else arguments.rounds, arguments.readers, arguments.quick)
    wanted = arguments.only or [*ROWS, *ONCE]
    results = Results()
    failed: list[str] = []
    try:
        with Bench(options, results) as bench:
            failed = _measure(bench, wanted, 0 if arguments.quick else arguments.patience)
    finally:  # Ctrl-C takes nothing from the rows before it
        if arguments.keep and FIGURES.exists():
            results.load(FIGURES)
        report = f"{_heading(options, arguments.patience)}\n\n{render(results)}\n"
        FIGURES.parent.mkdir(exist_ok=True)
        results.save(FIGURES)
        REPORT.write_text(report)
        print(report)
    if not arguments.only:
        failed += [f"no figure for “{title}”" for title in missing(results)]
    for row in failed:
        print(f"failed: {row}", file=sys.stderr)
    return 1 if failed else 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that every peer is ended


def _measure(bench: Bench, wanted: list[str], patience: float) -> list[str]:
    """Run the rows round by round. Returns those that failed, which take nothing from the others."""
    rounds = [(f"round {number} of {bench.options.rounds}: ", ROWS) for number in range(1, bench.options.rounds + 1)]
    failed = []
    start = time.monotonic()
    for title, rows in [*rounds, ("", ONCE)]:
        measures = {row: measure for row, measure in rows.items() if row in wanted}
        load = _wait_until_quiet(patience) if measures else 0.0
        for row, measure in measures.items():
            print(f"{time.monotonic() - start:6.0f} s  {title}{row}", file=sys.stderr, flush=True)
            bench.results.begin(row, load)
            try:
                measure(bench)
            except Exception:
                traceback.print_exc()
                failed.append(f"{title}{row}")
    return failed


def _wait_until_quiet(patience: float) -> float:
    """Wait until the machine has nothing else to do, so many seconds at most. Returns its load over the last minute."""
    end = time.monotonic() + patience
    while (load := os.getloadavg()[0]) >= QUIET and time.monotonic() < end:
        print(f"\rwaiting for a load below {QUIET}: {load:.2f} ", end="", file=sys.stderr, flush=True)
        time.sleep(2)
    return load


def _heading(options: Options, patience: float) -> str:
    quick = " **Quick: every row once and in a moment, too short to judge by.**" if options.quick else ""
    waited = "did not wait" if options.quick else f"waited {patience:.0f} s at most"
    return (
        f"## One run\n\n{datetime.now(UTC):%-d %B %Y}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"PostgreSQL 15, Pushpin 1.36, {options.rounds} rounds, {options.readers} readers.{quick}\n"
        f"Load is the machine's over the last minute before each round, for which the run {waited} until it was\n"
        f"below {QUIET}. What is marked ✗ misses its target."
    )


if __name__ == "__main__":
    sys.exit(main())
