"""The table: what was measured, beside what is wanted."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.rows.workers import CONNECTIONS

PEERS = ("raw", "tutorial", "channels", "corkboard")


@dataclass(frozen=True)
class Target:
    """`factor` times a yardstick's figure, or with no yardstick the number itself; at least or at most."""

    factor: float
    yardstick: str = ""
    figure: str = ""  # of the yardstick, when it is not the line's own
    most: bool = False


@dataclass(frozen=True)
class Line:
    """One figure of the table and what is wanted of Corkboard."""

    figure: str
    title: str
    digits: int = 0
    targets: tuple[Target, ...] = ()


def least(factor: float, yardstick: str = "", figure: str = "") -> Target:
    """At least that."""
    return Target(factor, yardstick, figure)


def most(factor: float, yardstick: str = "", figure: str = "") -> Target:
    """At most that."""
    return Target(factor, yardstick, figure, most=True)


ALL = (least(100),)
NONE = (most(0),)
LINES = (
    Line("posting-rate", "posts a second, 4 posters", 0, (least(2, "tutorial"), least(2, "channels"))),
    Line("posting-cpu", "– CPU of a post, ms", 1),
    Line("posting-delivered", "– delivered, %", 1, ALL),
    Line("posting-failed", "– failed", 0, NONE),
    Line(
        "posting-direct-rate",
        "posts a second, straight to web",
        0,
        (least(3.5, "tutorial", "posting-rate"), least(3.5, "channels", "posting-rate")),
    ),
    Line("posting-direct-cpu", "– CPU of a post, ms", 1),
    Line("posting-direct-delivered", "– delivered, %", 1, ALL),
    Line("posting-socket-rate", "posts a second over WebSockets", 0),
    Line("posting-socket-cpu", "– CPU of a post, ms", 1),
    Line("posting-socket-delivered", "– delivered, %", 1),
    *(
        line
        for number in CONNECTIONS
        for line in (
            Line(
                f"workers-proxied-{number}", f"busiest of 2 workers, {number} connections: its share of requests, %", 0
            ),
            Line(f"workers-direct-{number}", "– straight to web", 0),
        )
    ),
    Line("resume-rate", "resumes a second, all at once", 0, (least(0.6, "raw"), least(1, "channels"))),
    Line("resume-unreached", "– answered 502 or 503", 0, NONE),
    Line("resume-5xx", "– other 5xx", 0, (most(1, "raw"),)),
    Line("resume-ended", "– streams that ended", 0),
    Line("resume-missing", "– not back", 0, NONE),
    Line("fanout-rate", "burst: deliveries a second, published alike", 0, (least(0.95, "raw"),)),
    Line("fanout-cpu", "– CPU of the proxy for a million deliveries, s", 1),
    Line("fanout-delivered", "– delivered, %", 1, ALL),
    Line("fanout-posted-rate", "posted: deliveries a second", 0),
    Line("fanout-posted-delivered", "– delivered, %", 1, ALL),
    Line("paced-p50", "20 messages a second: p50, ms", 1),
    Line("paced-p99", "– p99, ms", 1, (most(1.15, "raw"),)),
    Line("paced-cpu", "– CPU of the proxy for a million deliveries, s", 1, (most(1.1, "raw"),)),
    Line("paced-delivered", "– delivered, %", 1, ALL),
    Line("paced-posted-p50", "posted at 20 a second (tutorial, channels: 5): p50, ms", 1),
    Line("paced-posted-p99", "– p99, ms", 1),
    Line("paced-posted-cpu", "– CPU of everything for a million deliveries, s", 1),
    Line("paced-posted-delivered", "– delivered, %", 1, ALL),
    Line("resume-poll-rate", "resumes a second by long-poll", 0),
    Line("resume-poll-5xx", "– answered 5xx", 0),
    Line("resume-poll-missing", "– not back", 0, NONE),
    Line("resume-socket-rate", "resumes a second by WebSocket", 0),
    Line("resume-socket-5xx", "– answered 5xx", 0),
    Line("resume-socket-missing", "– not back", 0, NONE),
    Line("paced-socket-p50", "posted at 20 a second to 200 WebSockets: p50, ms", 1),
    Line("paced-socket-p99", "– p99, ms", 1),
    Line("paced-socket-delivered", "– delivered, %", 1, ALL),
    Line("poll-p50", "a message to 200 long-polls: p50, ms", 1),
    Line("poll-p99", "– p99, ms", 1),
    Line("poll-delivered", "– delivered, %", 1, ALL),
    Line("memory", "memory of an idle stream, KiB", 1, (most(1.05, "raw"),)),
    Line("idle-requests", "requests to Django by idle readers, a minute", 1, (most(10),)),
    Line("loss-seconds", "lost publish, nothing follows: s until all have it", 1, (most(5),)),
    Line("loss-missing", "– readers without it", 0, NONE),
    Line("statements-post", "database statements of a post", 1, (most(7),)),
    Line("statements-resume", "database statements of a resume", 1, (most(4),)),
    Line("growth-post", "1,000,000 messages against 1,000: a post", 2, (most(1.2),)),
    Line("growth-resume", "– a resume", 2, (most(1.2),)),
    Line("growth-history", "– a page of history", 2, (most(1.2),)),
    *(
        line
        for how, title in (("graceful", "graceful restart"), ("killed", "kill -9"))
        for line in (
            Line(f"restart-{how}-dropped", f"{title}: connections dropped", 0, NONE),
            Line(f"restart-{how}-lost", "– messages lost", 0, NONE),
            Line(f"restart-{how}-doubled", "– messages doubled", 0, NONE),
            Line(f"restart-{how}-failed", "– requests failed", 0, NONE if how == "graceful" else ()),
        )
    ),
)


def render(results: Results) -> str:
    """Both tables as Markdown."""
    return f"{_figures(results)}\n\n{_shares(results)}"


def missing(results: Results) -> list[str]:
    """The titles of the lines that have no figure at all."""
    measured = {figure for figure, _ in results.figures}
    return [line.title for line in LINES if line.figure not in measured]


def _figures(results: Results) -> str:
    measured = {figure for figure, _ in results.figures}
    rows = [
        [line.title, *(_cell(results, line, peer) for peer in PEERS), _verdict(results, line), _load(results, line)]
        for line in LINES
        if line.figure in measured
    ]
    return _markdown(["figure: median (min–max)", *PEERS, "target", "load before"], rows)


def _load(results: Results, line: Line) -> str:
    return ", ".join(f"{load:.2f}" for load in results.loads[results.rows[line.figure]])


def _shares(results: Results) -> str:
    rows = sorted({row for row, _ in results.shares})
    cells = [
        [row, *(f"{max(results.shares[row, peer]):.0%}" if (row, peer) in results.shares else "" for peer in PEERS)]
        for row in rows
    ]
    return _markdown(["load generator: its busiest process, share of a core", *PEERS], cells)


def _cell(results: Results, line: Line, peer: str) -> str:
    median, spread = results.median(line.figure, peer), results.spread(line.figure, peer)
    if median is None or spread is None:
        return ""
    low, middle, high = (f"{value:,.{line.digits}f}" for value in (spread[0], median, spread[1]))
    return middle if low == high else f"{middle} ({low}–{high})"


def _verdict(results: Results, line: Line) -> str:
    own = results.median(line.figure, "corkboard")
    return "; ".join(_judge(results, line, target, own) for target in line.targets) if own is not None else ""


def _judge(results: Results, line: Line, target: Target, own: float) -> str:
    sign = "≤" if target.most else "≥"
    fits: Callable[[float, float], bool] = (lambda a, b: a <= b) if target.most else (lambda a, b: a >= b)
    if not target.yardstick:
        return f"{'✓' if fits(own, target.factor) else '✗'} {sign} {target.factor:g}"
    other = results.median(target.figure or line.figure, target.yardstick)
    if other is None:
        return f"{sign} {target.factor:g} × {target.yardstick}: not measured"
    mark = "✓" if fits(own, target.factor * other) else "✗"
    ratio = f"{own / other:.2f} × {target.yardstick}" if other else f"{target.yardstick} has {other:g}"
    return f"{mark} {ratio} ({sign} {target.factor:g})"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
