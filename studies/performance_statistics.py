r"""How methods that solve the same problems compare. The one home of each formula; times in seconds.

A time of a method that did not do it is +inf; a problem that a method does not take on at all (a mode it does not handle) is
NaN, and no statistic of that method counts it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..opt.arrays import Floats


def shifted_geometric_mean(seconds: ArrayLike, shift: float = 10.0, floor: float = 1.0) -> float:
    r"""exp(mean_i ln(max(t_i, floor) + shift)) - shift; NaN entries are left out, NaN when nothing is left.

    The shift keeps easy problems from deciding the mean, the floor keeps differences below a second out of it (source: the
    practice of MIP benchmarks; PAVER 2). times must be finite: score failures at the limit first. It misleads where all times
    are below the floor: such methods come out equal, so read the median beside it.
    """
    times = np.asarray(seconds, dtype=np.float64)
    times = times[~np.isnan(times)]
    if not len(times):
        return float("nan")
    return float(np.exp(np.log(np.maximum(times, floor) + shift).mean()) - shift)


def performance_ratios(seconds: ArrayLike) -> Floats:
    r"""r_ps = t_ps / min_s t_ps for times [problem, method] (Dolan and More 2002): 1 is fastest, +inf did not do it.

    A problem that nobody did has +inf for all who took it on.
    """
    times = np.asarray(seconds, dtype=np.float64)
    known = np.where(np.isnan(times), np.inf, times)
    best = known.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        ratios = np.where(np.isinf(known), np.inf, known / best)
    return np.where(np.isnan(times), np.nan, ratios)


def share_within(ratios: ArrayLike, limits: ArrayLike) -> Floats:
    r"""rho_s(tau) = share of a method's problems with ratio (or time) at most tau: [limit] for ratios [problem].

    NaN ratios (problems the method does not take on) are no part of the share.
    """
    values = np.asarray(ratios, dtype=np.float64)
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        return np.full(np.shape(limits), np.nan)
    return np.searchsorted(values, np.asarray(limits, dtype=np.float64), side="right") / len(values)


def geometric_mean_ratio(one: ArrayLike, other: ArrayLike) -> tuple[float, int]:
    r"""(exp(mean_p ln(t_p / t'_p)), number of problems p that both took on): how many times longer the first takes.

    Times must be finite and positive: score failures at the limit first; the ratio is then only a bound of the true one.
    """
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    both = ~(np.isnan(first) | np.isnan(second))
    if not both.any():
        return float("nan"), 0
    return float(np.exp(np.log(first[both] / second[both]).mean())), int(both.sum())
