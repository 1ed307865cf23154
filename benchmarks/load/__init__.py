"""The load generator: each part a process of its own, so that readers, posters and publisher disturb each other least.

A message carries its time of sending: its text ends in `~<nanoseconds of CLOCK_MONOTONIC>^`. No other byte on the wire
is a `^`, so counting that byte counts deliveries, wherever a read cuts the stream.
"""

END = b"^"
BEGIN = b"~"
ZERO = "0" * 19


def mark(nanoseconds: int) -> str:
    """What a text must end in to be counted and timed."""
    return f"~{nanoseconds:019d}^"
