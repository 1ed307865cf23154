"""How pages are looked at: in both themes, on a phone and on a wide screen."""

import pytest

PHONE, WIDE = (390, 780), (1280, 800)
nightly = pytest.mark.nightly
# Both themes and both sizes at the gate, every pair of them at night.
LOOKS = pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("light", PHONE),
        ("dark", WIDE),
        pytest.param("dark", PHONE, marks=nightly),
        pytest.param("light", WIDE, marks=nightly),
    ],
)
# Of the pages that few people see, one look at the gate.
FEW_LOOKS = pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("dark", PHONE),
        *(pytest.param(*look, marks=nightly) for look in (("light", PHONE), ("light", WIDE), ("dark", WIDE))),
    ],
)
SCHEMES = pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=nightly)])
