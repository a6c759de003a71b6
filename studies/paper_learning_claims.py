"""Claims about Figures 4 and 5: four learners, with and without twin error."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .paper_comparisons import CLOSE, PERCENT, Comparisons, with_error
from .paper_estimates import Series
from .verdicts import Claim, Comparison, Estimate, Outcome, Reading, above, within

WHERE = {"local": "Fig. 4", "global": "Fig. 5"}
# "Converges to fixed points": over this last share of the run, less than this share of the optimum is gained or lost.
LAST, STILL = 0.2, 0.01


def learning_claims(study: Comparisons, part: str) -> Iterator[Claim]:
    """Of one part, in the paper's order."""
    of = LearningComparisons(study, part)
    near = f"within {100 * CLOSE:g} % of the optimum"
    more = "earns more on the frozen epochs"
    still = f"less than {100 * STILL:g} % of the optimum is gained or lost over the last {100 * LAST:g} % of the run"
    for text, rule, comparisons in (
        ("utility of the four approaches increases with training", "last look above the first", of.rises),
        ("and converges to fixed points", still, of.stands),
        ("without error, the proposed approach has the largest utility", more, of.largest_without_error),
        ("with error, the proposed approach has the largest utility", more, of.largest_with_error),
        ("the proposed approach with error is close to itself without", near, of.close),
        ("DDQN, DDPG and A3C with error are lower than without", "earns less with error", of.rivals_lose),
        ("the proposed approach adapts to the error better", "every rival loses more of the optimum to it", of.loses_least),
        ("DDPG and A3C are almost similar, with and without error", near, of.similar),
        ("DDQN is the lowest, with and without error", "all others earn more", of.ddqn_lowest),
    ):
        yield Claim(WHERE[part], text, rule, of.readings(comparisons))


class LearningComparisons:
    """Of one part; every method takes a calibration and a twin error, and gives nothing where its claim is silent."""

    def __init__(self, study: Comparisons, part: str) -> None:
        self.study, self.part, self.proposed = study, part, study.config.proposed

    def readings(self, of: Callable[[str, float], list[Comparison]]) -> tuple[Reading, ...]:
        """One per calibration and twin error: a calibration without error says nothing about one with."""
        return tuple(
            Reading(calibration, with_error(sigma).strip(" ()") or "without error", tuple(comparisons))
            for calibration in self.study.config.calibrations
            for sigma in self.study.sigmas(calibration)
            if (comparisons := of(calibration, sigma))
        )

    def rises(self, calibration: str, sigma: float) -> list[Comparison]:
        """Last look minus the first."""
        made: list[Comparison] = []
        for name in self.study.four(calibration):
            _, looks = self.study.found.looks(calibration, name, sigma, self.part, "gap")
            if looks:
                rise = self.study.found.mean({seed: gaps[0] - gaps[-1] for seed, gaps in looks.items()})
                made.append(_compared(f"{name}{with_error(sigma)}, last minus first", rise, above(rise)))
        return made

    def stands(self, calibration: str, sigma: float) -> list[Comparison]:
        """Last look minus the one before the last share of the run."""
        made: list[Comparison] = []
        for name in self.study.four(calibration):
            episodes, looks = self.study.found.looks(calibration, name, sigma, self.part, "gap")
            if looks:
                late = int(np.searchsorted(episodes, (1.0 - LAST) * episodes[-1]))
                rest = self.study.found.mean({seed: gaps[late] - gaps[-1] for seed, gaps in looks.items()})
                label = f"{name}{with_error(sigma)}, last minus episode {episodes[late]:.0f}"
                made.append(_compared(label, rest, within(rest, -STILL, STILL)))
        return made

    def largest_without_error(self, calibration: str, sigma: float) -> list[Comparison]:
        """Proposed minus rivals."""
        return [] if sigma else [self._ahead(calibration, self.proposed, name, 0.0) for name in self.study.rivals(calibration)]

    def largest_with_error(self, calibration: str, sigma: float) -> list[Comparison]:
        """Proposed minus rivals."""
        rivals = self.study.rivals(calibration) if sigma else []
        return [self._ahead(calibration, self.proposed, name, sigma) for name in rivals]

    def close(self, calibration: str, sigma: float) -> list[Comparison]:
        """What the proposed approach loses to the error."""
        loss = self._loss(calibration, self.proposed, sigma)
        return [_compared(f"lost{with_error(sigma)}", loss, within(loss, -CLOSE, CLOSE))] if sigma else []

    def rivals_lose(self, calibration: str, sigma: float) -> list[Comparison]:
        """What the rivals lose to the error."""
        made: list[Comparison] = []
        for name in self.study.rivals(calibration) if sigma else ():
            loss = self._loss(calibration, name, sigma)
            made.append(_compared(f"{name}, lost{with_error(sigma)}", loss, above(loss)))
        return made

    def loses_least(self, calibration: str, sigma: float) -> list[Comparison]:
        """What the rivals lose to the error, minus what the proposed approach does."""
        made: list[Comparison] = []
        for name in self.study.rivals(calibration) if sigma else ():
            theirs, ours = (self._lost(calibration, each, sigma) for each in (name, self.proposed))
            more = self.study.found.difference(theirs, ours)
            made.append(_compared(f"lost by {name} beyond {self.proposed}{with_error(sigma)}", more, above(more)))
        return made

    def similar(self, calibration: str, sigma: float) -> list[Comparison]:
        """DDPG minus A3C."""
        if not {"ddpg", "a3c"} <= set(self.study.rivals(calibration)):
            return []
        apart = self.study.lead(calibration, ("ddpg", sigma), ("a3c", sigma), self.part)
        return [_compared(f"ddpg minus a3c{with_error(sigma)}", apart, within(apart, -CLOSE, CLOSE))]

    def ddqn_lowest(self, calibration: str, sigma: float) -> list[Comparison]:
        """All others minus DDQN."""
        four = self.study.four(calibration)
        others = [name for name in four if name != "ddqn"] if "ddqn" in four else []
        return [self._ahead(calibration, name, "ddqn", sigma) for name in others]

    def _ahead(self, calibration: str, first: str, second: str, sigma: float) -> Comparison:
        return self.study.ahead(calibration, first, second, self.part, sigma)

    def _loss(self, calibration: str, name: str, sigma: float) -> Estimate:
        return self.study.lead(calibration, (name, 0.0), (name, sigma), self.part)

    def _lost(self, calibration: str, name: str, sigma: float) -> Series:
        """By seed [episode]."""
        without, having = (self.study.gap(calibration, name, each, self.part) for each in (0.0, sigma))
        return {seed: having[seed] - without[seed] for seed in having if seed in without}


def _compared(label: str, estimate: Estimate, outcome: Outcome) -> Comparison:
    return Comparison(label, estimate, outcome, PERCENT, 100.0)
