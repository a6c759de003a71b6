r"""Proved upper bounds on a cell of the local part: an interval of tau = T_multi and boxes on uplink shares.

Weak duality. At any price pi = p_0 + p, p >= 0, of a subchannel, relaxing C1 gives for tau in [l, r], low <= u <= high

    utility <= p W + max_tau [ V(exp(-A Q(tau)), pi) - pi M/tau ],
    V(y, pi) = sum_j max over low_j <= u <= high_j, f of y b_j exp(-A (a_j/f + d_j/u)) - pi u - z f,    b_j = B exp(-A c_j).

V is convex in y, a maximum of functions affine in y, and increasing. So with Q replaced by a line i + s tau below it
(``line_below``) and y(tau) = exp(-A (i + s tau)) between y_r and y_l, V lies under its chord in y, and

    V <= V(y_r) + beta (y(tau) - y_r),  beta = (V(y_l) - V(y_r))/(y_l - y_r) >= 0.

beta y(tau) - pi M/tau is the single head's problem again (``response``): it rises to its maximum at the principal root, falls,
and rises towards the right, so its maximum over [l, r] is at the root clipped to [l, r], or at r. r may be infinite (y_r = 0).
The bound is convex in p with slope W - spectrum used. A price search moves p, but every p gives a true bound: nothing
depends on its convergence.

Rounding. Each head's value carries a relative error of a few units of 2^-53 of b_j y plus its costs (exp, log, sqrt and the
Newton root err by that much), the sum over J heads at most J units of the gross total, and A (i + s tau) <= 745 wherever y is
not 0, which makes exp of it wrong by at most some 1e-13, and by A 2^-52 (|i| + s l) more where i and s tau cancel. Each bound
is raised by (1e-12 + 4e-16 J + 1e-15 A (|i| + s l)) times all that was added up or subtracted: y_l sum b_j (which also pays
for heads that rounding held off), p W, and pi times the spectrum used.
Cells are closed intervals and reach ``OVERLAP`` beyond their right end (``local_delay``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ...arrays import Floats
from ...compiled import compiled
from ...local_reduction import ReducedLocal
from .local_delay import OVERLAP
from .response import LOCAL_BELOW, best_response, boxed_response, half_decay_time


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
def respond_all(problem: ReducedLocal, low: Floats, high: Floats, fade: float, price: float) -> tuple[float, float]:
    """(V, total uplink) of all heads at y = ``fade``; u in [low, high]."""
    value, uplink = 0.0, 0.0
    worth, work, need, cpu_max = problem.worth, problem.work, problem.need, problem.cpu_max
    decay, cpu_price = problem.decay, problem.cpu_price
    for j in range(worth.shape[0]):
        if low[j] <= 0.0 and high[j] == math.inf:
            v, u, _ = best_response(fade * worth[j], decay, work[j], cpu_max[j], cpu_price, need[j], price)
        else:
            v, u, _ = boxed_response(fade * worth[j], decay, work[j], cpu_max[j], cpu_price, need[j], price, low[j], high[j])
        value += v
        uplink += u
    return value, uplink


@compiled
def bound_at(
    problem: ReducedLocal,
    low: Floats,
    high: Floats,
    left: float,
    right: float,
    intercept: float,
    slope: float,
    total_worth: float,
    price: float,
) -> tuple[float, float, float, float]:
    """(bound, tau, spectrum used, slack in the bound) at one price pi > 0 of a cell [left, right] under a delay line."""
    decay, need = problem.decay, problem.multicast_need
    fade_left = math.exp(-decay * (intercept + slope * left))
    fade_right = fade_left if slope <= 0.0 else math.exp(-decay * (intercept + slope * right))
    value_left, used_left = respond_all(problem, low, high, fade_left, price)
    tau, value, used, multicast = right, value_left, used_left, 0.0
    if need > 0.0:
        multicast = need / right
    if fade_right < fade_left:
        value_right, used_right = respond_all(problem, low, high, fade_right, price)
        value, used = value_right, used_right
        rise = (value_left - value_right) / (fade_left - fade_right)
        if rise > 0.0:
            scale = rise * math.exp(-decay * intercept)
            rate = decay * slope
            q = 0.5 * rate * math.sqrt(price * need / (rate * scale))
            if q <= LOCAL_BELOW:
                inner = min(max(2.0 * half_decay_time(q) / rate, left), right)
                share = (math.exp(-decay * (intercept + slope * inner)) - fade_right) / (fade_left - fade_right)
                share = min(max(share, 0.0), 1.0)
                there = share * value_left + (1.0 - share) * value_right
                if there - price * need / inner > value - price * multicast:
                    tau, value, multicast = inner, there, need / inner
                    used = share * used_left + (1.0 - share) * used_right
    bound = (price - problem.spectrum_price) * problem.budget + value - price * multicast
    extra = price - problem.spectrum_price
    slack = fade_left * total_worth + extra * problem.budget + price * (used + multicast)
    slack *= 1e-12 + 4e-16 * problem.worth.shape[0] + 1e-15 * decay * (abs(intercept) + slope * left)
    return bound + slack, tau, used + multicast, slack


@compiled
def bound_cell(
    problem: ReducedLocal,
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
    """The least bound over prices, to ``absolute`` plus ``relative`` of itself; stops early once it is ``enough`` or less.

    The bound is convex in the price: its tangents at the two ends of the bracket meet below its minimum, which says when to
    stop. Between, the price moves as if the spectrum used were a power of it (exact for one head far from its ends), and by
    the meeting point of the tangents where that stalls, as at a kink.
    """
    right = right * (1.0 + OVERLAP)
    floor, budget = problem.spectrum_price, problem.budget
    total_worth = problem.worth.sum()
    price_low, price_high, used_low, used_high = floor, math.inf, math.inf, 0.0
    bound_low, bound_high, tau_low, tau_high = math.inf, math.inf, left, right
    price = max(price, floor)
    if price <= 0.0:
        price = max(total_worth, 1e-300) / budget
    best, best_price, best_tau, best_slack = math.inf, price, left, 0.0
    beyond = 1e-2  # how far a step to bracket the minimum goes beyond the estimate (shares fall like the root of the price)
    for step in range(100):
        bound, tau, used, slack = bound_at(problem, low, high, left, right, intercept, slope, total_worth, price)
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
        if used_low == math.inf:
            # No price below the minimum met yet: the tangent at price_high bounds what is left down to the floor.
            if (price_high - floor) * (budget - used_high) <= precision:
                price_low, tau_low = price_high, tau_high
                break
            price = max(price_high * min(max((used_high / budget) ** 2, 1e-3), 1.0) * (1.0 - min(beyond, 0.9)), floor)
            beyond *= 8.0
        elif price_high == math.inf:
            price = price_low * min((used_low / budget) ** 2, 1e3) * (1.0 + beyond)
            beyond *= 8.0
        else:
            meet = (bound_high - bound_low + (used_low - budget) * -price_low + (used_high - budget) * price_high) / (
                used_high - used_low
            )
            # Tangent at low: bound_low - (used_low - budget)(p - price_low); at high likewise with used_high.
            below = bound_low - (used_low - budget) * (meet - price_low)
            if best - below <= precision or price_high - price_low <= 4e-16 * price_high:
                break
            power = -1.0
            if used_high > 0.0 and step % 3 != 2:
                steepness = math.log(used_low / used_high) / math.log(price_high / price_low)
                power = price_low * (used_low / budget) ** (1.0 / steepness)
            price = power if price_low < power < price_high else meet
            if not price_low < price < price_high:
                price = 0.5 * (price_low + price_high)
                if not price_low < price < price_high:
                    break
    if price_high == math.inf:
        price_high, tau_high = price_low, tau_low
    return CellBound(best, best_price, best_tau, price_low, price_high, tau_low, tau_high, best_slack)
