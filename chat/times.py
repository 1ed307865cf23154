"""Times that tests divide: of presence, links, notices, closings, repeats and deliveries.

A constant that is made here, `GRACE = seconds(12)`, has its documented value wherever Corkboard is run. A test sets
TIMES_DIVISOR for a service of its own, and what takes minutes takes seconds; pushpin/entrypoint.sh divides Pushpin's
part of the same times. They are no settings for operators: one is the bound of another, here and in Pushpin.
"""

from datetime import timedelta

from django.conf import settings


def seconds(usual: float) -> float:
    """`usual` seconds, divided."""
    return float(usual / settings.TIMES_DIVISOR)


def whole_seconds(usual: int, *, at_least: int = 1) -> int:
    """The same for what Pushpin takes in whole seconds; never below `at_least`, the least that it takes."""
    return max(int(usual // settings.TIMES_DIVISOR), at_least)


def pause(usual: float) -> timedelta:
    """The same as a difference of dates."""
    return timedelta(seconds=seconds(usual))
