"""Who earns more, who is faster: the comparisons of which claims about the paper's figures are made.

Utilities are compared as gaps to the certified bound, in percent of the optimum, so that systems of different worth count alike
and an order of gaps is an order of utilities. Delays are compared in two meanings, because decisions may switch heads and
committees off, which then have no delay (T = infinity in (10) and (13)): the mean over those who finish, which rewards dropping
the slow ones, and the delay of equal worth, which does not (``paper_figures_results``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..opt.arrays import Floats
from .paper_estimates import Found, Series
from .paper_figures_config import PaperFiguresConfig
from .verdicts import Comparison, Estimate, Outcome, Reading, above

RIVALS = ("ddqn", "ddpg", "a3c")
RANDOM = "random"
MEANINGS = {"mean of those who finish": "delay", "delay of equal worth": "equal_delay"}
PERCENT = "% of optimum"
# What "close", "similar" and "about" mean: within this share of the optimum, or so many percentage points.
CLOSE = 0.05


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Of a study. found: its tables."""

    config: PaperFiguresConfig
    found: Found

    def readings(self, of: Callable[[str], list[Comparison]], meaning: str = "") -> tuple[Reading, ...]:
        """One per calibration in which there is anything to compare; ``of``: a calibration's comparisons."""
        made = ((calibration, of(calibration)) for calibration in self.config.calibrations)
        return tuple(Reading(calibration, meaning, tuple(comparisons)) for calibration, comparisons in made if comparisons)

    def sigmas(self, calibration: str) -> tuple[float, ...]:
        """Twin errors, 0 the first."""
        return self.config.calibrations[calibration].sigma

    def rivals(self, calibration: str) -> list[str]:
        """Those of the paper that were trained."""
        return [name for name in RIVALS if name in self.config.calibrations[calibration].learners]

    def four(self, calibration: str) -> list[str]:
        """The proposed approach and its rivals."""
        return [self.config.proposed, *self.rivals(calibration)]

    def variants(self, part: str) -> list[str]:
        """The proposed approach with decisions taken away, as the figures of a part show it, and random decisions last."""
        return [hold for hold in self.config.holds if part == "global" or hold != "random_access"] + [RANDOM]

    def gap(self, calibration: str, approach: str, sigma: float, part: str) -> Series:
        """To the bound, by seed [episode]."""
        return self.found.final(calibration, approach, sigma, part, "gap")

    def lead(self, calibration: str, first: tuple[str, float], second: tuple[str, float], part: str) -> Estimate:
        """Utility of the first approach (name, twin error) minus the second's, in shares of the optimum."""
        return self.found.difference(self.gap(calibration, *second, part), self.gap(calibration, *first, part))

    def ahead(self, calibration: str, first: str, second: str, part: str, sigma: float = 0.0) -> Comparison:
        """Whether the first approach earns more than the second."""
        estimate = self.lead(calibration, (first, sigma), (second, sigma), part)
        return Comparison(f"{first} minus {second}{with_error(sigma)}", estimate, above(estimate), PERCENT, 100.0)

    def slower(self, calibration: str, first: str, second: str, sweep: str, column: str) -> Comparison:
        """Whether the first approach is slower than the second, mean over the sizes."""
        one, two = (self.found.swept(calibration, name, sweep, column)[1] for name in (first, second))
        estimate = self.found.mean({seed: _mean_over_sizes(one[seed] - two[seed]) for seed in one if seed in two})
        return Comparison(f"{first} minus {second}", estimate, above(estimate), "s")

    def weakest_step(self, calibration: str, name: str, sweep: str, column: str) -> Comparison | None:
        """The step from one size to the next that speaks most against a rise: all steps rise when this one does. Episodes in
        which nobody finishes at either size say nothing."""
        sizes, delays = self.found.swept(calibration, name, sweep, column)
        _, finished = self.found.swept(calibration, name, sweep, "finished")
        steps: list[Comparison] = []
        for n in range(len(sizes) - 1):
            some = {seed: (each[n] > 0.0) | (each[n + 1] > 0.0) for seed, each in finished.items()}
            rise = self.found.mean({s: np.where(some[s], each[n + 1] - each[n], np.nan) for s, each in delays.items()})
            label = f"{name}, from {sizes[n] / 1e6:g} to {sizes[n + 1] / 1e6:g} MB"
            steps.append(Comparison(label, rise, above(rise), "s"))
        against: dict[Outcome, int] = {"does not hold": 0, "not decided": 1, "holds": 2}
        return min(steps, key=lambda step: (against[step.outcome], step.estimate.low), default=None)


def with_error(sigma: float) -> str:
    """In words; nothing without error."""
    return f" (error {100 * sigma:g} %)" if sigma > 0.0 else ""


def _mean_over_sizes(values: Floats) -> Floats:
    """Of those that are numbers, [size, episode] to [episode]; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.divide(np.where(known, values, 0.0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
