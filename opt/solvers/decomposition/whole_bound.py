r"""Proved upper bounds on the local part with whole subchannels: a price on the mean multicast time and an exact knapsack.

Head j has n_j whole subchannels, u_j for its upload and m_j = n_j - u_j for multicast (``opt.local_reduction`` says why nothing
else of a head's links matters). What couples heads is sum_j s_j / m_j = J tau and sum_j n_j <= W. A cell is an interval
[l, r] of tau, an interval of whole numbers for each n_j, and one of each u_j. At any price nu >= 0 of the coupling

    utility <= max over tau in [l, r] of  V(exp(-A Q(tau)), nu) + nu J tau,
    V(y, nu) = max over whole n with sum n_j <= W of sum_j max_u [ y b_j h_j(u) - nu s_j / (n_j - u) - z f - p_0 n_j ]

(``sum s_j / m_j <= J tau`` is enough: Q never falls). V is computed exactly: each head's best split (``whole_head``) for every
number, and a dynamic programme over the budget. For fixed n, u, f the sum is affine in y, so V is convex in y, and increasing;
with Q replaced by a line below it (``local_delay``), y = exp(-A (i + s tau)) is convex in tau. An increasing convex function
of a convex one is convex: the maximum over tau is at l or at r. So a cell costs two dynamic programmes per price, and its
error is of second order in its width. The bound is convex in nu; every nu >= 0 gives a true bound.

Rounding: as in ``local_bound``, each head errs by a few units of 2^-53 of what it adds and subtracts. A bound is raised by
(2.5e-12 + 4e-16 J) times gross benefit, nu J r and what the spectrum costs, and by ``TINY``; y is rounded up, and l moved to
where the line is not negative (before, nothing fades and nu J tau rises); cells reach ``OVERLAP`` beyond their right end. Where
V <= 0 at nu = 0 and worths raised by more than rounding, nobody earns: the bound is 0 (``nobody_earns``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Integers
from ...compiled import compiled
from ...local_reduction import ReducedLocal
from .local_bound import HIGHEST, TINY
from .local_delay import OVERLAP, fade_above, line_on
from .whole_head import best_split


class WholeBound(NamedTuple):
    """A proved bound, the price nu that proves it, what was added for rounding, the chord's error in the middle of the cell,
    and the relaxed answers (n_j, u_j, sum s_j/m_j) on both sides of the best price: too slow in all, and too fast."""

    bound: float
    price: float
    slack: float
    time_error: float
    counts_slow: Integers
    uplink_slow: Floats
    seconds_slow: float
    counts_fast: Integers
    uplink_fast: Floats
    seconds_fast: float


@compiled
def best_counts(
    problem: ReducedLocal,
    seconds: Floats,
    budget: int,
    fewest: Integers,
    most: Integers,
    low: Floats,
    high: Floats,
    fade: float,
    price: float,
    counts: Integers,
    uplink: Floats,
) -> tuple[float, float]:
    """(V, sum_j s_j/m_j of the answer); writes the answer's ``counts`` and ``uplink``; (-inf, inf) when nothing is allowed."""
    heads = seconds.shape[0]
    spare = budget - fewest.sum()
    if spare < 0:
        return -math.inf, math.inf
    value = np.full((heads, spare + 1), -math.inf)
    share = np.zeros((heads, spare + 1))
    for j in range(heads):
        for extra in range(min(spare, most[j] - fewest[j]) + 1):
            total = float(fewest[j] + extra)
            earned, u = best_split(
                fade * problem.worth[j],
                problem.decay,
                problem.work[j],
                problem.cpu_max[j],
                problem.cpu_price,
                problem.need[j],
                seconds[j],
                total,
                price,
                low[j],
                high[j],
            )
            value[j, extra] = earned - problem.spectrum_price * total
            share[j, extra] = u
    best = np.zeros(spare + 1)
    following = np.empty(spare + 1)
    chosen = np.zeros((heads, spare + 1), dtype=np.int64)
    for j in range(heads):
        largest = min(spare, most[j] - fewest[j])
        for used in range(spare + 1):
            top, pick = -math.inf, 0
            for extra in range(min(used, largest) + 1):
                together = best[used - extra] + value[j, extra]
                if together > top:
                    top, pick = together, extra
            following[used] = top
            chosen[j, used] = pick
        best[:] = following
    left = spare
    slow = 0.0
    for j in range(heads - 1, -1, -1):
        extra = chosen[j, left]
        counts[j] = fewest[j] + extra
        uplink[j] = share[j, extra]
        left -= extra
        if seconds[j] > 0.0:
            multicast = counts[j] - uplink[j]
            slow += seconds[j] / multicast if multicast > 0.0 else math.inf
    return float(best[spare]), slow


@compiled
def bound_whole(
    problem: ReducedLocal,
    seconds: Floats,
    budget: int,
    fewest: Integers,
    most: Integers,
    low: Floats,
    high: Floats,
    left: float,
    right: float,
    intercept: float,
    slope: float,
    middle_delay: float,
    price: float,
    enough: float,
    precision: float,
) -> WholeBound:
    """The least bound over prices of a cell under the delay line intercept + slope tau, to ``precision``; or any <= ``enough``.

    middle_delay: Q in the middle of the cell, for the estimate of the chord's error. right may be inf (then nu = 0).
    """
    heads = seconds.shape[0]
    right = right * (1.0 + OVERLAP)
    decay = problem.decay
    left, intercept, slope = line_on(intercept, slope, left, right)
    fade_left, fade_right = fade_above(decay, intercept, slope, left), fade_above(decay, intercept, slope, right)
    total_worth = problem.worth.sum()
    unit = 2.5e-12 + 4e-16 * heads
    counts_slow, counts_fast, counts = fewest.copy(), fewest.copy(), fewest.copy()
    uplink_slow, uplink_fast, uplink = np.zeros(heads), np.zeros(heads), np.zeros(heads)
    other_counts, other_uplink = fewest.copy(), np.zeros(heads)
    slow, fast = math.inf, math.inf
    best, best_price, best_slack, best_error = math.inf, 0.0, 0.0, 0.0
    fixed = fade_left * total_worth + problem.spectrum_price * budget
    if right == math.inf or right <= 0.0:
        value, slow = best_counts(problem, seconds, budget, fewest, most, low, high, fade_left, 0.0, counts_slow, uplink_slow)
        slack = unit * fixed + TINY
        return WholeBound(value + slack, 0.0, slack, math.inf, counts_slow, uplink_slow, slow, counts_slow, uplink_slow, slow)
    # The bound at (price_low) falls, at (price_high) rises; together with slopes they bound the minimum from below.
    price_low, price_high, bound_low, bound_high, slope_low, slope_high = 0.0, math.inf, math.inf, math.inf, 0.0, 0.0
    if price <= 0.0:
        price = min(max(0.1 * fade_left * total_worth / (heads * right), 1.0 / HIGHEST), HIGHEST)
    grow = 1.05
    for step in range(60):
        value, used = best_counts(problem, seconds, budget, fewest, most, low, high, fade_right, price, counts, uplink)
        if value == -math.inf:
            best = -math.inf
            break
        proved, steep = value + price * heads * right, heads * right - used
        if fade_right < fade_left:
            other, other_used = best_counts(
                problem, seconds, budget, fewest, most, low, high, fade_left, price, other_counts, other_uplink
            )
            error = (other - value) / (fade_left - fade_right)
            error *= 0.5 * (fade_left + fade_right) - min(math.exp(-decay * middle_delay), fade_left)
            if other + price * heads * left > proved:
                proved, steep, used = other + price * heads * left, heads * left - other_used, other_used
                counts[:] = other_counts
                uplink[:] = other_uplink
        else:
            error = 0.0
        slack = unit * (fixed + price * heads * right) + TINY
        if proved + slack < best:
            best, best_price, best_slack, best_error = proved + slack, price, slack, error
        if steep < 0.0:
            price_low, bound_low, slope_low, slow = price, proved, steep, used
            counts_slow[:] = counts
            uplink_slow[:] = uplink
        else:
            price_high, bound_high, slope_high, fast = price, proved, steep, used
            counts_fast[:] = counts
            uplink_fast[:] = uplink
        if best <= enough or steep == 0.0:
            break
        if price_high == math.inf:
            price *= grow
            grow = min(grow * grow, 1e6)
            if price > HIGHEST:
                break
            continue
        if price_low <= 0.0:
            price /= grow
            grow = min(grow * grow, 1e6)
            if price < 1.0 / HIGHEST:
                break
            continue
        meet = (bound_high - bound_low + slope_low * price_low - slope_high * price_high) / (slope_low - slope_high)
        floor = bound_low + slope_low * (meet - price_low)
        if best - best_slack - floor <= precision or price_high - price_low <= 1e-13 * price_high:
            break
        # Towards where slopes, as if a power of the price, vanish; every third step where the tangents meet.
        price = meet
        if step % 3 != 2:
            weight = slope_high / (slope_high - slope_low)
            price = price_high + weight * (price_low - price_high)
        inset = 0.02 * (price_high - price_low)
        price = min(max(price, price_low + inset), price_high - inset)
    if price_low <= 0.0:
        counts_slow[:] = counts_fast
        uplink_slow[:] = uplink_fast
        slow = fast
    if price_high == math.inf:
        counts_fast[:] = counts_slow
        uplink_fast[:] = uplink_slow
        fast = slow
    return WholeBound(best, best_price, best_slack, best_error, counts_slow, uplink_slow, slow, counts_fast, uplink_fast, fast)


@compiled
def nobody_earns(
    problem: ReducedLocal,
    seconds: Floats,
    budget: int,
    fewest: Integers,
    most: Integers,
    low: Floats,
    high: Floats,
    left: float,
    right: float,
    intercept: float,
    slope: float,
) -> bool:
    """Whether no numbers earn anything even if multicast were free of charge, by more than rounding can do."""
    start, intercept, slope = line_on(intercept, slope, left, right)
    fade = fade_above(problem.decay, intercept, slope, start) * (1.0 + 2e-12 + 2e-15 * seconds.size)
    counts, uplink = fewest.copy(), np.zeros(seconds.size)
    value, _ = best_counts(problem, seconds, budget, fewest, most, low, high, fade, 0.0, counts, uplink)
    return value <= 0.0
