"""The verdict must be able to fail: each way in which a reader or the database can differ is found."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos import plan, verdict
from tests.chaos.kinds import CHANGING, KINDS
from tests.chaos.plan import Options, ReaderSpec
from tests.chaos.readers.record import Got, Record
from tests.chaos.writers import Accepted, Ledger

TEXTS = {1: "one", 2: "two", 3: "three"}
LOG = {"a": TEXTS}


def record(*got: tuple[int, str], start: int = 0) -> Record:
    spec = ReaderSpec(0, "stream, documented, one room", ("a",), 0.0, ())
    messages = [Got(eid, text, 10.0 + eid) for eid, text in got]
    return Record(spec, start={"a": start}, last={"a": 3}, got={"a": messages}, live=[(0.0, True)])


def ledger(texts: dict[int, str] = TEXTS) -> Ledger:
    return Ledger([Accepted("a", eid, text, eid, eid + 0.1, eid, 1) for eid, text in texts.items()], {"never"})


def database(texts: dict[int, str] = TEXTS) -> dict[str, Any]:
    return {
        "counters": {"a": max(texts), "empty": 0},
        "events": [["a", eid, "message", f'{{"text":"{text}"}}'] for eid, text in texts.items()],
        "messages": [["a", eid, text] for eid, text in texts.items()],
    }


def test_an_exact_reader_has_nothing_against_it() -> None:
    assert verdict.check_reader(record(*TEXTS.items()), LOG, ledger()) == []
    assert verdict.check_reader(record((3, "three"), start=2), LOG, ledger()) == []


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (((1, "one"), (2, "two")), "lacks 3 of 1 to 3"),
        (((1, "one"), (3, "three")), "lacks 2 of 1 to 3"),
        ((), "lacks 1–3"),
        (((1, "one"), (2, "two"), (2, "two"), (3, "three")), "not in order, or twice: 2"),
        (((2, "two"), (1, "one"), (3, "three")), "not in order, or twice: 1"),
        (((1, "one"), (2, "two"), (3, "three"), (4, "four")), "has 4, which the log has not"),
        (((1, "one"), (2, "else"), (3, "three")), "2 has another text"),
        (((1, "one"), (2, "never"), (3, "three")), "2 was rolled back"),
    ],
)
def test_every_difference_of_a_reader_is_found(got: tuple[tuple[int, str], ...], words: str) -> None:
    assert words in "\n".join(verdict.check_reader(record(*got), LOG, ledger()))


def test_a_database_that_agrees_has_nothing_against_it() -> None:
    assert verdict.check_database(database(), ledger()) == []


@pytest.mark.parametrize(
    ("stored", "posted", "words"),
    [
        ({1: "one", 2: "two"}, TEXTS, "accepted and not stored so: ('a', 3)"),
        (TEXTS, {1: "one", 2: "two"}, "stored and never answered: ('a', 3)"),
        ({1: "one", 3: "three"}, {1: "one", 3: "three"}, "the ids of the log are not 1 to 3"),
        ({1: "one", 2: "one"}, {1: "one", 2: "one"}, "stored 2 times: 'one'"),
        ({1: "one", 2: "never"}, {1: "one", 2: "never"}, "rolled back and stored: 'never'"),
    ],
)
def test_every_difference_of_the_database_is_found(stored: dict[int, str], posted: dict[int, str], words: str) -> None:
    assert words in "\n".join(verdict.check_database(database(stored), ledger(posted)))


def test_messages_without_their_events_are_found() -> None:
    wrong = database() | {"messages": []}
    assert "the messages and the events of the database differ" in verdict.check_database(wrong, ledger())


def test_healing_is_measured_from_the_fault() -> None:
    reader = record(*TEXTS.items())
    reader.live = [(0.0, True), (1.6, False), (4.0, True)]
    delivered = verdict.deliveries([reader], ledger())
    healing = verdict.heal(1.5, 2.5, [reader], ledger(), delivered)
    assert healing.posts == pytest.approx(0.6)
    assert healing.streams == pytest.approx(2.5)
    assert healing.ended == 1
    assert healing.events == pytest.approx(10.5)  # message 2, accepted at 2.1, came at 12


def test_the_same_options_make_the_same_plan() -> None:
    options = Options(seed=5, duration=600)
    assert plan.make(options) == plan.make(options)
    assert plan.make(options) != plan.make(replace(options, seed=6))


def test_a_run_of_ten_minutes_has_every_fault_five_times() -> None:
    faults = plan.make(Options(seed=1)).faults
    assert {kind: sum(fault.kind == kind for fault in faults) for kind in plan.FAULTS} == dict.fromkeys(plan.FAULTS, 5)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert faults[-1].at <= 575


def test_a_short_run_has_two_ways_to_end_pushpin_and_gunicorn_and_every_other_fault() -> None:
    for seed in range(20):
        kinds = [fault.kind for fault in plan.make(Options(seed=seed, duration=60)).faults]
        assert len(kinds) == len(set(kinds)) == 10
        assert [sum(kind in alike for kind in kinds) for alike in plan.ALIKE] == [2, 2]
    assert len(plan.make(Options(seed=1, duration=90)).faults) == len(plan.FAULTS)


def test_sqlite_has_no_postgresql_to_kill() -> None:
    faults = plan.make(Options(seed=1, duration=90, database="sqlite")).faults
    assert {fault.kind for fault in faults} == set(plan.FAULTS) - {"kill -9 of PostgreSQL"}


def test_long_polls_heal_apart_from_streams() -> None:
    poll = record(*TEXTS.items())
    poll.spec = replace(poll.spec, kind_name="long-poll, one room")
    poll.live = [(0.0, True), (1.6, False), (9.0, True)]
    healing = verdict.heal(1.5, 2.5, [poll], ledger(), verdict.deliveries([poll], ledger()))
    assert healing.streams is None
    assert healing.polls == pytest.approx(7.5)
    assert healing.events is None  # 10 s are no more than a wait


def test_all_transports_have_a_third_of_the_readers() -> None:
    shares = {kind.transport: 0 for kind in KINDS.values()}
    for kind in KINDS.values():
        shares[kind.transport] += kind.share
    assert sum(shares.values()) == 60
    assert min(count for name, count in shares.items() if name != CHANGING) >= 18
