"""The largest value of gain exp(-A T) - cost / T over T > 0 (rule Peak): what heads and committees come down to."""

from __future__ import annotations

from flint import arb

from .balls import ONE, ZERO


def peak_time(gain: arb, decay: arb, cost: arb) -> arb | None:
    """T of the local maximum, cost > 0; None where it is proved that there is none; not finite where that is undecided."""
    square = decay * cost / gain
    return None if square >= 4 * arb(-2).exp() else -2 * (-square.sqrt() / 2).lambertw() / decay


def most(gain: arb, decay: arb, cost: arb, earliest: arb = ZERO) -> arb:
    """Not below the largest value over T >= earliest, never (0) included; the gain where the peak is not resolved."""
    if cost.is_zero():
        return gain * (-decay * earliest).exp()
    time = None if decay * cost * ONE.exp() >= gain else peak_time(gain, decay, cost)
    if time is None:
        return ZERO
    time = time.max(earliest)
    value = gain * (-decay * time).exp() - cost / time
    return value.max(ZERO) if value.is_finite() else gain
