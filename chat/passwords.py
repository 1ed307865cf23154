"""How passwords are hashed: as Django does it, by few at a time.

A hash takes half a second of a core on purpose. Everybody may ask for one, by signing in, and while the threads of a
process compute hashes nobody else is served. So a quarter of the threads compute, as many wait, not for long, and the
rest is refused. What computes steps back behind the threads that serve.

It stands where the hash is made: what makes one, now or later, goes through here. What counts or writes before its hash
takes the turn before that: who is refused has cost nothing.
"""

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

from chat.problems import Problem

WAIT = 2.0  # seconds for a turn
AGAIN = 5  # seconds until another try is worth it
# A thread that computes hashes gets a third of the time that any other thread gets of a core (sched(7)). Much less
# would keep everybody from signing in on a machine that has other work too.
NICE = 5


class Turns:
    """Lets `most` work at once, and as many wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._working = self._waiting = 0
        self._changed = threading.Condition()
        self._mine = threading.local()

    @contextmanager
    def turn(self, wait: float) -> Iterator[None]:
        """Wait at most so many seconds for a turn, and have it. A turn within a turn is the same one. Raises Problem
        SERVICE_UNAVAILABLE."""
        if getattr(self._mine, "is_taken", False):
            yield
            return
        with self._changed:
            if self._working >= self._most and not self._wait(wait):
                raise _too_many()
            self._working += 1
        self._mine.is_taken = True
        try:
            yield
        finally:
            self._mine.is_taken = False
            with self._changed:
                self._working -= 1
                self._changed.notify()

    def _wait(self, seconds: float) -> bool:
        if not seconds or self._waiting >= self._most:
            return False
        self._waiting += 1
        try:
            return self._changed.wait_for(lambda: self._working < self._most, seconds)
        finally:
            self._waiting -= 1


def _too_many() -> Problem:
    words = "Too many people sign in at this moment. Nothing was looked at or changed: try again."
    return Problem("SERVICE_UNAVAILABLE", words, retry_after=AGAIN)


TURNS = Turns(settings.HASHES_AT_ONCE)


def _step_back() -> None:
    if sys.platform == "linux":  # where it holds for a thread, and not for the whole process
        os.nice(NICE)


# Threads of their own: a priority that was lowered can be raised by root only.
_THREADS = ThreadPoolExecutor(settings.HASHES_AT_ONCE, "hashes", _step_back)


def turn() -> AbstractContextManager[None]:
    """A turn to compute a hash. Entering it raises Problem SERVICE_UNAVAILABLE."""
    # Whoever holds rows, or SQLite's one lock, keeps others waiting who sign in nowhere.
    return TURNS.turn(0 if connection.in_atomic_block else WAIT)


class Hasher(PBKDF2PasswordHasher):
    """Django's hasher, and its hashes, in turns. To verify a password is to hash it again, and goes the same way."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """The hash. Raises Problem SERVICE_UNAVAILABLE."""
        with turn():
            return _THREADS.submit(super().encode, password, salt, iterations).result()
