r"""The largest value of gain exp(-A T) - cost / T over T > 0: what heads and committees come down to.

It is stationary where x exp(-x) = q with x = A T / 2, q = (A/2) sqrt(cost / (A gain)); the root x <= 1 is the local maximum,
the other one the minimum after which the value rises towards 0. There the value is gain exp(-2x) (1 - 2x): no quotient that
could overflow. It is positive where x < 1/2 only; there x errs by a few units of 2^-53 of itself, which costs at most four
times that of the gain. So nothing here needs a slack of its own beyond the rounding of one exponential.

Where numbers are too large, too small or not numbers at all, so that the maximum is not resolved, costs count as nothing and
the value is the whole gain: the weaker bound. Only a q that is seen to be 1/e or more means that there is no maximum.
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
def half_decays(gain: float, decay: float, cost: float) -> float:
    """x = A T / 2 of the local maximum; 0 without cost, or unresolved; inf where there is no local maximum.

    Roots are taken one by one, which neither overflows nor underflows before the quotient itself does. A cost that is denormal
    or no number is unresolved, and so is a q that is no number.
    """
    if gain <= 0.0:
        return math.inf
    if not 1e-300 <= cost < math.inf:
        return 0.0
    q = 0.5 * math.sqrt(decay) * (math.sqrt(cost) / math.sqrt(gain))
    if q >= LARGEST:
        return math.inf
    return root(q) if q > 0.0 else 0.0


@compiled
def best_time(gain: float, decay: float, cost: float) -> float:
    """T of the local maximum of gain exp(-A T) - cost / T; 0 without cost, or unresolved; inf where there is none."""
    return 2.0 * half_decays(gain, decay, cost) / decay


@compiled
def best_value(gain: float, decay: float, cost: float, earliest: float) -> float:
    """Largest value over T >= earliest, never (0) included; never more than the gain; +inf if that is no number."""
    if math.isnan(gain):
        return math.inf
    half = half_decays(gain, decay, cost)
    if half == math.inf:
        return 0.0
    if 2.0 * half >= decay * earliest:
        value = gain * math.exp(-2.0 * half) * (1.0 - 2.0 * half)
    else:
        # A minimum may lie before ``earliest`` only if the maximum does; from there on the value falls, then rises to 0.
        value = gain * math.exp(-decay * earliest) - (cost / earliest if cost < math.inf else 0.0)
    return 0.0 if value <= 0.0 else value if value <= gain else gain
