"""The benchmark's parts: a client that reads every answer, a table without holes, a run that fails with its rows."""

import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import pytest

from benchmarks import __main__ as program
from benchmarks.bench import Bench, Options
from benchmarks.load.connection import Connection
from benchmarks.results import Results
from benchmarks.table import LINES, missing, render
from tests.service import ROOT

OK = b"HTTP/1.1 201 Created\r\n"
KEPT = [
    OK + b"Content-Length: 5\r\n\r\nhello",
    OK + b"content-length:  5\r\nConnection: keep-alive\r\n\r\nhello",
    OK + b"Content-Length: 0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5;name=value\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
]
CLOSED = [
    OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello",
    OK + b"Connection: Close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    OK + b"connection:close\r\nContent-Length: 0\r\n\r\n",
    OK + b"\r\nhello",
]


class Played:
    """A server that answers every request with the same bytes, and hangs up after that or not."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.answer = b""
        self.closes = False
        self.piece = 65536
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, suppress(OSError):  # who has read what it wants hangs up
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while peer.recv(65536):
                    for start in range(0, len(self.answer), self.piece):
                        peer.sendall(self.answer[start : start + self.piece])
                    if self.closes:
                        break

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def played() -> Iterator[Played]:
    server = Played()
    yield server
    server.close()


@pytest.mark.parametrize("piece", [1, 7, 65536])
@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("number", range(max(len(KEPT), len(CLOSED))))
def test_poster_reads_whole_answer_and_keeps_connection_as_told(
    played: Played, number: int, closes: bool, piece: int
) -> None:
    answers = CLOSED if closes else KEPT
    played.answer, played.closes, played.piece = answers[number % len(answers)], closes, piece
    connection = Connection(played.port)
    for asked in (1, 2, 3):
        assert connection.post(b"POST / HTTP/1.1\r\n\r\n") == 201
        assert connection.is_open is not closes
        assert connection.opened == (asked if closes else 1)
    connection.close()


def test_answer_that_is_cut_off_is_an_error(played: Played) -> None:
    played.answer, played.closes = OK + b"Content-Length: 9\r\n\r\nhello", True
    connection = Connection(played.port)
    with pytest.raises(ConnectionError):
        connection.post(b"POST / HTTP/1.1\r\n\r\n")
    connection.close()


class Nothing:
    """Stands for the running peers."""

    def __init__(self, options: Options, results: Results) -> None:
        self.options, self.results = options, results

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """Runs the program with rows that measure nothing but say the figures of the table."""

    def all_lines(bench: Bench) -> None:
        for line in LINES:
            bench.results.add(line.figure, "corkboard", 1.0)

    def start(*arguments: str, load: float = 0.1, **rows: Any) -> int:
        monkeypatch.setattr(program, "Bench", Nothing)
        monkeypatch.setattr(program, "ROWS", {"posting": all_lines, **rows})
        monkeypatch.setattr(program, "ONCE", {"idle": all_lines})
        monkeypatch.setattr(program, "FIGURES", tmp_path / "var" / "bench.json")
        monkeypatch.setattr(program, "REPORT", tmp_path / "var" / "bench.md")
        monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        return program.main()

    return start


def fail(bench: Bench) -> None:
    raise AssertionError("nothing was stored")


def test_row_that_fails_ends_neither_others_nor_report_but_fails_run(run: Any, capsys: Any, tmp_path: Any) -> None:
    done: list[int] = []
    assert run("--rounds", "2", resume=fail, loss=lambda bench: done.append(1)) == 1
    assert done == [1, 1]
    assert capsys.readouterr().err.count("failed: round 2 of 2: resume") == 1
    assert "| posts a second, 4 posters |" in (tmp_path / "var" / "bench.md").read_text()
    assert run(loss=lambda bench: done.append(1)) == 0


def test_line_without_figure_fails_full_run(run: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    lost = LINES[3]
    monkeypatch.setattr(program, "missing", lambda results: [lost.title])
    assert run("--quick") == 1
    assert f"no figure for “{lost.title}”" in capsys.readouterr().err
    assert run("--only", "posting") == 0


def test_missing_names_lines_without_any_figure() -> None:
    results = Results()
    results.begin("posting", 0.2)
    for line in LINES[1:]:
        results.add(line.figure, "raw", 1.0)
    assert missing(results) == [LINES[0].title]


def test_load_before_each_round_stands_beside_its_figures() -> None:
    results = Results()
    for load in (0.11, 0.29, 0.07):
        results.begin("posting", load)
        results.add("posting-rate", "corkboard", 400.0)
    assert re.search(r"^\| posts a second, 4 posters \|.* 400 \|.*\| 0\.11, 0\.29, 0\.07 \|$", render(results), re.M)


@pytest.mark.parametrize(("load", "waits"), [(0.0, False), (0.29, False), (0.3, True), (4.0, True)])
def test_round_waits_for_quiet_machine_but_not_for_ever(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, load: float, waits: bool
) -> None:
    clock = [0.0]
    monkeypatch.setattr(program.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(program.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    assert run("--rounds", "1", "--patience", "30", load=load) == 0
    assert clock[0] == (60.0 if waits else 0.0)  # before the round, and before what is measured once
    assert "30 s at most" in (tmp_path / "var" / "bench.md").read_text()
    assert f"| {load:.2f} |" in (tmp_path / "var" / "bench.md").read_text()


def test_figures_kept_from_last_report_are_read_again(run: Any, tmp_path: Any) -> None:
    assert run("--rounds", "1", load=0.2) == 0
    assert run("--rounds", "1", "--only", "idle", "--keep", load=0.1) == 0
    kept = Results()
    kept.load(tmp_path / "var" / "bench.json")
    assert kept.loads == {"posting": [0.2], "idle": [0.1]}
    assert missing(kept) == []


def test_every_row_and_every_program_of_benchmark_is_run() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks" / "rows").glob("[a-z]*.py")}
    assert modules == {*program.ROWS, *program.ONCE}
    programs = {
        str(path.relative_to(ROOT / "benchmarks"))
        for path in (ROOT / "benchmarks").rglob("*.py")
        if '__name__ == "__main__"' in path.read_text()
    }
    # The rows start those of the load; the Makefile's target starts the two others.
    assert programs == {"__main__.py", "hooks.py", "load/posters.py", "load/publisher.py", "load/readers.py"}
    target = (ROOT / "Makefile").read_text().partition("\nbench:")[2].partition("\n\n")[0]
    assert "-m benchmarks --rounds" in target
    assert "-m benchmarks.hooks --quick" in target
