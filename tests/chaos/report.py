"""The report of a run, in text, and whether it passed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.chaos import verdict
from tests.chaos.kinds import KINDS
from tests.chaos.plan import Options, Plan
from tests.chaos.readers.record import Record
from tests.chaos.run import Outcome
from tests.chaos.verdict import Delivery, Healing
from tests.client import TRANSPORTS

# Seconds after a fault; other faults may follow meanwhile.
POSTS_BOUND = 15.0
STREAMS_BOUND = 30.0
POLLS_BOUND = 45.0  # a long-poll that was lost is given up 10 s later than a stream, and is not answered for 5 s more
EVENTS_BOUND = 45.0
SLOW_SECONDS, SHOWN = 5.0, 8  # which deliveries are named, and how many at most


def header(plan: Plan) -> Iterator[str]:
    """What the run will be, and how to have it again."""
    options = plan.options
    yield (
        f"Fault run of {options.duration} s, seed {options.seed}: {options.readers} readers, {options.writers} writers,"
        f" {options.rooms} rooms, {options.database}, {len(plan.faults)} faults."
    )
    yield f"Again with the same plan: {again(options)}"
    yield ""


def again(options: Options) -> str:
    """The command that repeats a run."""
    return (
        f"make chaos DURATION={options.duration} SEED={options.seed} READERS={options.readers}"
        f" WRITERS={options.writers} ROOMS={options.rooms} DATABASE={options.database}"
    )


def write(outcome: Outcome, say: Callable[[str], None]) -> bool:
    """Say everything; whether the run passed."""
    delivered = verdict.deliveries(outcome.records, outcome.ledger)
    problems = [*outcome.problems, *verdict.check_database(outcome.database, outcome.ledger)]
    problems += list(_healing(outcome, delivered, say))
    problems += _never_done(outcome)
    say("")
    for line in _summary(outcome, delivered):
        say(line)
    say("")
    differing = _verdicts(outcome, problems, say)
    for problem in problems:
        say(f"PROBLEM  {problem}")
    passed = not problems and not differing
    exact = f"{len(outcome.records) - differing} of {len(outcome.records)} readers exact"
    say(f"{'PASSED' if passed else 'FAILED'}: {exact}")
    if not passed:
        say(f"again: {again(outcome.plan.options)}")
    return passed


def _healing(outcome: Outcome, delivered: Sequence[Delivery], say: Callable[[str], None]) -> Iterator[str]:
    """The table of faults and their repair; yields what took too long."""
    say("")
    late, late_poll = verdict.LATE_SECONDS, verdict.LATE_POLL_SECONDS
    say("Until it worked again, in seconds: a new post is answered; all prompt readers whose stream or socket ended")
    say("have one; those whose long-poll failed are answered;")
    say(f"the last event is there that took longer than {late:.0f} s (by long-polling {late_poll:.0f} s).")
    say(f"{'at':>8}  {'posts':>6} {'streams':>8} {'polls':>6} {'ended':>6} {'events':>7}  fault")
    moments = [done.at for done in outcome.faults] + [outcome.ended]
    longest: dict[str, tuple[float, str]] = {}
    for number, done in enumerate(outcome.faults):
        healing = verdict.heal(done.at, moments[number + 1], outcome.records, outcome.ledger, delivered)
        say(
            f"{done.at - outcome.zero:8.1f}  {_seconds(healing.posts):>6} {_seconds(healing.streams):>8}"
            f" {_seconds(healing.polls):>6} {healing.ended:>6} {_seconds(healing.events):>7}  {done.fault.kind}"
        )
        fault = f"{done.fault.kind} at {done.at - outcome.zero:.1f} s"
        for what, seconds, bound in _repairs(healing):
            longest[what] = max(longest.get(what, (0.0, "")), (seconds, fault))
            if seconds > bound:
                yield f"{fault}: {what} took {seconds:.1f} s, more than {bound:.0f} s"
    say("Longest: " + "; ".join(f"{what} {seconds:.1f} s ({fault})" for what, (seconds, fault) in longest.items()))


def _repairs(healing: Healing) -> Iterator[tuple[str, float, float]]:
    """What was disturbed: its name, how long, how long it may take."""
    for what, seconds, bound in (
        ("posts", healing.posts, POSTS_BOUND),
        ("streams", healing.streams, STREAMS_BOUND),
        ("long-polls", healing.polls, POLLS_BOUND),
        ("events", healing.events, EVENTS_BOUND),
    ):
        if seconds is not None:
            yield what, seconds, bound


def _never_done(outcome: Outcome) -> list[str]:
    done = {done.fault.kind for done in outcome.faults if done.words}
    return [f"{kind}: planned and never done" for kind in {fault.kind for fault in outcome.plan.faults} - done]


def _summary(outcome: Outcome, delivered: Sequence[Delivery]) -> Iterator[str]:
    ledger, records = outcome.ledger, outcome.records
    rooms = {post.room for post in ledger.accepted}
    yield f"Readers     {len(records)}, and {len(records) // 10} that never read"
    yield f"Generator   {outcome.generator_share:.0%} of a core, for readers and writers"
    yield f"Messages    {len(ledger.accepted)} accepted in {len(rooms)} rooms"
    yield from _list("Writers", ledger.counts)
    yield from _list("Faults", Counter(done.fault.kind for done in outcome.faults if done.words))
    yield from _list("Publishes", Counter(outcome.harm))
    yield from _list("Clients", sum((record.counts for record in records), Counter()))
    duplicates = sum(record.duplicates for record in records)
    yield f"Repairs     {outcome.recoveries} recovery requests of Pushpin, {duplicates} duplicates on the wire"
    yield "Delivery    after the poster's answer, to prompt readers"
    for transport in TRANSPORTS:
        delays = sorted(one.seconds for one in delivered if one.transport == transport)
        if delays:
            points = ", ".join(f"{name} {delays[int(part * (len(delays) - 1))]:.3f} s" for name, part in _POINTS)
            yield f"            {transport}: {points}, of {len(delays)}"
    yield "Slowest"
    for one in _slowest(delivered):
        yield f"{one.seconds:10.1f} s after {one.at - outcome.zero:.1f} s: {one.what}"


def _slowest(delivered: Sequence[Delivery]) -> list[Delivery]:
    """The deliveries that took longest, one for each event."""
    slowest = {one.at: one for one in sorted(delivered, key=lambda one: one.seconds) if one.seconds > SLOW_SECONDS}
    return sorted(slowest.values(), key=lambda one: -one.seconds)[:SHOWN]


_POINTS = (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))


def _verdicts(outcome: Outcome, problems: list[str], say: Callable[[str], None]) -> int:
    """Say for each kind how many are exact and how quickly, and each reader that is not. Returns how many differ."""
    log = verdict.log_of(outcome.database)
    differing = 0
    for name, kind in KINDS.items():
        exact, slowest = 0, 0.0
        records = [record for record in outcome.records if record.spec.kind_name == name]
        for record in records:
            wrong = verdict.check_reader(record, log, outcome.ledger, outcome.zero)
            for problem in wrong:
                say(f"WRONG    {record.spec}: {problem}")
            if wrong:
                say(f"         {_story(record, outcome.zero)}")
            tail = verdict.completed_at(record) - outcome.ended
            if not wrong and tail > kind.bound:
                problems.append(
                    f"{record.spec} was complete {tail:.1f} s after the last post, more than {kind.bound:.0f} s;"
                    f" {_story(record, outcome.zero)}"
                )
            exact += not wrong
            slowest = max(slowest, tail)
        differing += len(records) - exact
        say(f"{exact:4} of {len(records):3} exact, complete {slowest:5.1f} s after the last post: {name}")
    return differing


def _story(record: Record, zero: float) -> str:
    """When a reader tried to open something, and when it was served and no more."""
    moments = [(at, "tried") for at in record.tries]
    moments += [(at, "opened" if live else "ended") for at, live in record.live]
    return "its streams (s): " + ", ".join(f"{at - zero:.1f} {what}" for at, what in sorted(moments))


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _list(title: str, counts: Counter[str]) -> Iterator[str]:
    for number, (name, count) in enumerate(sorted(counts.items())):
        yield f"{'' if number else title:<10}{count:6} {name}"
