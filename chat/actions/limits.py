"""What may not be done without end: posting, changing things, signing in. Counted in the database, so that the count
holds over all processes and machines."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from chat.models import Tally, digest_of
from chat.problems import Problem

# Rows are taken in the order of their keys, here as everywhere, so that two of these never wait for each other.
# A window that begins in the future is of a clock that was set back: it begins anew. Two machines' clocks, and the
# moments before and after a wait for the row, differ by less than SKEW: then only the end of the window comes nearer.
_TAKE = """
INSERT INTO chat_tally (key, count, until) VALUES {rows}
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN chat_tally.until <= %s OR chat_tally.until > excluded.until + {skew}
        THEN 1 ELSE chat_tally.count + 1 END,
    until = CASE WHEN chat_tally.until <= %s OR chat_tally.until > excluded.until
        THEN excluded.until ELSE chat_tally.until END
RETURNING key, count, until
"""
SKEW = 5000  # milliseconds
_chance = random.SystemRandom()
_PAUSE = 5  # seconds until another try is worth it
_WORDS = {
    "RATE_LIMITED": "That was too much in a short time.",
    "TOO_MANY_ATTEMPTS": "That was tried too often.",
}
TOO_MANY_ROOMS = "Too many rooms were made from your address."


@dataclass(frozen=True)
class Limit:
    """`most` times `what` by `who` in a window of so many seconds, which begins with the first of them."""

    what: str
    who: str
    most: int
    seconds: int

    @property
    def key(self) -> str:
        """Under which it is counted: neither names nor addresses are stored."""
        return digest_of(f"{self.what}\0{self.who}\0{self.seconds}")


def take(limits: Sequence[Limit], code: str = "RATE_LIMITED", words: str = "") -> None:
    """Count one more under each of these limits. One statement, whatever their number; none for no limits.

    Must run in a transaction that a refusal rolls back, before anything else that it locks, or, other limits than
    those, after all of it: the rows stay locked until it ends. So the counts are exact, however many do it at once, and
    what is refused, for this or for another reason, counts nowhere. Raises Problem `code`, in these `words`, with the
    seconds after which it is accepted.
    """
    if not limits:
        return
    tallies = _count(limits)
    waits = [_wait(until, limit.seconds) for limit in limits if (until := _over(limit, tallies))]
    if waits:
        raise _too_much(code, max(waits), words)


def slow_down(limit: Limit) -> None:
    """Count an attempt at what anybody may try, so that nobody can use it up for others: above the limit chance
    decides, the more rarely the more there were. Who is refused by chance has not used anything up. Raises Problem
    TOO_MANY_ATTEMPTS.

    Of many more attempts than the limit about the root of twice their number times the limit get through.
    """
    with transaction.atomic():
        count, _ = _count([limit])[limit.key]
        if count > limit.most and _chance.random() * count > limit.most:
            words = "Somebody tries many passwords for this name, so only some tries are looked at."
            raise Problem("TOO_MANY_ATTEMPTS", f"{words} Try again in a moment.", retry_after=_PAUSE)


def attempt(limits: Sequence[Limit], code: str = "TOO_MANY_ATTEMPTS") -> None:
    """As take, for what has no transaction of its own: it counts before it is known how it ends. Raises Problem."""
    if limits:
        with transaction.atomic():
            take(limits, code)


def give_back(limits: Sequence[Limit]) -> None:
    """Take one back under each: it was a good one."""
    Tally.objects.filter(key__in=[limit.key for limit in limits], count__gt=0).update(count=F("count") - 1)


def forget(limit: Limit) -> None:
    """Take all back."""
    Tally.objects.filter(key=limit.key).delete()


def prune_tallies(before: datetime) -> None:
    """Remove what has not counted since `before`."""
    Tally.objects.filter(until__lt=int(before.timestamp() * 1000)).delete()


def _count(limits: Sequence[Limit]) -> dict[str, tuple[int, int]]:
    """Count one under each limit; by key how many there are now, and until when they count. One statement."""
    by_key = {limit.key: limit for limit in limits}
    now = _now()
    rows = [(key, 1, now + by_key[key].seconds * 1000) for key in sorted(by_key)]
    with connection.cursor() as cursor:
        statement = _TAKE.format(rows=",".join(["(%s, %s, %s)"] * len(rows)), skew=SKEW)
        cursor.execute(statement, [*(value for row in rows for value in row), now, now])
        return {key: (count, until) for key, count, until in cursor.fetchall()}


def _over(limit: Limit, tallies: dict[str, tuple[int, int]]) -> int | None:
    """Until when the limit is used up; None when it is not."""
    count, until = tallies[limit.key]
    return until if count > limit.most else None


def _now() -> int:
    """In milliseconds since 1970."""
    return int(timezone.now().timestamp() * 1000)


def _wait(until: int, window: int) -> int:
    """Seconds until the window is over, never more than it has. Rounded up: then it is over."""
    return min(window, max(1, math.ceil((until - _now()) / 1000)))


def _too_much(code: str, seconds: int, words: str = "") -> Problem:
    wait = f"{seconds} seconds" if seconds > 1 else "a second"
    if seconds > 90:
        wait = f"{math.ceil(seconds / 60)} minutes"
    return Problem(code, f"{words or _WORDS[code]} Try again in {wait}.", retry_after=seconds)
