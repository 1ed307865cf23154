"""Django's settings of a run: the real ones, and the sabotage of single writes."""

from server.settings import *  # noqa: F403

MIDDLEWARE = [*MIDDLEWARE, "tests.chaos.sabotage.Sabotage"]  # noqa: F405
