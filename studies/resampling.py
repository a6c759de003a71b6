"""Bootstrap replicates as counts, so that one draw serves every series over the same strata.

What is wanted of a replicate (an interquartile mean) does not depend on the order in which its values were drawn. How often it
drew each value is therefore all that is kept, and a series is sorted once instead of once per replicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..opt.arrays import Floats, freeze
from ..opt.compiled import compiled


@dataclass(frozen=True, eq=False)
class Resampling:
    """counts: how often each value [value], stratum after stratum, was drawn by each replicate [value, replicate]."""

    counts: NDArray[np.uint8]

    @classmethod
    def stratified(cls, sizes: Sequence[int], rng: np.random.Generator, replicates: int) -> Resampling:
        """Draw, inside each stratum of the given sizes, as many values as it has, with replacement."""
        strata: list[NDArray[np.uint8]] = []
        for size in sizes:
            drawn = rng.integers(0, size, size=(replicates, size))
            places = (drawn + size * np.arange(replicates)[:, None]).ravel()
            # A byte is enough: more than 255 of Binomial(n, 1/n) has a probability below 1e-500.
            strata.append(np.bincount(places, minlength=replicates * size).astype(np.uint8).reshape(replicates, size).T)
        counts = np.ascontiguousarray(np.concatenate(strata))
        freeze(counts)
        return cls(counts)

    def interquartile_means(self, values: ArrayLike) -> Floats:
        """Interquartile mean (``gap_statistics.interquartile_mean``) of every replicate; [..., value] to [..., replicate]."""
        series = np.asarray(values, dtype=np.float64)
        flat = series.reshape(-1, series.shape[-1])
        means = np.stack([_middle_means(self.counts, each, np.argsort(each, kind="stable")) for each in flat])
        means[np.isnan(flat).any(axis=-1)] = np.nan
        return means.reshape(*series.shape[:-1], -1)


@lru_cache(maxsize=4)
def seeded_resampling(sizes: tuple[int, ...], seed: int, replicates: int) -> Resampling:
    """The same draws for all series over strata of these sizes: such series stay paired."""
    return Resampling.stratified(sizes, np.random.default_rng(seed), replicates)


@compiled
def _middle_means(counts: NDArray[np.uint8], values: Floats, order: NDArray[np.int64]) -> Floats:
    """Mean of what is left of each replicate's values, in rising order, after n // 4 of n are cut at each end."""
    size, replicates = counts.shape
    low = size // 4
    high = size - low
    # Of the values met so far, how many (after cutting) and their sum.
    met = np.zeros(replicates, dtype=np.int32)
    total = np.zeros(replicates)
    for place in order:
        value = values[place]
        drawn = counts[place]
        for replicate in range(replicates):
            before = met[replicate]
            after = before + np.int32(drawn[replicate])
            met[replicate] = after
            inside = min(max(after, low), high) - min(max(before, low), high)
            if inside != 0:
                total[replicate] += inside * value
    return total / (high - low)
