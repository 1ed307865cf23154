"""Shares of a pool of workers: what one person or one host makes slow keeps nobody else waiting.

A maker holds a quarter of the workers at most, and so does a host; a host may hold twice as many, as long as they are
for makers who have nothing else under way and whose receivers were not slow. What was slow the last time holds half of
all workers at most. The last quarter is for makers who have nothing under way: so many accounts together don't hold
them all either.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Errand:
    """Something to be done by a worker: `pk` is its own, `is_slow` how long it took the last time."""

    pk: int
    maker: int | None
    host: str
    is_slow: bool = False


def choose(waiting: Sequence[Errand], under_way: Collection[Errand], workers: int) -> list[Errand]:
    """Which of those who wait begin now, beside those under way. `waiting`: who waits for longest first.

    Makers take turns: one with less under way comes before one with more.
    """
    quarter = max(1, workers // 4)
    makers = Counter(errand.maker for errand in under_way)
    hosts = Counter(errand.host for errand in under_way)
    slow, left = sum(errand.is_slow for errand in under_way), workers - len(under_way)
    chosen: list[Errand] = []
    for errand in _by_turns(waiting, makers):
        held = makers[errand.maker]
        if left <= 0:
            break
        if held >= quarter or (held and left <= quarter) or (errand.is_slow and slow >= workers // 2):
            continue
        if hosts[errand.host] >= (quarter if held or errand.is_slow else 2 * quarter):
            continue
        makers[errand.maker] += 1
        hosts[errand.host] += 1
        slow, left = slow + errand.is_slow, left - 1
        chosen.append(errand)
    return chosen


def _by_turns(waiting: Sequence[Errand], makers: Counter[int | None]) -> list[Errand]:
    turns = Counter(makers)
    ranked = []
    for errand in waiting:
        ranked.append((turns[errand.maker], errand))
        turns[errand.maker] += 1
    return [errand for _, errand in sorted(ranked, key=lambda pair: pair[0])]
