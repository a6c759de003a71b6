r"""Good decisions for the local part: who is on is given, the rest is concave and solved to the last digits.

With the set of heads that are on and tau fixed, each of them stays on its concave side (A d/u <= 2 after its best CPU) and the
budget W - M/tau is used up at one price, or not quite if even the price p_0 leaves some. tau itself is then tuned where Q is
smooth: the derivative of the best utility is pi M/tau^2 - A Q'(tau) (sum of benefits), by the envelope theorem. One head may
sit on its convex side at a local maximum (never two: shifting spectrum between them would gain), so leftovers may go to one.
Nothing here is trusted: the caller evaluates the decision with the equations.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats
from ...compiled import compiled
from ...local_reduction import ReducedLocal
from .local_delay import delay_slope, shared_delay
from .local_heads import Heads, demand, respond_all
from .response import served_value

# Relative distance that the two prices of a rounding keep from the relaxation's.
APART = 1e-7
# The same where nothing seems to jump, and yet something must.
APART_ENOUGH = 0.03
# Share of the budget that an allocation may leave unused: worth at most that much of price times budget.
UNUSED = 1e-10


class Allocation(NamedTuple):
    """Utility of a set of heads at ``tau``, the price at which its budget is used, its benefits, and u, f per head."""

    value: float
    tau: float
    price: float
    benefit: float
    uplink: Floats
    cpu: Floats


@compiled
def earned(problem: ReducedLocal, fade: float, uplink: Floats, cpu: Floats) -> tuple[float, float]:
    """(benefits minus costs of all heads, benefits); multicast not counted."""
    value, benefit = 0.0, 0.0
    worth, need, work, decay = problem.worth, problem.need, problem.work, problem.decay
    for j in range(uplink.shape[0]):
        if uplink[j] > 0.0:
            delay = need[j] / uplink[j]
            if work[j] > 0.0:
                delay += work[j] / cpu[j] if cpu[j] > 0.0 else math.inf
            gain = fade * worth[j] * math.exp(-decay * delay)
            benefit += gain
            value += gain - problem.spectrum_price * uplink[j] - problem.cpu_price * cpu[j]
    return value, benefit


@compiled
def allocate(problem: ReducedLocal, heads: Heads, on: Booleans, pins: Floats, tau: float, price: float) -> Allocation:
    """Best concave-side allocation to the heads ``on`` at ``tau``; heads for which the budget is too small drop out.

    ``pins`` [J]: shares that are given (0: not given).

    The price is found by Newton's method as if the spectrum used were a power of it, inside a bracket; a bracket that closes on
    a jump shows which heads have no maximum any more at that scarcity, and they are left out.
    """
    count = on.shape[0]
    uplink, cpu, nothing = np.zeros(count), np.zeros(count), np.zeros(0)
    room = problem.budget - (problem.multicast_need / tau if problem.multicast_need > 0.0 else 0.0)
    fade = math.exp(-problem.decay * shared_delay(problem, tau))
    pinned = pins.sum()
    if room <= 0.0 or pinned > room * (1.0 + 1e-12) or fade <= 0.0:
        return Allocation(-math.inf, tau, price, 0.0, uplink, cpu)
    floor = problem.spectrum_price
    active = on.copy()
    price = max(price, floor)
    if price <= 0.0:
        price = max(problem.worth.sum(), 1e-300) / problem.budget
    aimed = room * (1.0 - 0.3 * UNUSED)
    for _ in range(count + 1):
        low, high = floor, math.inf
        for step in range(200):
            used, pulls = demand(problem, heads, active, pins, fade, price, nothing, nothing)
            if used > room:
                low = price
            else:
                high = price
                if price <= floor or used >= room * (1.0 - UNUSED) or used <= pinned:
                    break
            if high < math.inf and high - low <= 1e-15 * high:
                break
            # d ln u / d ln price of the free heads, from their answers.
            free = used - pinned
            steepness = 0.5 * (free + pulls) / free
            aim = price * min(max((free / max(aimed - pinned, 1e-12 * room)) ** (1.0 / steepness), 1e-3), 1e3)
            if high == math.inf:
                price = aim if aim > low else 2.0 * low
            elif low <= floor and used <= room:
                price = max(min(aim, high * (1.0 - 1e-12)), floor)
            elif step % 4 != 3 and low < aim < high:
                price = aim
            else:
                price = math.sqrt(low * high) if low > 0.0 else 0.5 * high
                if not low < price < high:
                    break
        if high == math.inf:
            return Allocation(-math.inf, tau, price, 0.0, uplink, cpu)
        price = high
        demand(problem, heads, active, pins, fade, price, uplink, cpu)
        dropped = False
        for j in range(count):
            if active[j] and uplink[j] <= 0.0:
                active[j] = False
                dropped = True
        if not dropped or uplink.sum() <= pinned:
            break
    value, benefit = earned(problem, fade, uplink, cpu)
    if problem.multicast_need > 0.0:
        value -= floor * problem.multicast_need / tau
    return Allocation(value, tau, price, benefit, uplink, cpu)


@compiled
def tune(
    problem: ReducedLocal,
    heads: Heads,
    on: Booleans,
    pins: Floats,
    left: float,
    right: float,
    start: Allocation,
    accuracy: float,
) -> Allocation:
    """Best allocation to ``on`` over tau in [left, right], one piece of Q, from that of ``start`` on, by the sign of the
    derivative, until about ``accuracy`` of utility is left to gain."""
    best = start
    if problem.multicast_need <= 0.0 or best.value == -math.inf:
        return best
    low, high = math.log(left), math.log(right)
    slope_low, slope_high = math.nan, math.nan
    last = best
    for step in range(30):
        gain = last.price * problem.multicast_need / last.tau
        loss = problem.decay * delay_slope(problem, last.tau) * last.tau * last.benefit
        slope, here = gain - loss, math.log(last.tau)
        # The second derivative in ln tau is about gain + loss.
        if slope * slope <= accuracy * (gain + loss) or abs(slope) <= 1e-7 * (gain + loss):
            break
        if slope > 0.0:
            low, slope_low = here, slope
        else:
            high, slope_high = here, slope
        if high - low <= 1e-10:
            break
        if slope > 0.0 and math.isnan(slope_high):
            # Both terms are powers of tau near the optimum: gain falls like 1/tau, loss grows like tau.
            aim = here + min(max(0.5 * math.log(gain / max(loss, 1e-3 * gain)) * 1.2, 1e-9), high - here)
        elif slope < 0.0 and math.isnan(slope_low):
            aim = here - min(max(0.5 * math.log(loss / max(gain, 1e-3 * loss)) * 1.2, 1e-9), here - low)
        elif step % 3 == 2 or math.isnan(slope_low) or math.isnan(slope_high):
            aim = 0.5 * (low + high)
        else:
            aim = low + (high - low) * slope_low / (slope_low - slope_high)
        aimed = min(max(math.exp(aim), left), right)
        if aimed == last.tau:
            break
        last = allocate(problem, heads, on, pins, aimed, last.price)
        if last.value == -math.inf:
            # Too little room left of here: the multicast takes it.
            low, slope_low = aim, math.nan
            last = allocate(problem, heads, on, pins, math.exp(0.5 * (aim + high)), best.price)
            if last.value == -math.inf:
                break
        if last.value > best.value:
            best = last
    return best


@compiled
def share_slope(problem: ReducedLocal, j: int, answer: Allocation) -> float:
    """d(utility)/du_j of a head's given share, the others answering: A d/u^2 times its benefit, minus their price."""
    fade = math.exp(-problem.decay * shared_delay(problem, answer.tau))
    share, work = answer.uplink[j], problem.work[j]
    delay = problem.need[j] / share
    if work > 0.0:
        delay += work / answer.cpu[j] if answer.cpu[j] > 0.0 else math.inf
    gain = fade * problem.worth[j] * math.exp(-problem.decay * delay)
    return problem.decay * problem.need[j] / share**2 * gain - answer.price


@compiled
def tune_share(
    problem: ReducedLocal, heads: Heads, on: Booleans, pins: Floats, j: int, lowest: float, highest: float, start: Allocation
) -> Allocation:
    """Best allocation over the pinned share of head j in [lowest, highest] at the tau of ``start``, near its share there.

    Follows the sign of the slope to a change from + to -, which is a local maximum, and closes in on it by bisection and
    secants. Leaves the best share in ``pins``.
    """
    best, last = start, start
    low, high, slope_low, slope_high = lowest, highest, math.nan, math.nan
    step = 1e-3
    for attempt in range(60):
        if last.value == -math.inf:
            high, slope_high = pins[j], math.nan
        else:
            slope = share_slope(problem, j, last)
            if slope > 0.0:
                low, slope_low = pins[j], slope
            else:
                high, slope_high = pins[j], slope
        if high - low <= 1e-9 * high:
            break
        if math.isnan(slope_low) or math.isnan(slope_high):
            rising = not math.isnan(slope_low)
            aim = pins[j] + step * (highest - lowest) * (1.0 if rising else -1.0)
            step *= 3.0
            if not low < aim < high:
                aim = 0.5 * (low + high)
        elif attempt % 3 == 2:
            aim = 0.5 * (low + high)
        else:
            aim = low + (high - low) * slope_low / (slope_low - slope_high)
        pins[j] = aim
        last = allocate(problem, heads, on, pins, start.tau, start.price)
        if last.value > best.value:
            best = last
    pins[j] = best.uplink[j]
    return best


class Rounding(NamedTuple):
    """A relaxed answer made whole: a tau, and all heads at one of two responses but one.

    on [J]: heads with a share. pins [J]: shares of the heads that sit at an end of their box, and of the one in between.
    head: the one in between (-1: none) with share ``uplink``, between its responses ``few`` and ``many``; loss: how much less
    it is worth there than the relaxation believes.
    """

    tau: float
    on: Booleans
    pins: Floats
    head: int
    uplink: float
    few: float
    many: float
    loss: float


@compiled
def round_prices(
    problem: ReducedLocal,
    heads: Heads,
    low: Floats,
    high: Floats,
    price_low: float,
    tau_low: float,
    price_high: float,
    tau_high: float,
    least_jump: float,
) -> Rounding:
    """The two answers around the relaxation's, one over the budget and one under it, mixed until it is used, in head order.

    Only heads that jump by ``least_jump`` of their share or more are mixed; the relaxation may want such a head on at
    ``tau_low`` and off at ``tau_high``. The prices should lie apart by a hair, since those at which heads jump depend on tau,
    which may be off by one.
    """
    count = low.shape[0]
    fade_low = math.exp(-problem.decay * shared_delay(problem, tau_low))
    fade_high = math.exp(-problem.decay * shared_delay(problem, tau_high))
    many, few = np.zeros(count), np.zeros(count)
    _, above, _ = respond_all(problem, heads, low, high, fade_low, price_low, many)
    _, below, _ = respond_all(problem, heads, low, high, fade_high, price_high, few)
    tau, room, fade = tau_high, problem.budget - below, fade_high
    if problem.multicast_need > 0.0:
        air_low, air_high = problem.multicast_need / tau_low, problem.multicast_need / tau_high
        room -= air_high
        if above + air_low > below + air_high and above < math.inf:
            share = min(max(room / (above + air_low - below - air_high), 0.0), 1.0)
            air = share * air_low + (1.0 - share) * air_high
            room -= air - air_high
            tau = problem.multicast_need / air
            fade = math.exp(-problem.decay * shared_delay(problem, tau))
    on = few > 0.0
    pins = np.where((few > 0.0) & ((few == low) | (few == high)), few, 0.0)
    for j in range(count):
        extra = many[j] - few[j]
        if extra <= least_jump * many[j] or many[j] == math.inf:
            continue
        if extra <= room:
            room -= extra
            on[j] = True
            pins[j] = many[j] if many[j] == low[j] or many[j] == high[j] else 0.0
            continue
        share = max(room, 0.0) / extra
        between = few[j] + share * extra
        pins[j] = between
        worth, work, top, need = fade * problem.worth[j], problem.work[j], problem.cpu_max[j], problem.need[j]
        at_few, _ = served_value(worth, problem.decay, work, top, problem.cpu_price, need, few[j])
        at_many, _ = served_value(worth, problem.decay, work, top, problem.cpu_price, need, many[j])
        there, _ = served_value(worth, problem.decay, work, top, problem.cpu_price, need, between)
        loss = share * at_many + (1.0 - share) * at_few - there
        return Rounding(tau, on, pins, j, between, few[j], many[j], loss)
    return Rounding(tau, on, pins, -1, 0.0, 0.0, 0.0, 0.0)
