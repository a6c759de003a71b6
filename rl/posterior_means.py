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

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr

from ..opt.arrays import Booleans, Floats, Integers
from ..opt.compiled import compiled
from ..opt.fluctuation import NEPER_PER_DB, linear
from ..opt.rates import LARGEST_EFFICIENCY, spectral_efficiency
from .belief import NormalBelief

LogDensity = Callable[[Floats], Floats]

# Nodes of the quadratures; doubling them moves the means by less than 1e-3 of themselves (tested).
NODES = 48
# Quadratures stop this many standard deviations from the middle.
REACH = 6.0
# Of the largest of several needs: points of its distribution, and from how many standard deviations on a link is taken as
# certain to be better, or worse.
LINK_NODES, TAILS = 12, 4.5
# Of the mean need of one link.
HERMITE_NODES = 12
# Distribution function of the standard normal on evenly spaced points from -TAILS to TAILS; linear between, 1e-6 off at most.
NORMAL = ndtr(np.linspace(-TAILS, TAILS, 4609))


class Moments(NamedTuple):
    """mean and standard deviation of a positive quantity, each [...]."""

    mean: Floats
    deviation: Floats


def largest_need(belief: NormalBelief, scale: Floats, real: Booleans, drawn: float = 1.0) -> Moments:
    r"""Moments of M = max over the last axis of need_l / scale_l, need_l = 1/log2(1 + SINR_l), independent real links.

    P(M <= t) = prod_l P(SINR_l >= 2^(1/(t scale_l)) - 1)^drawn; E M = t_0 + integral of P(M > t) and E M^2 = t_0^2 + integral
    of P(M > t) d(t^2) from t_0, by the trapezium rule on LINK_NODES points. belief.mean, scale, real: [..., L], broadcast; 0
    where no link is real. drawn: 1 takes all links; n/L stands for n of L links taken at random (the geometric mean of their
    distributions, an approximation).
    """
    mean, scale, real = np.broadcast_arrays(belief.mean, scale, real)
    scale = np.where(real, scale, np.inf)
    if belief.deviation == 0.0:
        exact = (1.0 / (spectral_efficiency(linear(mean)) * scale)).max(axis=-1)
        return Moments(exact, np.zeros(exact.shape))
    rows = np.ascontiguousarray(mean, dtype=np.float64).reshape(-1, mean.shape[-1])
    first, second = _largest(rows, belief.deviation, scale.reshape(rows.shape), drawn, NORMAL, LINK_NODES)
    variance = np.maximum(second - first**2, 0.0)
    return Moments(first.reshape(mean.shape[:-1]), np.sqrt(variance).reshape(mean.shape[:-1]))


@compiled
def _largest(mean: Floats, deviation: float, scale: Floats, drawn: float, normal: Floats, nodes: int) -> tuple[Floats, Floats]:
    """(E M, E M^2) of each row [row, L], see ``largest_need``; scale inf: no link. normal: NORMAL."""
    first, second = np.zeros(len(mean)), np.zeros(len(mean))
    cells = len(normal) - 1
    per_decibel = cells / (2.0 * TAILS * deviation)
    links = mean.shape[1]
    for row in range(len(mean)):
        low, high, link = 0.0, 0.0, 0
        while link < links:
            # Links of one sender share a scale: the weakest of them has the largest need.
            size, weakest = scale[row, link], np.inf
            while link < links and scale[row, link] == size:
                weakest = min(weakest, mean[row, link])
                link += 1
            if size < np.inf:
                low = max(low, _need(weakest + TAILS * deviation) / size)
                high = max(high, _need(weakest - TAILS * deviation) / size)
        if high <= low:
            first[row], second[row] = low, low * low
            continue
        # Points evenly spaced in log t.
        step = math.log(high / low) / (nodes - 1)
        ratio = math.exp(step)
        point, above = low, 1.0
        of_first, of_second = low, low * low
        for _ in range(nodes - 1):
            following = point * ratio
            chance, of_size, threshold = 1.0, np.nan, 0.0
            for link in range(links):
                size = scale[row, link]
                if size != of_size:
                    of_size, threshold = size, _reading(following * size)
                place = (mean[row, link] - threshold) * per_decibel + 0.5 * cells
                if place < cells:
                    if place <= 0.0:
                        chance = 0.0
                        break
                    cell = int(place)
                    chance *= normal[cell] + (place - cell) * (normal[cell + 1] - normal[cell])
            beyond = 1.0 - (chance if drawn == 1.0 else chance**drawn)
            of_first += 0.5 * (above + beyond) * (following - point)
            of_second += 0.5 * (above + beyond) * (following * following - point * point)
            point, above = following, beyond
        # What chords between such points make of exp(x) (of exp(2 x)) under a smooth density of x = log t.
        first[row] = of_first * step / math.sinh(step)
        second[row] = of_second * 2.0 * step / math.sinh(2.0 * step)
    return first, second


@compiled
def _need(decibel: float) -> float:
    """1/log2(1 + SINR)."""
    return math.log(2.0) / math.log1p(math.exp(NEPER_PER_DB * decibel))


@compiled
def _reading(need: float) -> float:
    """SINR in dB at which a link has this need, inverse of ``_need``; -inf for an infinite need."""
    if need == np.inf:
        return -np.inf
    return math.log(math.expm1(math.log(2.0) * min(1.0 / need, LARGEST_EFFICIENCY))) / NEPER_PER_DB


def expected_largest(belief: NormalBelief, scale: Floats, real: Booleans, drawn: float = 1.0) -> Floats:
    """E[max over the last axis of need_l / scale_l], see ``largest_need``."""
    return largest_need(belief, scale, real, drawn).mean


def expected_need(belief: NormalBelief) -> Floats:
    """E[1/log2(1 + SINR)] of each link [...], by Gauss-Hermite quadrature: the need is smooth in dB."""
    if belief.deviation == 0.0:
        return 1.0 / spectral_efficiency(linear(belief.mean))
    points, weights = np.polynomial.hermite_e.hermegauss(HERMITE_NODES)
    found = np.zeros(belief.mean.shape)
    for point, weight in zip(points, weights / weights.sum(), strict=True):
        found += weight / spectral_efficiency(linear(belief.mean + point * belief.deviation))
    return found


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
