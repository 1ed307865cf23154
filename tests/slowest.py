"""`make slowest`: the tests of the last run that took longest, as the table of docs/testing.md.

Reads what pytest wrote with --junitxml. A test's seconds are those of its fixtures too: the first one of a service has
its start.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

MOST = 40


def main() -> int:
    """Print the table of the files that the command line names."""
    cases = [case for path in sys.argv[1:] for case in ET.parse(path).iter("testcase")]
    slowest = sorted(cases, key=lambda case: float(case.get("time", 0)), reverse=True)[:MOST]
    lines = ["| s | test |", "|---:|---|"]
    lines += [f"| {float(case.get('time', 0)):.1f} | {_name(case)} |" for case in slowest]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if cases else 1


def _name(case: ET.Element) -> str:
    """The file without `tests/`, and the test in it."""
    parts = case.get("classname", "").removeprefix("tests.").split(".")
    names = [part for part in parts if part[:1].isupper()]
    path = Path(*(part for part in parts if not part[:1].isupper())).with_suffix(".py")
    return f"{path} `{'.'.join([*names, case.get('name', '')])}`"


if __name__ == "__main__":
    sys.exit(main())
