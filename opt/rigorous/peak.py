r"""The largest value of gain exp(-A T) - cost / T over T > 0: what heads and committees come down to.

Its derivative vanishes where x exp(-x) = q with x = A T / 2, q = sqrt(A cost / gain) / 2. For q < 1/e that has two roots: the
local maximum at x = -W0(-q) < 1 and a minimum, after which the value rises to 0 from below. For q >= 1/e the value rises for
ever. At a root the value is gain exp(-2 x) (1 - 2 x): positive only for x < 1/2, that is for A cost < gain / e.
"""

from __future__ import annotations

from flint import arb

from .balls import ONE, ZERO


def peak_time(gain: arb, decay: arb, cost: arb) -> arb | None:
    """T of the local maximum; None where it is proved that there is none; not finite where it is undecided. cost > 0."""
    square = decay * cost / gain
    if square >= 4 * arb(-2).exp():
        return None
    return -2 * (-square.sqrt() / 2).lambertw() / decay


def most(gain: arb, decay: arb, cost: arb, earliest: arb = ZERO) -> arb:
    """Encloses (or lies above) the largest value over T >= earliest, never (0) included; gain >= 0, decay > 0, cost >= 0.

    Where the local maximum is not above 0, nothing after it is; nor is anything before it, as the value rises there. Where a
    ball is too wide to say where the maximum is, the answer is the gain: no value is larger.
    """
    if cost.is_zero():
        return gain * (-decay * earliest).exp()
    if decay * cost * ONE.exp() >= gain:
        return ZERO
    time = peak_time(gain, decay, cost)
    if time is None:
        return ZERO
    time = time.max(earliest)
    value = gain * (-decay * time).exp() - cost / time
    return value.max(ZERO) if value.is_finite() else gain
