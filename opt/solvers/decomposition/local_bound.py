r"""Proved upper bounds on a cell of the local part: an interval of tau = T_multi and boxes on uplink shares.

Weak duality. At any price pi = p_0 + p, p >= 0, of a subchannel, relaxing C1 gives for tau in [l, r], low <= u <= high

    utility <= p W + max_tau [ V(exp(-A Q(tau)), pi) - pi M/tau ],
    V(y, pi) = sum_j max over low_j <= u <= high_j, f of y b_j exp(-A (a_j/f + d_j/u)) - pi u - z f,    b_j = B exp(-A c_j).

V is convex in y, a maximum of functions affine in y, and increasing. So with Q replaced by a line i + s tau below it
(``line_below``) and y(tau) = exp(-A (i + s tau)) between y_r and y_l, V lies under its chord in y, and

    V <= V(y_r) + beta (y(tau) - y_r),  beta = (V(y_l) - V(y_r))/(y_l - y_r) >= 0.

beta y(tau) - pi M/tau is the single head's problem again (``response``): it rises to its maximum at the principal root, falls,
and rises towards the right, so its maximum over [l, r] is at the root clipped to [l, r], or at r. r may be infinite (y_r = 0).
Where the line is negative, Q >= 0 is the better one, so l is moved to where it is not (``line_on``): no y exceeds 1.
The bound is convex in p with slope W - spectrum used. A price search moves p, but every p gives a true bound: nothing
depends on its convergence.

Rounding. Each head's value carries a relative error of a few units of 2^-53 of b_j y plus its costs (exp, log, sqrt and the
Newton root err by that much), b_j itself, exp of up to 745, one of 4e-13, the sum over J heads at most J units of the gross
total. y is rounded up (``fade_above``). Where rounding moves the chord it moves it by as much, and its maximum by no more, so
that it does not matter how well the root is found for what it was given. Each bound is raised by (2.5e-12 + 4e-16 J) times the
gains y_l sum b_j (which also pays for heads that rounding held off) and what uploads cost; by 4e-14 of p W and of what
multicast costs, the two that cancel where spectrum is dear: M errs by less than 1e-14 of itself; and by ``TINY``, for what
underflows.
With tau at r the chord is V(y_r) itself, and y_r takes the place of y_l: nothing is owed where r is infinite, nor where
``all_off`` proves that no head can earn anything. So the bound of a part that is best left off is exactly 0.
Where the chord's maximum is not resolved (its q is no number) the cell counts as V(y_l) - pi M/r, and any bound that is no
number is +inf.
Cells are closed intervals and reach ``OVERLAP`` beyond their right end (``local_delay``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ...compiled import compiled
from ...local_reduction import ReducedLocal
from .local_delay import OVERLAP, fade_above, line_on
from .local_heads import Heads, respond_all
from .response import LOCAL_BELOW, half_decay_time

# Far more than heads lose to underflow, far less than anything that is reported, and more than checkers grant.
TINY = 2e-200
# Relative rounding of what all spectrum and the multicast's is worth; again more than checkers grant.
AIR = 4e-14


# Prices beyond are not tried (certificates hold no others). At a price below 1/HIGHEST all that a problem's heads could buy
# costs nothing to speak of.
HIGHEST = 1e150


class CellBound(NamedTuple):
    """A proved bound, the price pi that proves it, and where the relaxation wants to be.

    tau: multicast time of the relaxed answer at ``price``. price_low, price_high: around the minimising price, from where the
    relaxed answer takes too much and leaves some (equal when it did not come to that); tau_low, tau_high: likewise.
    slack: what was added for rounding.
    """

    bound: float
    price: float
    tau: float
    price_low: float
    price_high: float
    tau_low: float
    tau_high: float
    slack: float


@compiled
def bound_at(
    problem: ReducedLocal,
    heads: Heads,
    low: Floats,
    high: Floats,
    left: float,
    right: float,
    intercept: float,
    slope: float,
    total_worth: float,
    price: float,
) -> tuple[float, float, float, float, float]:
    """(bound, tau, spectrum used, slack in the bound, how fast the spectrum used falls) at one price pi > 0 of a cell
    [left, right] under a delay line. The last number only steers searches."""
    decay, need = problem.decay, problem.multicast_need
    left, intercept, slope = line_on(intercept, slope, left, right)
    fade_left, fade_right = fade_above(decay, intercept, slope, left), fade_above(decay, intercept, slope, right)
    extra = price - problem.spectrum_price
    relative = 2.5e-12 + 4e-16 * problem.worth.shape[0]
    nothing = np.zeros(0)
    value_left, used_left, pull_left = respond_all(problem, heads, low, high, fade_left, price, nothing)
    value_right, used_right, pull_right = value_left, used_left, pull_left
    if fade_right < fade_left:
        value_right, used_right, pull_right = 0.0, 0.0, 0.0
        if fade_right > 0.0 or low.any():
            value_right, used_right, pull_right = respond_all(problem, heads, low, high, fade_right, price, nothing)
    fall, rise = fade_left - fade_right, value_left - value_right
    gross = fade_right * total_worth
    if not rise > 0.0:
        # Nothing lies between that the left end could not earn, and a computed 0 may hide a little.
        idle = value_left == 0.0 and used_left == 0.0 and all_off(problem, heads, low, high, fade_left, price)
        gross = 0.0 if idle else fade_left * total_worth
    multicast = need / right if need > 0.0 else 0.0
    tau, used, steep = right, used_right + multicast, 0.5 * (used_right + pull_right) / price
    gains, air = gross + price * used_right, extra * problem.budget + price * multicast
    slack = relative * gains + AIR * air + (TINY if gains + air > 0.0 else 0.0)
    bound = extra * problem.budget + value_right - price * multicast + slack
    if rise > 0.0 and fall > 0.0:
        rate = decay * slope
        q = 0.5 * math.sqrt(rate) * math.sqrt(price * need) * math.sqrt(fall / rise) * math.exp(0.5 * decay * intercept)
        if not q >= LOCAL_BELOW:
            resolved = q < LOCAL_BELOW
            root = 2.0 * half_decay_time(q) / rate if resolved else left
            inner = min(max(root, left), right)
            share = min(max((fade_above(decay, intercept, slope, inner) - fade_right) / fall, 0.0), 1.0)
            multicast = need / (inner if resolved else right)
            taken = share * used_left + (1.0 - share) * used_right
            margin = relative * (fade_left * total_worth + price * taken) + TINY
            margin += AIR * (extra * problem.budget + price * multicast)
            there = share * value_left + (1.0 - share) * value_right
            there += extra * problem.budget - price * multicast + margin
            if not there <= bound:
                bound, tau, used, slack = there, inner, taken + multicast, margin
                pull = share * (used_left + pull_left) + (1.0 - share) * (used_right + pull_right)
                steep = 0.5 * pull / price
                fade, slant = share * fall + fade_right, rise / fall
                bend = 2.0 * price * need / inner**3 - slant * rate * rate * fade
                if left < root < right and bend > 0.0:
                    steep += (rate * fade * (used_left - used_right) / fall + need / inner**2) ** 2 / bend
    return bound if not math.isnan(bound) else math.inf, tau, used, slack, steep


@compiled
def all_off(problem: ReducedLocal, heads: Heads, low: Floats, high: Floats, fade: float, price: float) -> bool:
    """Whether no head can earn anything at y = ``fade``, proved by nobody being on at y (1 + 1e-9).

    Who is on at y earns at least y b exp(-1) gross (b at f_max if the CPU is there), hence 3e-10 of that more at y (1 + 1e-9),
    a hundred thousand times what rounding can hide. Each head is then worth exactly 0: no slack is owed for it.
    """
    value, used, _ = respond_all(problem, heads, low, high, fade * (1.0 + 1e-9), price, np.zeros(0))
    return value == 0.0 and used == 0.0


@compiled
def bound_cell(
    problem: ReducedLocal,
    heads: Heads,
    low: Floats,
    high: Floats,
    left: float,
    right: float,
    intercept: float,
    slope: float,
    price: float,
    enough: float,
    absolute: float,
    relative: float,
) -> CellBound:
    """The least bound over prices, to ``absolute`` plus ``relative`` of itself; stops early once it is ``enough`` or less,
    or once it is clear that it will not be and that a better price would hardly matter to a cell that is yet to be cut in time.

    The bound is convex in the price, with slope W - spectrum used: Newton's method as if that were a power of the price, and
    half its step squared times the curvature says what is left to gain. Where heads jump, Newton fails; there tangents
    at the two ends of a bracket meet below the minimum, which says when to stop, and where they meet is tried every third time.
    """
    wide = right > 1.001 * left
    right = right * (1.0 + OVERLAP)
    floor, budget = problem.spectrum_price, problem.budget
    total_worth = problem.worth.sum()
    price_low, price_high, used_low, used_high = floor, math.inf, math.inf, 0.0
    bound_low, bound_high, tau_low, tau_high = math.inf, math.inf, left, right
    price = max(price, floor)
    if price <= 0.0:
        price = min(max(total_worth / budget, 1.0 / HIGHEST), HIGHEST)
    best, best_price, best_tau, best_slack = math.inf, price, left, 0.0
    for step in range(100):
        if price > HIGHEST or floor < price < 1.0 / HIGHEST:
            break
        bound, tau, used, slack, steep = bound_at(problem, heads, low, high, left, right, intercept, slope, total_worth, price)
        if bound < best:
            best, best_price, best_tau, best_slack = bound, price, tau, slack
        if used > budget:
            price_low, used_low, bound_low, tau_low = price, used, bound, tau
        else:
            price_high, used_high, bound_high, tau_high = price, used, bound, tau
            if price <= floor:
                price_low, tau_low = price, tau
        if best <= enough or price_high <= price_low:
            break
        precision = absolute + relative * abs(best)
        aim = -1.0
        if 0.0 < used < math.inf and steep > 0.0:
            gain = 0.5 * (budget - used) ** 2 / steep
            spare = 0.2 * precision
            if wide and enough > -math.inf and abs(budget - used) <= 1e-2 * budget:
                spare = max(spare, 0.01 * (bound - 2.0 * gain - enough))
            # Where far too much is used the curvature is that of a much lower price: it says nothing.
            if gain <= spare and used <= 2.0 * budget:
                price_low, price_high, tau_low, tau_high = price, price, tau, tau
                break
            aim = price * min(max((used / budget) ** (used / (steep * price)), 1e-3), 1e3)
        if used_low == math.inf:
            # No price below the minimum met yet: the tangent at price_high bounds what is left down to the floor.
            if (price_high - floor) * (budget - used_high) <= precision:
                price_low, tau_low = price_high, tau_high
                break
            price = max(aim if 0.0 < aim < price_high else 0.1 * price_high, floor)
        elif price_high == math.inf:
            price = aim if aim > price_low else 10.0 * price_low
        else:
            meet = (bound_high - bound_low + (used_low - budget) * -price_low + (used_high - budget) * price_high) / (
                used_high - used_low
            )
            # Tangent at low: bound_low - (used_low - budget)(p - price_low); at high likewise with used_high.
            below = bound_low - (used_low - budget) * (meet - price_low)
            if best - below <= precision or price_high - price_low <= 4e-16 * price_high:
                break
            price = aim if step % 3 != 2 and price_low < aim < price_high else meet
            if not price_low < price < price_high:
                price = 0.5 * (price_low + price_high)
                if not price_low < price < price_high:
                    break
    if price_high == math.inf:
        price_high, tau_high = price_low, tau_low
    return CellBound(best, best_price, best_tau, price_low, price_high, tau_low, tau_high, best_slack)
