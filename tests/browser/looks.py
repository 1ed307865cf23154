"""How pages are looked at: in both themes, on a phone and on a wide screen."""

from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

PHONE, WIDE = (390, 780), (1280, 800)


def nightly(*values: Any) -> ParameterSet:
    """Values of a test's parameters that are tried at night only."""
    return pytest.param(*values, marks=pytest.mark.nightly)


# Both themes and both sizes at the gate, every pair of them at night.
LOOKS = pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("light", PHONE),
        ("dark", WIDE),
        nightly("dark", PHONE),
        nightly("light", WIDE),
    ],
)
# Of the pages that few people see, one look at the gate.
FEW_LOOKS = pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("dark", PHONE),
        nightly("light", PHONE),
        nightly("light", WIDE),
        nightly("dark", WIDE),
    ],
)
SCHEMES = pytest.mark.parametrize("scheme", ["dark", nightly("light")])
