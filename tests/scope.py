"""How much runs: what gates a change, or all of it (`TEST_ALL=1`, which `make test-all` sets). See docs/testing.md.

A test that only the whole run needs has the marker `nightly`. A test whose size differs takes it from here.
"""

import os

ALL = bool(os.environ.get("TEST_ALL"))
DATABASES = ("postgresql", "sqlite")
READERS = 1000 if ALL else 300  # of a room in a storm
API_EXAMPLES = 200 if ALL else 8  # requests for each operation of the API, drawn from its schema
HOSTILE_SHARE = 1 if ALL else 8  # one in so many kinds of hostile text is tried at each door
DOOR_SHARE = 1 if ALL else 4  # one in so many refused names is tried at each door, at the next door the next ones
FUZZ_EXAMPLES = 1000 if ALL else 50  # hostile inputs for each function that takes any
