"""How a verdict on a claim follows from intervals. The one home of the rules; nothing here is typed in by hand.

A claim has readings: the ways to understand it that its text leaves open, in every calibration of what is not printed. A
reading is made of comparisons, each an estimate with its interval and an outcome:

    above t    holds when the whole interval is above t, does not hold when none of it is, else not decided
    within     holds when the whole interval lies in a range, does not hold when none of it does, else not decided

A reading holds when all its comparisons do, does not hold when one does not, else is not decided. The verdict:

    holds, does not hold      all readings say so
    depends on calibration    some hold and some do not, and one way to understand the claim has both, in different calibrations
    depends on the reading    some hold and some do not, but no way to understand the claim has both
    not decided               otherwise
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["holds", "does not hold", "not decided"]
Verdict = Literal["holds", "does not hold", "not decided", "depends on calibration", "depends on the reading"]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval [low, high], and the same number of each seed alone. NaN: not measured."""

    value: float
    low: float
    high: float
    seeds: tuple[float, ...] = ()


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Comparison:
    """label: what is compared; unit: of the estimate ("%", "s" ...), which is shown times ``factor``."""

    label: str
    estimate: Estimate
    outcome: Outcome
    unit: str = ""
    factor: float = 1.0


@dataclass(frozen=True)
class Reading:
    """One way to understand a claim in one calibration. meaning: empty when the text leaves nothing open."""

    calibration: str
    meaning: str
    comparisons: tuple[Comparison, ...]

    @property
    def outcome(self) -> Outcome:
        """Of all comparisons together; not decided without any."""
        outcomes = {each.outcome for each in self.comparisons}
        if "does not hold" in outcomes:
            return "does not hold"
        return "holds" if outcomes == {"holds"} else "not decided"


@dataclass(frozen=True)
class Claim:
    """where: figure or section; text: what the paper says; rule: when a reading holds, in words."""

    where: str
    text: str
    rule: str
    readings: tuple[Reading, ...]

    @property
    def verdict(self) -> Verdict:
        """See the module."""
        outcomes = {each.outcome for each in self.readings}
        if outcomes == {"holds"}:
            return "holds"
        if outcomes == {"does not hold"}:
            return "does not hold"
        if not {"holds", "does not hold"} <= outcomes:
            return "not decided"
        found = [(each.meaning, each.outcome) for each in self.readings]
        both = any((meaning, "does not hold") in found for meaning, outcome in found if outcome == "holds")
        return "depends on calibration" if both else "depends on the reading"


def above(estimate: Estimate, threshold: float = 0.0) -> Outcome:
    """Whether the estimate is above the threshold."""
    if not _known(estimate):
        return "not decided"
    return "holds" if estimate.low > threshold else "does not hold" if estimate.high <= threshold else "not decided"


def below(estimate: Estimate, threshold: float = 0.0) -> Outcome:
    """Whether the estimate is below the threshold."""
    return above(Estimate(-estimate.value, -estimate.high, -estimate.low), -threshold)


def within(estimate: Estimate, low: float, high: float) -> Outcome:
    """Whether the estimate lies in [low, high]."""
    if not _known(estimate):
        return "not decided"
    if low <= estimate.low and estimate.high <= high:
        return "holds"
    return "does not hold" if estimate.high < low or estimate.low > high else "not decided"


def _known(estimate: Estimate) -> bool:
    return not (math.isnan(estimate.low) or math.isnan(estimate.high))
