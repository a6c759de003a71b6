r"""Safe upper bounds of one earner: a head, or a committee, once what it shares with others has a price.

An earner with delay t earns w exp(-A t) and pays the least that reaches t,

    cost(t) = min { sum_p c_p/x_p + h/v :  sum_p m_p x_p + v <= t,  0 < x_p <= cap_p,  v >= fastest },

phases x_p bought with spectrum and v with CPU. For every price k >= 0 of time, phi(k) = min { sum_p (c_p/x_p + k m_p x_p) + h/v
+ k v } has a closed form and cost(t) >= phi(k) - k t (Fenchel). Since exp(-A t) is convex, so is w exp(-A t) + k t, and on
an interval [l, r] it is largest at an end:

    max over [l, r] of  w exp(-A t) - cost(t)  <=  max(w exp(-A l) + k l, w exp(-A r) + k r) - phi(k).

That is the secant (the concave envelope of exp(-A t) on [l, r]) and weak duality in one line. It holds for every k, every
interval and every set of weights m_p that underestimates the delay, so nothing has to be solved exactly for the bound to be
true; rounding is covered by ``SLACK``. The error falls with the square of the cell's length.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats
from ...compiled import compiled

# Relative outward slack of a cell's bound: some hundred operations of 1.1e-16 each on terms no larger than those summed.
SLACK = 1e-12
CELLS = 40
BISECTIONS = 60
QUADRUPLINGS = 100


class Earners(NamedTuple):
    """E earners with P phases. worth w [E]; decay A; cost c_p [E, P] (0: the phase takes no time); weight m_p [E, P];
    cap [E, P] [s]; cpu h [E] (money x s); fastest [E] [s]; low, high [E]: interval of the delay t [s], empty if low > high."""

    worth: Floats
    decay: float
    cost: Floats
    weight: Floats
    cap: Floats
    cpu: Floats
    fastest: Floats
    low: Floats
    high: Floats


@compiled
def _dual(k: float, cost: Floats, weight: Floats, cap: Floats, cpu: float, fastest: float) -> tuple[float, float]:
    """phi(k) and the delay at which it is attained, k > 0."""
    value, delay = 0.0, 0.0
    for p in range(cost.shape[0]):
        if cost[p] > 0.0:
            x = min(math.sqrt(cost[p] / (k * weight[p])), cap[p])
            value += cost[p] / x + k * weight[p] * x
            delay += weight[p] * x
    v = max(math.sqrt(cpu / k), fastest)
    if v > 0.0:
        value += cpu / v + k * v
        delay += v
    return value, delay


@compiled
def _price_at(
    delay: float, top: float, bottom: float, cost: Floats, weight: Floats, cap: Floats, cpu: float, fastest: float
) -> float:
    """Price in [bottom, top] whose delay is ``delay``, or the nearer end."""
    low, high = math.log(bottom), math.log(top)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if _dual(math.exp(middle), cost, weight, cap, cpu, fastest)[1] > delay:
            low = middle
        else:
            high = middle
        if high - low < 1e-12:
            break
    return math.exp(high)


@compiled
def cells(earners: Earners, edges: Floats, uppers: Floats) -> None:
    """Fill edges [E, N + 1] (delays, ascending) and uppers [E, N] (bound of what is earned on each cell; -inf: impossible)."""
    worth, decay, cost, weight, cap, cpu, fastest, lows, highs = earners
    n = uppers.shape[1]
    for e in range(uppers.shape[0]):
        low, high = max(lows[e], fastest[e]), highs[e]
        uppers[e] = -np.inf
        edges[e] = low
        edges[e, n] = max(low, high)
        if not low <= high:
            continue
        # Above this price of time the earner speeds up wherever it is; an interval of short delays needs a higher one to be
        # as costly as it is.
        ceiling = 2.0 * decay * worth[e] + 1e-300
        for _ in range(QUADRUPLINGS):
            if _dual(ceiling, cost[e], weight[e], cap[e], cpu[e], fastest[e])[1] <= high:
                break
            ceiling *= 4.0
        top = _price_at(low, ceiling, 1e-12 * ceiling, cost[e], weight[e], cap[e], cpu[e], fastest[e])
        bottom = _price_at(high, top, 1e-12 * ceiling, cost[e], weight[e], cap[e], cpu[e], fastest[e])
        free = 0.0
        for p in range(cost.shape[1]):
            if cost[e, p] > 0.0:
                free += cost[e, p] / cap[e, p]
        step = (bottom / top) ** (1.0 / n)
        left = low
        for c in range(n):
            if c == n - 1:
                right = high
            else:
                right = _dual(top * step ** (c + 1), cost[e], weight[e], cap[e], cpu[e], fastest[e])[1]
                right = min(max(right, left), high)
            k = top * step ** (c + 0.5)
            phi = _dual(k, cost[e], weight[e], cap[e], cpu[e], fastest[e])[0]
            at_left, at_right = worth[e] * math.exp(-decay * left), worth[e] * math.exp(-decay * right)
            upper = max(at_left + k * left, at_right + k * right) - phi
            upper += SLACK * (at_left + k * right + phi)
            uppers[e, c] = min(upper, at_left - free + SLACK * (at_left + free))
            edges[e, c] = left
            left = right


class Peaks(NamedTuple):
    """best [E]: upper bound of what each earner earns on its interval; at [E]: a delay near it; edges, uppers: the cells."""

    best: Floats
    at: Floats
    edges: Floats
    uppers: Floats


def peaks(earners: Earners, count: int = CELLS) -> Peaks:
    """Bounds of all earners, cell by cell."""
    edges = np.empty((len(earners.worth), count + 1))
    uppers = np.empty((len(earners.worth), count))
    cells(earners, edges, uppers)
    where = uppers.argmax(axis=1)
    rows = np.arange(len(where))
    return Peaks(uppers[rows, where], 0.5 * (edges[rows, where] + edges[rows, where + 1]), edges, uppers)


def kept(found: Peaks, least: Floats) -> tuple[Floats, Floats, Booleans]:
    """Smallest interval of delays outside which an earner's bound stays below ``least`` [E], and whether any is left."""
    keep = found.uppers >= least[:, None]
    count = keep.shape[1]
    rows = np.arange(len(keep))
    first, last = keep.argmax(axis=1), count - 1 - keep[:, ::-1].argmax(axis=1)
    alive = np.any(keep, axis=1)
    return found.edges[rows, first], found.edges[rows, last + 1], alive
