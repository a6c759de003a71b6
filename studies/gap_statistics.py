r"""From utilities and certified bounds per epoch to gaps with intervals. The one home of each formula.

**Gap of an episode.** One epoch's optimum can be near zero (every committee off), so a ratio per epoch explodes. The unit of
comparison is therefore an episode: T consecutive epochs of one frozen trajectory. With bound B_t (certified), incumbent P_t
(best decision the solver holds) and utility U_t of a policy on the same epochs,

    gap to the bound      G = sum_t (B_t - U_t) / sum_t |P_t|        (never below the true gap)
    gap to the incumbent  g = sum_t (P_t - U_t) / sum_t |P_t|        (never above the true gap)

and the policy's true gap lies in the bracket [g, G]. Each part (local, global) and their sum is measured against its own
sum_t |P_t|, so the parts' gaps do not add up to the gap of the sum.

**Over episodes.** Interquartile mean (mean of the middle half) over all episodes of all seeds. Its 95 % interval is a
percentile bootstrap stratified by seed: every replicate draws, inside each seed, as many episodes as the seed has, with
replacement, and takes the interquartile mean of all drawn; the interval holds the middle 95 % of the replicates. Seeds (each
has its own plant and its own training run) are strata, not resampled: the interval speaks of these seeds, and the figures
show each seed as a dot. The same bootstrap seed gives every policy the same draws, so that policies stay paired.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..opt.arrays import Floats
from .resampling import Resampling

# An episode whose whole optimum is below this is measured against it instead: no division by zero.
SMALLEST_OPTIMUM = 1e-9


def episode_gaps(reference: ArrayLike, utility: ArrayLike, incumbent: ArrayLike) -> Floats:
    """sum_t (reference - utility) / sum_t |incumbent| of each episode; all [..., episode, epoch], result [..., episode].

    ``reference`` is the certified bound (for G) or the incumbent (for g).
    """
    short = (np.asarray(reference, dtype=np.float64) - np.asarray(utility, dtype=np.float64)).sum(axis=-1)
    return short / np.maximum(np.abs(np.asarray(incumbent, dtype=np.float64)).sum(axis=-1), SMALLEST_OPTIMUM)


def interquartile_mean(values: ArrayLike) -> Floats:
    """Mean of the middle half along the last axis: floor(n/4) values are cut at each end; NaN anywhere gives NaN."""
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=-1)
    cut = ordered.shape[-1] // 4
    middle = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return np.where(np.isnan(ordered[..., -1]), np.nan, middle)


def grouped_interquartile_means(values: ArrayLike, groups: ArrayLike) -> Floats:
    """Interquartile mean of the values of every group; groups: numbers 0, 1, ... without gaps, result [group]."""
    numbers = np.asarray(groups)
    ordered = np.asarray(values, dtype=np.float64)[np.argsort(numbers, kind="stable")]
    sizes = np.bincount(numbers)
    starts = np.cumsum(sizes) - sizes
    means = np.empty(len(sizes))
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        means[alike] = interquartile_mean(ordered[starts[alike, None] + np.arange(size)])
    return means


def paired_replicates(strata: Sequence[ArrayLike], rng: np.random.Generator, replicates: int = 2000) -> Floats:
    """Interquartile means of bootstrap replicates, resampled inside each stratum; [..., replicate].

    strata: one array [..., episode] per seed. Leading axes are series over the same episodes: a replicate draws the same
    episodes for all of them, so that their means can be compared replicate by replicate.
    """
    series = [np.asarray(stratum, dtype=np.float64) for stratum in strata]
    drawn = Resampling.stratified([each.shape[-1] for each in series], rng, replicates)
    return drawn.interquartile_means(np.concatenate(series, axis=-1))


def percentile_interval(replicates: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The (1 - level)/2 and (1 + level)/2 quantiles (linear interpolation) of bootstrap replicates [replicate]."""
    low, high = np.quantile(np.asarray(replicates, dtype=np.float64), [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def stratified_bootstrap(
    strata: Sequence[ArrayLike], rng: np.random.Generator, replicates: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the interquartile mean over all values, resampled inside each stratum.

    strata: one 1-d array of episode gaps per seed.
    """
    return percentile_interval(paired_replicates(strata, rng, replicates), level)
