r"""The least spectrum S(t) with which a committee communicates within t, as rows S = c + R^2 / (t - a), the request left out.

A committee with phase times t_r, x, y, z needs r / t_r + e_0 / x + sum_a max(e_a / y, g_a / z) (``opt.global_reduction``) and
communicates for t_r + x + y + max(x, y) + z. Least spectrum for a time is a convex programme; along its marginal price l of
time, x = sqrt(e_0 / l) and so on, and every phase that reaches the timeout T stays there as l falls (each phase minimises its
own spectrum plus l times its weight in time; y and z do so together: with z = y / rho both go as 1 / sqrt(l) until y = T, and
then z alone minimises sum_a max(e_a / T, g_a / z) + l z). So between two breakpoints of l the phases not at T sum to
R / sqrt(l) of time and R sqrt(l) of spectrum. max(x, y): either x <= y on the whole path (weights 1 and 2), or x >= y (weights
2 and 1), or neither linear problem agrees with its own order and x = y (weight 3 on both).

``cap``: a phase counts at most T, so each is served (time counted in full) or left (no spectrum, T counted); with prepare
served, reply comes within y for free. Six alternatives, each with c = 0.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats
from ..compiled import compiled

# Columns of a row: prices l of time between which it holds, a, c and R.
DEAREST, CHEAPEST, DELAY, SPECTRUM, ROOT = range(5)


@compiled
def prepare_and_reply(extra: float, broadcast: Floats, reply: Floats, weight: float) -> tuple[float, float]:
    """(least N(rho) = (extra + sum max(e_a, g_a rho)) (weight + 1 / rho) over rho >= 1, its rho).

    Between kinks the sum is E + G rho, and N is least at sqrt(E / (G weight)), or at the kinks.
    """
    least, best = math.inf, 1.0
    for first in range(-1, broadcast.size):
        kink = 1.0
        if first >= 0:
            if reply[first] <= 0.0:
                continue
            kink = max(1.0, broadcast[first] / reply[first])
        fixed, rising = extra, 0.0
        for a in range(broadcast.size):
            # Compared as ratios: a term starts to rise at exactly its own kink, whatever rounding does to products.
            if reply[a] > 0.0 and max(1.0, broadcast[a] / reply[a]) <= kink:
                rising += reply[a]
            else:
                fixed += broadcast[a]
        inner = max(kink, math.sqrt(fixed / (rising * weight))) if rising > 0.0 else kink
        for ratio in (kink, inner):
            total = extra
            for a in range(broadcast.size):
                total += max(broadcast[a], reply[a] * ratio)
            if total * (weight + 1.0 / ratio) < least:
                least, best = total * (weight + 1.0 / ratio), ratio
    return least, best


@compiled
def free_phases(leader: float, broadcast: Floats, reply: Floats) -> tuple[float, float, float, float, float]:
    """(weight of x, of y, x sqrt(l), y sqrt(l), N of prepare and reply) while nothing is at the timeout; weight 0: x = y."""
    need, ratio = prepare_and_reply(0.0, broadcast, reply, 2.0)
    x, y = math.sqrt(leader), math.sqrt(need) / (2.0 + 1.0 / ratio)
    if x <= y:
        return 1.0, 2.0, x, y, need
    need, ratio = prepare_and_reply(0.0, broadcast, reply, 1.0)
    x, y = math.sqrt(0.5 * leader), math.sqrt(need) / (1.0 + 1.0 / ratio)
    if x >= y:
        return 2.0, 1.0, x, y, need
    need, ratio = prepare_and_reply(leader, broadcast, reply, 3.0)
    y = math.sqrt(need) / (3.0 + 1.0 / ratio)
    return 0.0, 3.0, y, y, need


@compiled
def reply_alone(broadcast: Floats, reply: Floats, timeout: float, price: float) -> tuple[float, float, float]:
    """(a, c, R) of the z that minimises sum_a max(e_a / T, g_a / z) + l z, at a price l inside one of its pieces."""
    best, best_time, best_moves = math.inf, timeout, False
    for first in range(broadcast.size):
        if reply[first] <= 0.0:
            continue
        kink = timeout * min(1.0, reply[first] / broadcast[first])
        rising = 0.0
        for a in range(broadcast.size):
            if reply[a] > 0.0 and timeout * min(1.0, reply[a] / broadcast[a]) >= kink:
                rising += reply[a]
        inner = min(math.sqrt(rising / price), kink)
        for time in (kink, inner):
            cost = price * time
            for a in range(broadcast.size):
                cost += max(broadcast[a] / timeout, reply[a] / time)
            if cost < best * (1.0 - 1e-15):
                best, best_time, best_moves = cost, time, time < kink
    if not best_moves:
        spectrum = 0.0
        for a in range(broadcast.size):
            spectrum += max(broadcast[a] / timeout, reply[a] / best_time)
        return best_time, spectrum, 0.0
    fixed, rising = 0.0, 0.0
    for a in range(broadcast.size):
        if reply[a] / best_time > broadcast[a] / timeout:
            rising += reply[a]
        else:
            fixed += broadcast[a] / timeout
    return 0.0, fixed, math.sqrt(rising)


@compiled
def rows_until_timeout(leader: float, broadcast: Floats, reply: Floats, timeout: float) -> Floats:
    """Rows when every phase must end by the timeout, dearest time first; [rows, 5]."""
    x_weight, y_weight, x, y, need = free_phases(leader, broadcast, reply)
    x_ends, y_ends = (x / timeout) ** 2, (y / timeout) ** 2
    breaks = np.zeros(2 * broadcast.size + 2)
    breaks[0], breaks[1], count = x_ends, y_ends, 2
    for first in range(broadcast.size):
        if reply[first] <= 0.0:
            continue
        kink = timeout * min(1.0, reply[first] / broadcast[first])
        from_kink, beyond = 0.0, 0.0
        for a in range(broadcast.size):
            its = timeout * min(1.0, reply[a] / broadcast[a]) if reply[a] > 0.0 else 0.0
            from_kink += reply[a] if its >= kink else 0.0
            beyond += reply[a] if its > kink else 0.0
        for price in (from_kink / kink**2, beyond / kink**2):
            if 0.0 < price < y_ends:
                breaks[count] = price
                count += 1
    breaks = np.unique(breaks[:count])[::-1]
    rows = np.zeros((breaks.size + 1, 5))
    for place in range(breaks.size + 1):
        dearest = breaks[place - 1] if place > 0 else math.inf
        cheapest = breaks[place] if place < breaks.size else 0.0
        inside = 2.0 * cheapest if place == 0 else 0.5 * (dearest + cheapest)
        delay, spectrum, total = 0.0, 0.0, 0.0
        if x_weight > 0.0:
            if inside > x_ends:
                total += x_weight * x
            else:
                delay, spectrum = delay + x_weight * timeout, spectrum + leader / timeout
        if inside > y_ends:
            total += math.sqrt(need)
        else:
            more, paid, free = reply_alone(broadcast, reply, timeout, inside)
            delay, spectrum, total = delay + y_weight * timeout + more, spectrum + paid, total + free
            spectrum += leader / timeout if x_weight == 0.0 else 0.0
        rows[place] = np.array((dearest, cheapest, delay, spectrum, total))
    return rows


@compiled
def rows_capped(leader: float, broadcast: Floats, reply: Floats, timeout: float) -> Floats:
    """Rows of the six alternatives when a phase counts at most the timeout; [6, 5]."""
    x_weight, _, x, _, need = free_phases(leader, broadcast, reply)
    without_x, _ = prepare_and_reply(0.0, broadcast, reply, 1.0)
    x_alone, z_alone = math.sqrt(leader), math.sqrt(reply.sum())
    delays = np.array((0.0, 2.0, 2.0, 3.0, 3.0, 4.0)) * timeout
    roots = np.array((x_weight * x + math.sqrt(need), math.sqrt(without_x), x_alone + z_alone, z_alone, x_alone, 0.0))
    rows = np.zeros((6, 5))
    rows[:, DEAREST] = math.inf
    rows[:, DELAY], rows[:, ROOT] = delays, roots
    return rows
