"""Figures of all rounds: their medians and spread."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Results:
    """Figures by name and peer, one value for each round; and the load generator's share of a core by row."""

    figures: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    loads: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, figure: str, peer: str, value: float) -> None:
        """Record one round's value."""
        self.figures[figure, peer].append(value)

    def add_load(self, row: str, peer: str, share: float) -> None:
        """Record how busy the load generator's busiest process was."""
        self.loads[row, peer].append(share)

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
        kept = [
            [[*key, values] for key, values in sorted(found.items())] for found in (self.figures, self.loads) if found
        ]
        path.write_text(json.dumps(kept, indent=1))

    def load(self, path: Path) -> None:
        """Take what a file kept, where nothing newer is here."""
        for mine, kept in zip((self.figures, self.loads), json.loads(path.read_text()), strict=False):
            for name, peer, values in kept:
                mine.setdefault((name, peer), values)
