"""Numbers with intervals from the episodes of the paper's figures: means, paired differences, gains, convergence.

Every estimate is an interquartile mean over the frozen episodes of all seeds with a percentile bootstrap stratified by seed
(``gap_statistics``); comparisons are paired episode by episode, since every approach meets the same epochs. An episode in which
one side has no number (nobody finishes, so nobody has a delay) is left out of a comparison.
"""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..opt.arrays import Floats
from .gap_statistics import interquartile_mean, percentile_interval
from .gap_table import BOOTSTRAP_SEED
from .resampling import seeded_resampling
from .verdicts import UNKNOWN, Estimate

# By seed, [..., episode].
Series = Mapping[int, Floats]
# Part that a sweep is about.
SWEPT = {"transaction": "local", "block": "global"}
_EPISODES = ["calibration", "approach", "sigma", "part"]


@dataclass(frozen=True, eq=False)
class Found:
    """The tables of ``PaperResults``, looked up by what was played. A series that was not measured is empty."""

    curves: pd.DataFrame
    policies: pd.DataFrame
    sizes: pd.DataFrame
    replicates: int
    level: float

    def final(self, calibration: str, approach: str, sigma: float, part: str, column: str) -> Series:
        """Of the trained policy (or baseline), by seed [episode]."""
        return _by_seed(self._policies.get((calibration, approach, sigma, part)), column, "episode")

    def looks(self, calibration: str, approach: str, sigma: float, part: str, column: str) -> tuple[Floats, Series]:
        """(training episodes played [look], by seed [look, episode])."""
        table = self._curves.get((calibration, approach, sigma, part))
        if table is None:
            return np.empty(0), {}
        return np.unique(table["training_episodes"]), _by_seed(table, column, "training_episodes", "episode")

    def swept(self, calibration: str, approach: str, sweep: str, column: str) -> tuple[Floats, Series]:
        """(sizes [size], by seed [size, episode]) of the part that the sweep is about, without twin error."""
        table = self._sizes.get((calibration, approach, sweep))
        if table is None:
            return np.empty(0), {}
        return np.unique(table["size"]), _by_seed(table, column, "size", "episode")

    def mean(self, series: Series) -> Estimate:
        """Interquartile mean."""
        return self.estimate([series], lambda means: means[0])

    def difference(self, one: Series, other: Series) -> Estimate:
        """Interquartile mean of one minus other, episode by episode."""
        both = [seed for seed in one if seed in other]
        return self.mean({seed: one[seed] - other[seed] for seed in both})

    def ratio(self, one: Series, other: Series, of: Callable[[Floats], Floats]) -> Estimate:
        """``of`` the ratio of the interquartile means of one and the other; unknown where the other's is not positive."""

        def divided(means: Floats) -> Floats:
            known = means[1] > 0.0
            return of(np.where(known, means[0] / np.where(known, means[1], 1.0), np.nan))

        return self.estimate([one, other], divided)

    def estimate(self, series: Sequence[Series], combine: Callable[[Floats], Floats]) -> Estimate:
        """``combine`` of the interquartile means of several paired series: it takes [series, ...] to [...]; each series is
        [episode] by seed. The bootstrap seed is always the same, so that comparisons stay paired with each other."""
        strata = [stratum for stratum in _paired(series) if stratum.shape[-1]]
        if not strata:
            return UNKNOWN
        together = np.concatenate(strata, axis=-1)
        value = float(combine(interquartile_mean(together)))
        draws = seeded_resampling(tuple(stratum.shape[-1] for stratum in strata), BOOTSTRAP_SEED, self.replicates)
        low, high = percentile_interval(combine(draws.interquartile_means(together)), self.level)
        seeds = tuple(float(combine(interquartile_mean(stratum))) for stratum in strata)
        return Estimate(value, low, high, seeds) if math.isfinite(value) else UNKNOWN

    @cached_property
    def _policies(self) -> Mapping[Any, Any]:
        return dict(iter(self.policies.groupby(_EPISODES, sort=False)))

    @cached_property
    def _curves(self) -> Mapping[Any, Any]:
        return dict(iter(self.curves.groupby(_EPISODES, sort=False)))

    @cached_property
    def _sizes(self) -> Mapping[Any, Any]:
        about = self.sizes[self.sizes["part"] == self.sizes["sweep"].map(SWEPT)]
        return dict(iter(about.groupby(["calibration", "approach", "sweep"], sort=False)))


def settled_from(episodes: Floats, gaps: Floats, share: float) -> Floats:
    """Training episodes from which on a curve has made, for good, ``share`` of its way from the first look to the last.

    episodes [look], gaps [look, ...] to [...]. A curve that ends no better than it began is settled from the start.
    """
    allowed = gaps[-1] + (1.0 - share) * np.maximum(gaps[0] - gaps[-1], 0.0)
    outside = gaps > allowed
    last_outside = np.where(outside.any(axis=0), len(gaps) - 1 - outside[::-1].argmax(axis=0), -1)
    return episodes[np.minimum(last_outside + 1, len(gaps) - 1)]


def _by_seed(table: pd.DataFrame | None, column: str, *axes: str) -> dict[int, Floats]:
    """The column as arrays over the axes, by seed."""
    if table is None:
        return {}
    shapes: dict[int, Floats] = {}
    for seed, rows in table.groupby("seed"):
        ordered = rows.sort_values(list(axes))
        shapes[seed] = ordered[column].to_numpy(dtype=np.float64).reshape([rows[axis].nunique() for axis in axes])
    return shapes


def _paired(series: Sequence[Series]) -> list[Floats]:
    """[series, episode] of every seed that all have, without the episodes in which one has no number."""
    seeds = [seed for seed in series[0] if all(seed in other for other in series)]
    strata = [np.stack([each[seed] for each in series]) for seed in seeds]
    return [stratum[:, np.isfinite(stratum).all(axis=0)] for stratum in strata]
