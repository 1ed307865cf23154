"""What may not be tried without end: signing in, signing up, making guests. Counted in the database, so that the
count holds over all processes."""

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F
from django.utils import timezone

from chat.models import Attempt, digest_of
from chat.problems import Problem

_COUNT = """
INSERT INTO chat_attempt (key, count, until) VALUES (%s, 1, %s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN chat_attempt.until <= %s THEN 1 ELSE chat_attempt.count + 1 END,
    until = CASE WHEN chat_attempt.until <= %s THEN excluded.until ELSE chat_attempt.until END
RETURNING count
"""
_chance = random.SystemRandom()
_PAUSE = 5  # seconds until another try is worth it


@dataclass(frozen=True)
class Limit:
    """So many attempts at `what` by `who` within so many seconds, counted from the first of them."""

    what: str
    who: str
    most: int
    seconds: int

    @property
    def key(self) -> str:
        """Under which it is counted: neither names nor addresses are stored."""
        return digest_of(f"{self.what}\0{self.who}")


def attempt(*limits: Limit) -> None:
    """Count an attempt, before it is known how it ends: as many at once as anybody likes are still no more than the
    limit. Raises Problem TOO_MANY_ATTEMPTS; waiting ends when the time is over, however often it is tried meanwhile.
    """
    now = timezone.now()
    for limit in limits:
        if _count(limit, now) > limit.most:
            raise _too_many(limit, now)


def slow_down(limit: Limit) -> None:
    """Count an attempt at what anybody may try, so that nobody can use it up for others: above the limit chance
    decides, the more rarely the more there were. Who is refused by chance has not used anything up. Raises Problem
    TOO_MANY_ATTEMPTS.

    Of many more attempts than the limit about the root of twice their number times the limit get through.
    """
    count = _count(limit, timezone.now())
    if count > limit.most and _chance.random() * count > limit.most:
        forgive(limit)
        words = "Somebody tries many passwords for this name, so only some tries are looked at. Try again in a moment."
        raise Problem("TOO_MANY_ATTEMPTS", words, headers={"Retry-After": str(_PAUSE)})


def forgive(*limits: Limit) -> None:
    """Take one attempt back: it was a good one."""
    Attempt.objects.filter(key__in=[limit.key for limit in limits], count__gt=0).update(count=F("count") - 1)


def forget(limit: Limit) -> None:
    """Take all attempts back."""
    Attempt.objects.filter(key=limit.key).delete()


def prune_attempts(before: datetime) -> None:
    """Remove what has not counted since `before`."""
    Attempt.objects.filter(until__lt=before).delete()


def _count(limit: Limit, now: datetime) -> int:
    """Count one, in one statement. How many there are now."""
    stamp = connection.ops.adapt_datetimefield_value(now)
    until = connection.ops.adapt_datetimefield_value(now + timedelta(seconds=limit.seconds))
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [limit.key, until, stamp, stamp])
        return int(cursor.fetchone()[0])


def _too_many(limit: Limit, now: datetime) -> Problem:
    until = Attempt.objects.filter(key=limit.key).values_list("until", flat=True).first() or now
    seconds = max(1, math.ceil((until - now).total_seconds()))
    minutes = math.ceil(seconds / 60)
    wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    headers = {"Retry-After": str(seconds)}
    return Problem("TOO_MANY_ATTEMPTS", f"That was tried too often. Try again in {wait}.", headers=headers)
