"""What work costs: CPU time of this thread, so that a busy machine changes little."""

import time
from collections.abc import Callable


def cost(call: Callable[[], object], tries: int) -> float:
    """The CPU time of a call in seconds, the least of some tries."""
    least = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        call()
        least = min(least, time.thread_time() - began)
    return least
