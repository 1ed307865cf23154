"""The verdict: what every reader has, against what was accepted and what the database holds. Pure functions."""

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.kinds import POLL_SECONDS
from tests.chaos.readers.record import Record
from tests.chaos.writers import Ledger

Log = Mapping[str, Mapping[int, str]]  # room -> event id -> text


@dataclass(frozen=True)
class Healing:
    """How long after a fault things worked again, in seconds; None where nothing was disturbed."""

    posts: float | None  # a post that was begun after it was answered 2xx
    streams: float | None  # the last prompt reader whose stream or socket ended had one again
    polls: float | None  # the last prompt one whose long-poll failed was answered again
    events: float | None  # the last event came that was late
    ended: int  # streams, sockets and long-polls of prompt readers that ended


@dataclass(frozen=True)
class Delivery:
    """One event to one prompt reader. `at` is time.monotonic()."""

    at: float  # when the poster had its answer
    seconds: float  # until the reader had it; 0 when it was faster than the poster
    transport: str
    late: bool  # later than a lost publish makes it
    what: str  # which event, to whom


LATE_SECONDS = 5.0  # the bound of what is repaired by the relay, or by a `newest`
LATE_POLL_SECONDS = POLL_SECONDS + 5.0  # and by the end of a wait


def log_of(database: Mapping[str, Any]) -> dict[str, dict[int, str]]:
    """The logged messages by room and id, from what Parts.read_log returned."""
    log: dict[str, dict[int, str]] = {}
    for room, eid, kind, data in database["events"]:
        if kind == "message":
            log.setdefault(room, {})[eid] = json.loads(data)["text"]
    return log


def check_database(database: Mapping[str, Any], ledger: Ledger) -> list[str]:
    """What is wrong with what is stored: log, messages, counters and accepted posts must agree."""
    log, problems = log_of(database), list(ledger.faults)
    messages: dict[str, dict[int, str]] = {}
    for room, eid, text in database["messages"]:
        messages.setdefault(room, {})[eid] = text
    if messages != log:
        problems.append("the messages and the events of the database differ")
    for room, entries in log.items():
        if sorted(entries) != list(range(1, database["counters"][room] + 1)):
            problems.append(f"{room}: the ids of the log are not 1 to {database['counters'][room]}")
    accepted = {(post.room, post.eid): post.text for post in ledger.accepted}
    if len(accepted) != len(ledger.accepted):
        problems.append("two accepted posts were given the same id")
    stored = {(room, eid): text for room, entries in log.items() for eid, text in entries.items()}
    problems += [f"accepted and not stored so: {key}" for key, text in accepted.items() if stored.get(key) != text]
    problems += [
        f"stored and never answered: {key} {text[:60]!r}" for key, text in stored.items() if key not in accepted
    ]
    problems += [f"rolled back and stored: {text[:60]!r}" for text in stored.values() if text in ledger.rolled_back]
    problems += [f"stored {n} times: {text[:60]!r}" for text, n in Counter(stored.values()).items() if n > 1]
    return problems


def check_reader(record: Record, log: Log, ledger: Ledger, zero: float = 0.0) -> list[str]:
    """How a reader differs from the log: nothing when it is exact. Times are said in seconds after `zero`."""
    problems = list(record.faults)
    accepted = {(post.room, post.eid): post.at - zero for post in ledger.accepted}
    for room, start in record.start.items():
        wanted = {eid: text for eid, text in log.get(room, {}).items() if eid > start}
        got = record.got[room]
        ids = [message.eid for message in got]
        if ids != sorted(set(ids)):
            problems.append(f"{room}: not in order, or twice: {ranges(_out_of_order(ids))}")
        if missing := sorted(set(wanted) - set(ids)):
            when = accepted.get((room, missing[0]), float("nan"))
            lacks = f"lacks {ranges(missing)} of {start + 1} to {max(wanted)}"
            problems.append(f"{room}: {lacks}, the first of them accepted at {when:.1f} s")
        if extra := sorted(set(ids) - set(wanted)):
            problems.append(f"{room}: has {ranges(extra)}, which the log has not")
        for message in got:
            if message.eid in wanted and wanted[message.eid] != message.text:
                problems.append(f"{room}: {message.eid} has another text: {message.text[:60]!r}")
            if message.text in ledger.rolled_back:
                problems.append(f"{room}: {message.eid} was rolled back: {message.text[:60]!r}")
    return problems


def is_complete(record: Record, counters: Mapping[str, int]) -> bool:
    """Whether the reader has come to the end of all its rooms, and follows them."""
    return (
        bool(record.live)
        and record.live[-1][1]
        and all(last >= counters.get(room, 0) for room, last in record.last.items())
    )


def completed_at(record: Record) -> float:
    """When the reader got its last message (time.monotonic()); 0 when it got none."""
    return max((got[-1].at for got in record.got.values() if got), default=0.0)


def deliveries(records: Sequence[Record], ledger: Ledger) -> list[Delivery]:
    """Every event to every prompt reader, but what was accepted before the reader came."""
    accepted = {(post.room, post.eid): post.at for post in ledger.accepted}
    found = []
    for record in records:
        if not record.spec.kind.prompt or not record.live:
            continue
        came, kind = record.live[0][0], record.spec.kind
        bound = LATE_POLL_SECONDS if kind.transport == "long-poll" else LATE_SECONDS
        for room, got in record.got.items():
            for message in got:
                at = accepted.get((room, message.eid))
                if at is not None and at >= came:
                    seconds = max(0.0, message.at - at)
                    what = f"{room} {message.eid} to {record.spec}"
                    found.append(Delivery(at, seconds, kind.transport, seconds > bound, what))
    return found


def heal(at: float, until: float, records: Sequence[Record], ledger: Ledger, delivered: Sequence[Delivery]) -> Healing:
    """What a fault at `at` did until the next one at `until` (time.monotonic()). `delivered` is of deliveries()."""
    answered = min((post.at for post in ledger.accepted if post.began >= at), default=None)
    back: dict[bool, float] = {}  # of streams and sockets, of long-polls
    ended = 0
    for record in records:
        if not record.spec.kind.prompt:
            continue
        for moment, live in record.live:
            if not live and at <= moment < until:
                ended += 1
                polls = record.spec.kind.transport == "long-poll"
                back[polls] = max(back.get(polls, 0.0), _next_open(record, moment))
    events = [one.at + one.seconds for one in delivered if one.late and at <= one.at + 1 < until + 1]
    return Healing(
        None if answered is None else answered - at,
        back[False] - at if False in back else None,
        back[True] - at if True in back else None,
        max(events) - at if events else None,
        ended,
    )


def ranges(ids: Sequence[int]) -> str:
    """`1–3, 7` for 1, 2, 3, 7."""
    parts: list[list[int]] = []
    for eid in sorted(ids):
        if parts and eid == parts[-1][1] + 1:
            parts[-1][1] = eid
        else:
            parts.append([eid, eid])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in parts[:20]]
    return ", ".join(shown) + (" …" if len(parts) > 20 else "")


def _out_of_order(ids: Sequence[int]) -> list[int]:
    return [after for before, after in itertools.pairwise(ids) if after <= before]


def _next_open(record: Record, moment: float) -> float:
    return next((at for at, live in record.live if live and at > moment), float("inf"))
