"""One run: starts everything, lets writers write and readers read while the faults of the plan happen, then judges."""

import asyncio
import resource
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import verdict
from tests.chaos.faults import inflict
from tests.chaos.kinds import PLAIN_SECONDS
from tests.chaos.parts import Parts
from tests.chaos.plan import Fault, Plan
from tests.chaos.readers import Reader
from tests.chaos.readers.idle import never_read
from tests.chaos.readers.record import Record
from tests.chaos.socket_writer import SocketWriter
from tests.chaos.writers import LAST_SECONDS, Ledger, Writer

AGAIN_SECONDS = 8.0  # a fault that finds nobody to harm waits so long for the supervisor
OPEN_SECONDS = 20.0  # for all readers to open their first stream
QUIET_SECONDS = PLAIN_SECONDS + 5
AFTER_SECONDS = 2.0  # once all are complete: time for something that nobody may see


@dataclass(frozen=True)
class Done:
    """A fault that was done: when (time.monotonic()), and what in words. Without words there was nobody to harm."""

    fault: Fault
    at: float
    words: str


@dataclass
class Outcome:
    """What is left of a run to judge and report. Times are of time.monotonic()."""

    plan: Plan
    zero: float = 0.0
    ended: float = 0.0  # when the last post was answered
    faults: list[Done] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    records: list[Record] = field(default_factory=list)
    database: dict[str, Any] = field(default_factory=dict)
    harm: dict[str, int] = field(default_factory=dict)
    recoveries: int = 0
    problems: list[str] = field(default_factory=list)  # that belong to no reader
    generator_share: float = 0.0  # of one core, used by readers and writers


class Run:
    """Carries out a plan on `parts`. `say` is given each line of the timeline."""

    def __init__(self, plan: Plan, parts: Parts, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._parts = parts
        self._say = say
        self._outcome = Outcome(plan)

    async def carry_out(self) -> Outcome:
        """From the first reader to the last event."""
        outcome, options = self._outcome, self._plan.options
        outcome.zero = time.monotonic()
        began = _cpu_seconds()
        clients = [Reader(self._parts.url, spec, options.seed) for spec in self._plan.readers]
        outcome.records = [client.record for client in clients]
        work: list[Coroutine[Any, Any, None]] = [client.run(outcome.zero) for client in clients]
        work += [self._parts.supervise()]
        work += [never_read("127.0.0.1", self._parts.port, self._plan.rooms) for _ in range(options.readers // 10)]
        tasks = [asyncio.create_task(coroutine) for coroutine in work]
        try:
            await self._wait_open()
            await self._write_under_faults()
            await self._wait_complete()
        finally:
            outcome.generator_share = (_cpu_seconds() - began) / (time.monotonic() - outcome.zero)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        outcome.problems += [f"a task of the run ended: {end!r}" for end in ends if isinstance(end, Exception)]
        return outcome

    async def _wait_open(self) -> None:
        waiting = [record for record in self._outcome.records if record.spec.starts_at == 0]
        await self._until(lambda: all(record.live for record in waiting), OPEN_SECONDS)
        self._note(f"{sum(bool(record.live) for record in waiting)} of {len(waiting)} streams are open")

    async def _write_under_faults(self) -> None:
        outcome, options = self._outcome, self._plan.options
        stop = asyncio.Event()
        writers = [
            (SocketWriter if number % 3 == 2 else Writer)(self._parts.url, number, self._plan, outcome.ledger)
            for number in range(options.writers)
        ]
        tasks = [asyncio.create_task(writer.run(stop)) for writer in writers]
        for fault in self._plan.faults:
            await self._sleep_until(fault.at)
            await self._do(fault)
        await self._sleep_until(options.duration)
        stop.set()
        _, unfinished = await asyncio.wait(tasks, timeout=LAST_SECONDS)
        outcome.ended = max((post.at for post in outcome.ledger.accepted), default=time.monotonic())
        self._parts.command_forwarder("calm")
        self._note(f"the writers end after {len(outcome.ledger.accepted)} accepted messages")
        outcome.problems += [f"{len(unfinished)} writers had no answer to their last post"] if unfinished else []
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        outcome.problems += [f"a writer stumbled: {end!r}" for end in ends if isinstance(end, Exception)]

    async def _do(self, fault: Fault) -> None:
        words = ""

        def happens() -> bool:
            nonlocal words
            words = inflict(fault, self._parts, self._outcome.ledger)
            return bool(words)

        await self._until(happens, AGAIN_SECONDS)
        self._outcome.faults.append(Done(fault, time.monotonic(), words))
        self._note(f"{fault.kind}: {words or 'nobody to harm'}")

    async def _wait_complete(self) -> None:
        outcome = self._outcome
        outcome.database = await asyncio.to_thread(self._parts.read_log)
        counters = outcome.database["counters"]
        await self._until(
            lambda: all(verdict.is_complete(record, counters) for record in outcome.records),
            outcome.ended + QUIET_SECONDS - time.monotonic(),
        )
        complete = sum(verdict.is_complete(record, counters) for record in outcome.records)
        self._note(f"{complete} of {len(outcome.records)} readers have everything")
        await asyncio.sleep(AFTER_SECONDS)
        outcome.recoveries = self._parts.recoveries()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            await asyncio.sleep(0.1)

    async def _sleep_until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, self._outcome.zero + at - time.monotonic()))

    def _note(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._outcome.zero:7.1f} s  {text}")


def run(plan: Plan, say: Callable[[str], None]) -> tuple[Outcome, Parts]:
    """Start the parts, carry the plan out, end the parts. They keep their folder for the caller to remove."""
    with Parts(plan.options, say) as parts:
        parts.keep = True
        outcome = asyncio.run(Run(plan, parts, say).carry_out())
    outcome.harm = parts.harm
    return outcome, parts


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
