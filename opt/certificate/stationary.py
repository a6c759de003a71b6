r"""The largest value of gain exp(-A T) - cost / T over T > 0: what heads and committees come down to.

It is stationary where x exp(-x) = q with x = A T / 2, q = (A/2) sqrt(cost / (A gain)); the root x <= 1 is the local maximum,
the other one the minimum after which the value rises towards 0. Values are computed at the root that was found, so an error e
of x costs about e^2 of them: nothing here needs a slack of its own beyond the rounding of one exponential and one division.
"""

from __future__ import annotations

import math

from ..compiled import compiled

LARGEST = math.exp(-1.0)


@compiled
def root(q: float) -> float:
    """x in [0, 1] with x exp(-x) = q, for 0 <= q < 1/e: Newton's method on log x - x - log q.

    That function is concave and rises, and the start lies below the root (a truncated series with positive terms), so the
    steps grow towards the root and do not pass it.
    """
    if q <= 0.0:
        return 0.0
    x = min(q * (1.0 + q * (1.0 + 1.5 * q)), 1.0)
    target = math.log(q)
    for _ in range(80):
        slope = 1.0 / x - 1.0
        if slope <= 1e-9:
            break
        step = (target + x - math.log(x)) / slope
        x = min(x + step, 1.0)
        if abs(step) <= 1e-15 * x:
            break
    return x


@compiled
def best_time(gain: float, decay: float, cost: float) -> float:
    """T of the local maximum of gain exp(-A T) - cost / T; 0 without cost; inf when there is no local maximum."""
    if gain <= 0.0:
        return math.inf
    if cost <= 0.0:
        return 0.0
    q = 0.5 * math.sqrt(decay * cost / gain)
    return 2.0 * root(q) / decay if q < LARGEST else math.inf


@compiled
def value_at(gain: float, decay: float, cost: float, time: float) -> float:
    """gain exp(-A T) - cost / T; 0 for T = inf, -inf for T = 0 at a cost."""
    if time == math.inf:
        return 0.0
    if time <= 0.0:
        return gain if cost <= 0.0 else -math.inf
    return gain * math.exp(-decay * time) - cost / time


@compiled
def best_value(gain: float, decay: float, cost: float, earliest: float) -> float:
    """Largest value over T >= earliest, never (0) included."""
    time = best_time(gain, decay, cost)
    value = value_at(gain, decay, cost, max(time, earliest))
    # A minimum may lie before ``earliest`` only if the maximum does; from there on the value falls, then rises to 0.
    return max(value, 0.0)
