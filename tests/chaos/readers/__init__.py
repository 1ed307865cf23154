"""Readers: each follows its rooms as its kind does, and keeps what it got, when, and what it took."""

from tests.chaos.readers.reader import Reader

__all__ = ["Reader"]
