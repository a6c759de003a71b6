r"""The largest worth of a committee with N whole subchannels in all: the least communication time, by weak duality.

The manager has n_0 = N - m, w of them for the requests of its APs (r / w seconds) and the rest for pre-prepare,
x = e_0 / (n_0 - w). With a row of ``whole_delegates`` for y and z the committee takes r/w + x + max(x, y) + y + z. As
max(x, y) >= q x + (1 - q) y for any q in [0, 1], that is at least

    min over w of [ r / w + (1 + q) e_0 / (n_0 - w) ]  +  min over the row of [ (2 - q) y + z(y) ],

two problems in closed form. Any q gives a true bound; the best one is exact, the problem being convex.

``fail``: every phase ends by T' = T (1 + e), e = 1e-9, and counts at most T: w stays in [r / T', n_0 - e_0 / T'], T' being
rounded up by 3e-13, so that nothing that just ends in time is left out. What
counts is at least the time / (1 + e), and at least T where some phase passes T: a time of up to T is exact as it is.
``cap``: each phase is served (counted in full) or left (no spectrum, T counted; commit counts T when x or y does).

Worth (15) with n APs: max over v >= fastest of n B exp(-A (t + v)) - n c E / v - n p_0 N, or -n p_0 N without a block.
Rounding: 3e-13 n (B (1 + A t) exp(-A t) + p_0 N) is added to every worth with a block: exp loses A t ulps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..arrays import Floats
from ..compiled import compiled
from ..global_equations import TIMEOUT_TOLERANCE
from .stationary import best_value
from .whole_delegates import FROM, LEVEL, MEMBERS, SLOPE, TO

SLACK = 3e-13
# Of all the manager has: what is left of it may be off by.
DIGITS = 4e-16
# Halvings of the interval of q: more changes nothing that rounding does not.
HALVINGS = 50


class Committee(NamedTuple):
    """One committee: leader e_0, rows [R, 5] of its delegates, cpu_cost c E, fastest verification; and what all share:
    benefit B, decay A, spectrum_price p_0, timeout T, capped."""

    leader: float
    rows: Floats
    cpu_cost: float
    fastest: float
    benefit: float
    decay: float
    spectrum_price: float
    timeout: float
    capped: bool


@compiled
def manager_time(load: float, leader: float, own: float, low: float, high: float) -> tuple[float, float]:
    """(min over w in [low, high] of load / w + leader / (own - w), its w), no more than it is: ``DIGITS``."""
    if load <= 0.0:
        return leader / own, 0.0
    root, other = math.sqrt(load), math.sqrt(leader)
    request = own * root / (root + other)
    if low <= request <= high:
        return (root + other) ** 2 / own, request
    request = min(max(request, low), high)
    return load / request + leader / (own - request + DIGITS * own), request


@compiled
def row_time(row: Floats, weight: float) -> tuple[float, float]:
    """(min of weight y + z on a row, its y)."""
    y = row[FROM]
    if row[SLOPE] > 0.0 and row[TO] > row[FROM]:
        y = min(max((row[SLOPE] + math.sqrt(row[SLOPE] / weight)) / row[LEVEL], y), row[TO])
    return weight * y + 1.0 / (row[LEVEL] - row[SLOPE] / y), y


@compiled
def both_at(load: float, leader: float, own: float, row: Floats, low: float, high: float, q: float) -> tuple[float, float]:
    """(bound at q, its slope in q)."""
    mine, request = manager_time(load, (1.0 + q) * leader, own, low, high)
    theirs, y = row_time(row, 2.0 - q)
    return mine + theirs, leader / (own - request + DIGITS * own) - y


@compiled
def served_time(load: float, leader: float, own: float, row: Floats, low: float, high: float, enough: float) -> float:
    """The best bound over q of r/w + x + max(x, y) + y + z; any bound >= ``enough`` will do. load 0: no request."""
    best, slope = both_at(load, leader, own, row, low, high, 0.0)
    if slope <= 0.0 or best >= enough:
        return best
    last, slope = both_at(load, leader, own, row, low, high, 1.0)
    best = max(best, last)
    if slope >= 0.0 or best >= enough:
        return best
    below, above = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (below + above)
        value, slope = both_at(load, leader, own, row, low, high, middle)
        best = max(best, value)
        if best >= enough:
            break
        if slope > 0.0:
            below = middle
        else:
            above = middle
    return best


@compiled
def until_timeout(committee: Committee, load: float, own: float, row: Floats, enough: float) -> float:
    """Least time under ``fail`` with these n_0 and row; inf: some phase fails."""
    longest = committee.timeout * (1.0 + TIMEOUT_TOLERANCE) * (1.0 + SLACK)
    low, high = load / longest, own - committee.leader / longest
    if own <= 0.0 or low > high:
        return math.inf
    time = served_time(load, committee.leader, own, row, low, high, enough)
    return time if time <= committee.timeout else max(committee.timeout, time / (1.0 + TIMEOUT_TOLERANCE))


@compiled
def up_to_timeout(committee: Committee, load: float, own: float, row: Floats, enough: float) -> float:
    """Least time under ``cap`` with these n_0 and row, whichever of request and pre-prepare is served."""
    timeout, leader = committee.timeout, committee.leader
    alone, _ = row_time(row, 1.0)
    if own <= 0.0:
        return 3.0 * timeout + alone
    best = min(load / own, timeout) + 2.0 * timeout + alone
    best = min(best, timeout + served_time(0.0, leader, own, row, 0.0, own, min(best, enough)))
    return min(best, served_time(load, leader, own, row, 0.0, own, min(best, enough)))


@compiled
def least_times(committee: Committee, load: float, times: Floats) -> None:
    """Writes t(N) for N = 0 ... len(times) - 1; inf where the committee cannot work."""
    times[:] = math.inf
    root = math.sqrt(load) + math.sqrt(committee.leader)
    for place in range(committee.rows.shape[0]):
        row = committee.rows[place]
        alone, _ = row_time(row, 1.0)
        members = int(row[MEMBERS])
        for own in range(times.size - members):
            enough = times[members + own]
            if committee.capped:
                time = up_to_timeout(committee, load, float(own), row, enough)
            elif own == 0 or (root * root / own + alone) * (1.0 - 2.0 * TIMEOUT_TOLERANCE) >= enough:
                continue
            else:
                time = until_timeout(committee, load, float(own), row, enough * (1.0 + 2.0 * TIMEOUT_TOLERANCE))
            # A time that is no number is not resolved: no time is shorter than 0.
            times[members + own] = 0.0 if math.isnan(time) else min(enough, time)


@compiled
def worths(committee: Committee, served: float, load: float, worth: Floats) -> None:
    """Writes upper bounds of the worth with N = 0 ... len(worth) - 1 subchannels; never more than -n p_0 N without a block."""
    least_times(committee, load, worth)
    for total in range(worth.size):
        paid = served * committee.spectrum_price * total
        gain = served * committee.benefit * math.exp(-committee.decay * worth[total])
        value = best_value(gain, committee.decay, served * committee.cpu_cost, committee.fastest)
        margin = 0.0 if value <= 0.0 else SLACK * (gain * (1.0 + committee.decay * worth[total]) + paid)
        worth[total] = value + margin - paid
        if math.isnan(worth[total]):
            worth[total] = math.inf
