r"""The cheapest spectrum of a committee as a function of its communication time, in closed-form pieces.

Spectrum S(t) is the least r / t_r + e_0 / x + sum_a max(e_a / y, g_a / z) with t_r + x + y + max(x, y) + z <= t (see
``global_reduction``). It is a convex programme; at marginal price lambda of time (lambda = -S'(t)) it falls into blocks that
are each homogeneous of degree -1, so on every piece S = c + d / (t - a): a and c belong to phases that stay at the timeout.

Order of pre-prepare and prepare. x + y + max(x, y) is at least x + 2 y and at least 2 x + y, so each of the two linear
problems bounds from below and is exact where its own minimiser has x <= y (x >= y); by convexity, if neither does, x = y.
Free y and z, at weights (kappa, 1): with rho = y / z >= 1 and A(rho) = sum_a max(e_a, g_a rho) the cost times the time is
A(rho) (kappa + 1 / rho): on a segment E + G rho of A it is E kappa + G + G kappa rho + E / rho, least at sqrt(E / (G kappa)).

``fail``: phases end at T. The problem is supermodular in (x, y, z, -lambda): -max(e / y, g / z) and -max(x, y) have increasing
differences; so (x, y, z) grow as lambda falls (Topkis) and a phase that has reached T stays there. With y at T the reply sees
sum_a max(e_a / T, g_a / z): z = sqrt(G / lambda) between its kinks z = T g_a / e_a, and rests on them.
``cap``: a phase counts min(time, T), so each of request, pre-prepare, prepare (with or without reply) is either served (time
counted in full) or left: no spectrum, T counted. Commit counts T exactly when x or y is left. The alternatives are pieces with
c = 0 whose best one counts. Reply cannot be worth leaving when prepare is served (z <= y).
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Floats
from ...compiled import compiled

# Columns of a row: the marginal prices of time between which it holds; a, c and sqrt(d) without the request; phase time =
# constant + unit / sqrt(lambda) for x, y and z; and how the request joins.
FROM, TO, DELAY, SPECTRUM, ROOT, X_CONST, X_UNIT, Y_CONST, Y_UNIT, Z_CONST, Z_UNIT, REQUEST = range(12)
COLUMNS = 12
LEFT, SERVED, UP_TO_TIMEOUT = 0.0, 1.0, 2.0


@compiled
def cheapest_ratio(extra: float, broadcast: Floats, reply: Floats, weight: float) -> tuple[float, float]:
    """(least A(rho) (weight + 1 / rho), its rho >= 1), A(rho) = extra + sum max(e_a, g_a rho); needs some g_a > 0."""
    ratios = np.ones(broadcast.size)
    fixed, slope = extra, 0.0
    for a in range(broadcast.size):
        fixed += broadcast[a]
        if reply[a] > 0.0:
            ratios[a] = max(1.0, broadcast[a] / reply[a])
    order = np.argsort(ratios)
    best, best_ratio = math.inf, 1.0
    low = 1.0
    for place in range(broadcast.size + 1):
        high = math.inf if place == broadcast.size else float(ratios[int(order[place])])
        ratio = low
        if slope > 0.0:
            ratio = min(max(math.sqrt(max(fixed, 0.0) / (slope * weight)), low), high)
        cost = (fixed + slope * ratio) * (weight + 1.0 / ratio)
        if (slope > 0.0 or place == 0) and cost < best:
            best, best_ratio = cost, ratio
        if place < broadcast.size:
            a = int(order[place])
            if reply[a] > 0.0:
                fixed -= broadcast[a]
                slope += reply[a]
            low = high
    total = extra
    for a in range(broadcast.size):
        total += max(broadcast[a], reply[a] * best_ratio)
    return total * (weight + 1.0 / best_ratio), best_ratio


@compiled
def _replying(broadcast: Floats, reply: Floats, timeout: float, price: float) -> tuple[float, float, float, float]:
    """z with prepare at the timeout and time at this price: (constant and unit of z, constant and root of spectrum)."""
    terms = broadcast.size
    kinks = timeout * np.ones(terms)
    for a in range(terms):
        if reply[a] > 0.0:
            kinks[a] = timeout * min(1.0, reply[a] / broadcast[a])
        else:
            kinks[a] = 0.0
    order = np.argsort(kinks)
    governing = 0.0
    for a in range(terms):
        governing += reply[a]
    settled = 0.0
    for place in range(terms):
        a = int(order[place])
        kink = float(kinks[a])
        if governing > 0.0 and kink > 0.0:
            if governing >= price * kink * kink:
                rest = governing - reply[a]
                if rest < price * kink * kink or place == terms - 1:
                    spectrum = settled
                    for later in range(place, terms):
                        other = int(order[later])
                        spectrum += max(broadcast[other] / timeout, reply[other] / kink)
                    return kink, 0.0, spectrum, 0.0
            else:
                return 0.0, math.sqrt(governing), settled, math.sqrt(governing)
        governing -= reply[a]
        settled += broadcast[a] / timeout
    return timeout, 0.0, settled, 0.0


@compiled
def free_phases(leader: float, broadcast: Floats, reply: Floats) -> tuple[float, float, float, float, float, float]:
    """(weight of x, weight of y, A(rho) (weight + 1 / rho), rho, unit of x, unit of y) where no timeout binds: the phases take
    x = x_unit / sqrt(lambda), y = y_unit / sqrt(lambda), z = y / rho, and commit as long as the longer of x and y.

    Weight of x: 1 where x <= y, 2 where x >= y, 0 where x = y and the manager's need is counted in A (module docstring)."""
    weight = 2.0
    need, ratio = cheapest_ratio(0.0, broadcast, reply, weight)
    x_unit, y_unit = math.sqrt(leader), math.sqrt(need) / (weight + 1.0 / ratio)
    x_weight = 1.0
    if x_unit > y_unit:
        weight, x_weight = 1.0, 2.0
        need, ratio = cheapest_ratio(0.0, broadcast, reply, weight)
        x_unit, y_unit = math.sqrt(0.5 * leader), math.sqrt(need) / (weight + 1.0 / ratio)
        if x_unit < y_unit:
            weight, x_weight = 3.0, 0.0
            need, ratio = cheapest_ratio(leader, broadcast, reply, weight)
            y_unit = math.sqrt(need) / (weight + 1.0 / ratio)
            x_unit = y_unit
    return x_weight, weight, need, ratio, x_unit, y_unit


@compiled
def curve_until_timeout(leader: float, broadcast: Floats, reply: Floats, timeout: float) -> Floats:
    """Rows of the curve when every phase must end by the timeout, from the dearest time to the cheapest; [rows, COLUMNS]."""
    x_weight, weight, need, ratio, x_unit, y_unit = free_phases(leader, broadcast, reply)
    z_unit = y_unit / ratio
    x_ends, y_ends = (x_unit / timeout) ** 2, (y_unit / timeout) ** 2

    terms = broadcast.size
    breaks = np.zeros(2 * terms + 4)
    breaks[0], breaks[1] = x_ends, y_ends
    count = 2
    for a in range(terms):
        if reply[a] > 0.0:
            kink = timeout * min(1.0, reply[a] / broadcast[a])
            at_least, more = 0.0, 0.0
            for other in range(terms):
                if reply[other] > 0.0:
                    its = timeout * min(1.0, reply[other] / broadcast[other])
                    at_least += reply[other] if its >= kink else 0.0
                    more += reply[other] if its > kink else 0.0
            for slope in (at_least / kink**2, more / kink**2):
                if 0.0 < slope < y_ends:
                    breaks[count] = slope
                    count += 1
    breaks = np.unique(breaks[:count])[::-1]

    rows = np.zeros((breaks.size + 1, COLUMNS))
    for place in range(breaks.size + 1):
        above = math.inf if place == 0 else breaks[place - 1]
        below = 0.0 if place == breaks.size else breaks[place]
        price = 2.0 * below if place == 0 else (0.5 * above if place == breaks.size else math.sqrt(above * below))
        row = rows[place]
        row[FROM], row[TO], row[REQUEST] = above, below, UP_TO_TIMEOUT
        if x_weight > 0.0:
            if price > x_ends:
                row[X_UNIT] = x_unit
                row[ROOT] += x_weight * x_unit
            else:
                row[X_CONST] = timeout
                row[DELAY] += x_weight * timeout
                row[SPECTRUM] += leader / timeout
        if price > y_ends:
            row[Y_UNIT], row[Z_UNIT] = y_unit, z_unit
            row[ROOT] += math.sqrt(need)
            if x_weight == 0.0:
                row[X_UNIT] = x_unit
        else:
            row[Y_CONST] = timeout
            row[Z_CONST], row[Z_UNIT], spectrum, root = _replying(broadcast, reply, timeout, price)
            row[DELAY] += weight * timeout + row[Z_CONST]
            row[SPECTRUM] += spectrum
            row[ROOT] += root
            if x_weight == 0.0:
                row[X_CONST] = timeout
                row[SPECTRUM] += leader / timeout
    return rows


@compiled
def _set_row(row: Floats, delay: float, root: float, request: float, x: float, y: float, z: float) -> None:
    row[FROM], row[TO], row[DELAY], row[ROOT], row[REQUEST] = math.inf, 0.0, delay, root, request
    row[X_UNIT], row[Y_UNIT], row[Z_UNIT] = x, y, z
    for constant, unit in ((X_CONST, X_UNIT), (Y_CONST, Y_UNIT), (Z_CONST, Z_UNIT)):
        if row[unit] == 0.0:
            row[constant] = math.inf


@compiled
def curve_capped(leader: float, broadcast: Floats, reply: Floats, timeout: float) -> Floats:
    """Rows of the alternatives when a phase counts at most the timeout; unserved phases last for ever; [12, COLUMNS]."""
    free = curve_until_timeout(leader, broadcast, reply, timeout)[0]
    prepare, ratio = cheapest_ratio(0.0, broadcast, reply, 1.0)
    y = math.sqrt(prepare) / (1.0 + 1.0 / ratio)
    x, z = math.sqrt(leader), math.sqrt(reply.sum())
    rows = np.zeros((12, COLUMNS))
    for request in range(2):
        first = 6 * request
        late = 0.0 if request == 1 else timeout
        flag = SERVED if request == 1 else LEFT
        _set_row(rows[first], late, free[ROOT], flag, free[X_UNIT], free[Y_UNIT], free[Z_UNIT])
        _set_row(rows[first + 1], late + 2.0 * timeout, math.sqrt(prepare), flag, 0.0, y, y / ratio)
        _set_row(rows[first + 2], late + 2.0 * timeout, x + z, flag, x, 0.0, z)
        _set_row(rows[first + 3], late + 3.0 * timeout, z, flag, 0.0, 0.0, z)
        _set_row(rows[first + 4], late + 3.0 * timeout, x, flag, x, 0.0, 0.0)
        _set_row(rows[first + 5], late + 4.0 * timeout, 0.0, flag, 0.0, 0.0, 0.0)
    return rows
