r"""What a reading of the twin says about the truth: posterior means of what a plan needs, by quadrature.

Prior: the system's stationary distribution (``opt.system``), its means known. SINR in dB is normal around its mean with
standard deviation s = ``sinr_fluctuation_db``; CPU is m (1 + q z) clipped into the scenario's range, z standard normal; block
size is uniform in its range; psi is uniform over whole numbers. Error (``rl.twin``): normal, 10 sigma dB for SINR, sigma times
the TRUE value for CPU and block size. Hence, for one reading o:

* SINR: normal with precision 1/s^2 + 1/(10 sigma)^2 (``rl.belief.normal_belief``).
* CPU, block: density proportional to prior(c) (1/c) exp(-(o - c)^2 / (2 sigma^2 c^2)), since the error scales with the truth:
  not a truncated normal (``relative_mean``).
* The need of a link is convex in dB and the slowest of several links counts, so the need of the mean link is too small and the
  largest need of noisy readings too large; ``expected_largest`` is E[max over links of need / scale] itself.

The posterior is that of one epoch's reading. With independent epochs (correlation 0) no more can be known; with correlated
ones a filter over past readings would know more, and this is still a correct, but wider, belief.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr

from ..opt.arrays import Booleans, Floats, Integers
from ..opt.fluctuation import NEPER_PER_DB, linear
from ..opt.rates import sinr_of, spectral_efficiency
from ..rl.belief import NormalBelief

LogDensity = Callable[[Floats], Floats]

# Nodes of the quadratures; doubling them moves the means by less than 1e-3 of themselves (tested).
NODES = 64
# Quadratures stop this many standard deviations from the middle.
REACH = 6.0


class Moments(NamedTuple):
    """mean and standard deviation of a positive quantity, each [...]."""

    mean: Floats
    deviation: Floats


def largest_need(belief: NormalBelief, scale: Floats, real: Booleans, drawn: float = 1.0) -> Moments:
    r"""Moments of M = max over the last axis of need_l / scale_l, need_l = 1/log2(1 + SINR_l), independent real links.

    P(M <= t) = prod_l P(SINR_l >= 2^(1/(t scale_l)) - 1)^drawn; E M = t_0 + integral of P(M > t) and E M^2 = t_0^2 + integral
    of 2 t P(M > t) from t_0, by the trapezium rule on NODES points. belief.mean, scale, real: [..., L], broadcast; 0 where no
    link is real. drawn: 1 takes all links; n/L stands for n of L links taken at random (the geometric mean of their
    distributions, an approximation).
    """
    mean, scale, real = np.broadcast_arrays(belief.mean, scale, real)

    def largest(shift: float) -> Floats:
        need = 1.0 / spectral_efficiency(linear(mean + shift * belief.deviation))
        return np.where(real, need / scale, 0.0).max(axis=-1)

    if belief.deviation == 0.0:
        exact = largest(0.0)
        return Moments(exact, np.zeros(exact.shape))
    low, high = largest(REACH), largest(-REACH)
    none = high <= 0.0
    low, high = np.where(none, 1.0, low), np.where(none, 2.0, high)
    # Points evenly spaced in log t, [NODES, ...].
    points = low * (high / low) ** np.linspace(0.0, 1.0, NODES).reshape(-1, *[1] * low.ndim)
    threshold = np.log(sinr_of(1.0 / (points[..., None] * scale))) / NEPER_PER_DB
    none_above = np.where(real, log_ndtr((mean - threshold) / belief.deviation), 0.0).sum(axis=-1)
    above = -np.expm1(drawn * none_above)

    def integral(values: Floats) -> Floats:
        return (0.5 * (values[1:] + values[:-1]) * np.diff(points, axis=0)).sum(axis=0)

    first = low + integral(above)
    second = low**2 + integral(2.0 * points * above)
    return Moments(np.where(none, 0.0, first), np.where(none, 0.0, np.sqrt(np.maximum(second - first**2, 0.0))))


def expected_largest(belief: NormalBelief, scale: Floats, real: Booleans, drawn: float = 1.0) -> Floats:
    """E[max over the last axis of need_l / scale_l], see ``largest_need``."""
    return largest_need(belief, scale, real, drawn).mean


def expected_need(belief: NormalBelief) -> Floats:
    """E[1/log2(1 + SINR)] of each link [...]."""
    one = NormalBelief(belief.mean[..., None], belief.deviation)
    return expected_largest(one, np.ones(1), np.ones(1, dtype=np.bool_))


def cpu_mean(reading: Floats, mean: Floats, fluctuation: float, span: tuple[float, float], sigma: float) -> Floats:
    """E[c | reading] of a capacity c = clip(mean (1 + fluctuation z), span), reading = c (1 + sigma e); arrays broadcast."""
    if sigma == 0.0:
        return reading
    if fluctuation == 0.0:
        return np.broadcast_to(np.clip(mean, *span), reading.shape)
    low, high = span
    deviation = mean * fluctuation

    def log_density(value: Floats) -> Floats:
        return -0.5 * ((value - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2.0 * np.pi))

    # Clipping puts weight on the ends themselves.
    ends = (log_ndtr((low - mean) / deviation), log_ndtr((mean - high) / deviation))
    return relative_mean(reading, span, sigma, log_density, ends)


def block_mean(reading: Floats, span: tuple[float, float], sigma: float) -> Floats:
    """E[S | reading] of a block size uniform in ``span``, reading = S (1 + sigma e)."""
    if sigma == 0.0:
        return reading
    return relative_mean(reading, span, sigma, np.zeros_like, None)


def relative_mean(
    reading: Floats,
    span: tuple[float, float],
    sigma: float,
    log_density: LogDensity,
    ends: tuple[Floats, Floats] | None,
) -> Floats:
    """E[c | reading] when reading = c (1 + sigma e), for a prior on ``span`` with this log density inside and these log masses
    on its two ends; midpoint rule on NODES cells of where the reading can come from."""
    low, high = span
    first = np.clip(reading / (1.0 + REACH * sigma), low, high)
    last = np.clip(reading / max(1.0 - REACH * sigma, 1e-9), low, high)
    # Cells of equal width in log c, since the error's size is in proportion to c; at least of some width, for a reading so far
    # beyond the range that it pins the value to the nearest end.
    width = np.maximum(np.log(last / first) / NODES, 1e-12)
    middle = first * np.exp(width * (np.arange(NODES) + 0.5).reshape(-1, *[1] * reading.ndim))
    weights = [log_density(middle) + np.log(width * middle) + _log_likelihood(reading, middle, sigma)]
    values = [middle]
    if ends is not None:
        for value, mass in zip(span, ends, strict=True):
            at_end = np.full((1, *reading.shape), value)
            weights.append(np.broadcast_to(mass, at_end.shape) + _log_likelihood(reading, at_end, sigma))
            values.append(at_end)
    logs, every = np.concatenate(weights), np.concatenate(values)
    weight = np.exp(logs - logs.max(axis=0))
    return (weight * every).sum(axis=0) / weight.sum(axis=0)


def capacity_mode(reading: Integers, span: tuple[int, int], sigma: float) -> Integers:
    """The likeliest psi in ``span`` for a reading = round(psi (1 + sigma e)), at least 1; the reading itself for sigma 0.

    Ties go to the larger. Any such psi of all committees together hold all APs (the scenario's range does).
    """
    if sigma == 0.0:
        return reading
    low, high = span
    allowed = np.arange(high, low - 1, -1).reshape(-1, *[1] * reading.ndim)
    below = np.where(reading <= 1, -np.inf, (reading - 0.5) / allowed - 1.0) / sigma
    chance = ndtr(((reading + 0.5) / allowed - 1.0) / sigma) - ndtr(below)
    return (high - chance.argmax(axis=0)).astype(np.int64)


def _log_likelihood(reading: Floats, value: Floats, sigma: float) -> Floats:
    return -0.5 * ((reading - value) / (sigma * value)) ** 2 - np.log(value)
