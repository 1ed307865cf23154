"""Figures of all rounds: their medians and spread, and how busy the machine was before each round."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

Values = dict[tuple[str, str], list[float]]


@dataclass
class Results:
    """Figures by name and peer, one value for each round; the load generator's share of a core by row and peer."""

    figures: Values = field(default_factory=lambda: defaultdict(list))
    shares: Values = field(default_factory=lambda: defaultdict(list))
    # The machine's load before each round, by row; and the row that each figure is of.
    loads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, str] = field(default_factory=dict)
    _row: str = ""

    def begin(self, row: str, load: float) -> None:
        """Say what row the next figures are of, and the machine's load before the round."""
        self._row = row
        self.loads[row].append(load)

    def add(self, figure: str, peer: str, value: float) -> None:
        """Record one round's value."""
        self.figures[figure, peer].append(value)
        self.rows[figure] = self._row

    def add_share(self, row: str, peer: str, share: float) -> None:
        """Record how busy the load generator's busiest process was."""
        self.shares[row, peer].append(share)

    def median(self, figure: str, peer: str) -> float | None:
        """The median of the rounds; None when it was not measured."""
        values = self.figures.get((figure, peer))
        return median(values) if values else None

    def spread(self, figure: str, peer: str) -> tuple[float, float] | None:
        """The smallest and the largest value."""
        values = self.figures.get((figure, peer))
        return (min(values), max(values)) if values else None

    def save(self, path: Path) -> None:
        """Keep everything in a file."""
        kept = {
            "figures": [[*key, values] for key, values in sorted(self.figures.items())],
            "shares": [[*key, values] for key, values in sorted(self.shares.items())],
            "loads": self.loads,
            "rows": self.rows,
        }
        path.write_text(json.dumps(kept, indent=1))

    def load(self, path: Path) -> None:
        """Take what a file kept, where nothing newer is here."""
        kept = json.loads(path.read_text())
        for mine, found in ((self.figures, kept["figures"]), (self.shares, kept["shares"])):
            for name, peer, values in found:
                mine.setdefault((name, peer), values)
        self.loads = defaultdict(list, kept["loads"] | self.loads)
        self.rows = kept["rows"] | self.rows
