"""Where numbers come from: what is said in the caption of every figure and kept inside its files."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Origin:
    """command: what makes the numbers again; seeds: that were drawn from, in words ("seeds 0, 1, 2")."""

    command: str
    seeds: str

    @property
    def line(self) -> str:
        """Command, seeds and version."""
        return f"{self.command}; {self.seeds}; twingap {version('twingap')}"


def seeds_in_words(seeds: tuple[int, ...]) -> str:
    """ "seed 3", "seeds 0, 2, 5" or "seeds 0 to 99"."""
    if len(seeds) > 3 and tuple(range(seeds[0], seeds[0] + len(seeds))) == seeds:
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
