r"""Bounds that some optimum meets although not every decision does; they hold in both formulations.

Value: a head that is on may be switched off at no harm to others (its spectrum is freed, T_multi stays), so at some optimum
every head that is on earns worth exp(-A (t + Q)) >= p_0 u + z f. With t = t_u + t_f, u t_u >= d and f t_f >= a, Cauchy-Schwarz
gives p_0 u + z f >= (sqrt(p_0 d) + sqrt(z a))^2 / t = C/t. Hence t exp(-A t) >= C exp(A Q) / worth: t lies between the two
roots. With whole subchannels switching off may free nothing, since what is left must be rounded up: only the CPU counts there
(p_0 = 0).
Multicasting: without it everybody is off and (14) is at most 0; so the model keeps it and the bound is at least 0.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import lambertw  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ..local_equations import ADAPTATION_SLOPE
from ..local_reduction import ReducedLocal
from ..snapshot import LocalPart
from .local_model import LocalModel, adaptation_and_queueing, latest
from .modelling import GIVE, pyo

# At most this many values of ``common`` and, for each, spectrum prices get two supporting planes per head, and at most this
# many pairs all heads together: with hundreds of heads the planes would take longer to write than there is to solve.
COMMON_POINTS, PRICE_POINTS, PAIRS = 8, 12, 3000
# Room for rounding in the height of a supporting plane.
ROUND_UP = 1e-12


def time_between(decay: float, cost: float, worth: float, longest: float) -> tuple[float, float]:
    """Least and most t in (0, longest] with t exp(-decay t) >= cost / worth; (inf, 0) if there is none. Rounded outward."""
    if not worth > 0.0:
        return math.inf, 0.0
    peak = min(1.0 / decay, longest)
    wanted = cost / worth

    def earned(t: float) -> float:
        return t * math.exp(-decay * t)

    if earned(peak) < wanted:
        return math.inf, 0.0
    below, inside = 0.0, peak
    for _ in range(100):
        middle = 0.5 * (below + inside)
        below, inside = (middle, inside) if earned(middle) < wanted else (below, middle)
    low = below
    if earned(longest) >= wanted:
        return low * (1.0 - 1e-9), longest
    inside, beyond = peak, longest
    for _ in range(100):
        middle = 0.5 * (inside + beyond)
        inside, beyond = (inside, middle) if earned(middle) < wanted else (middle, beyond)
    return low * (1.0 - 1e-9), beyond * (1.0 + 1e-9)


def tighten_local(model: LocalModel) -> None:
    """Bounds on own times, T_multi and gains; every head that is on earns its keep; supporting planes of its gain."""
    part, data, block = model.part, model.data, model.block
    unit, end, decay = model.cpu_unit, model.horizon, data.decay
    tau_low, tau_high = model.tau_range
    saved = 0.0 if part.whole_subchannels else data.spectrum_price
    block.multicasting.fix(1)
    block.keep = pyo.ConstraintList()
    most_common = math.exp(-decay * common_delay(part, tau_low)) * (1.0 + GIVE) if tau_high > 0.0 else 1.0
    lives: list[tuple[int, float]] = []
    common_left = 0.0
    for j in range(len(data.worth)):
        if block.on[j].fixed:
            continue
        cost = (math.sqrt(saved * data.need[j]) + math.sqrt(data.cpu_price * data.work[j])) ** 2
        shortest = float(block.upload[j].lb + block.training[j].lb)
        low, high = time_between(decay, cost, data.worth[j] * most_common, end)
        low = max(low, shortest)
        if not low <= high:
            block.on[j].fix(0)
            continue
        lives.append((j, low))
        common_left = max(common_left, end if cost == 0.0 else _common_left(data.worth[j], cost, decay, low, high))
        upload, training = block.upload[j], block.training[j]
        upload.setub(max(high - training.lb, upload.lb))
        training.setub(max(high - upload.lb, training.lb))
        block.keep.add(upload + training >= low)
        block.keep.add(upload + training <= high)
        block.own[j].setub(math.exp(-decay * low))
        block.keep.add(block.own[j] <= math.exp(-decay * low) * block.on[j])
        block.keep.add(block.uplink[j] >= data.need[j] / upload.ub * (1.0 - GIVE) * block.on[j])
        block.keep.add(block.cpu[j] >= data.work[j] / unit / training.ub * (1.0 - GIVE) * block.on[j])
        price = data.cpu_price * unit
        block.keep.add(data.worth[j] * block.gain[j] >= saved * block.uplink[j] + price * block.cpu[j])
    least_common = 1.0
    if tau_high > 0.0 and lives:
        tau_high = min(tau_high, max(latest(part, common_left), tau_low))
        block.tau.setub(tau_high)
        least_common = math.exp(-decay * min(end, common_delay(part, tau_high)))
        if part.floor_adaptation:
            best = {level: most_common_at(part, block.tau_at[level].ub, level, tau_low) for level in block.level}
            block.keep.add(block.common <= sum(best[level] * block.level[level] for level in block.level))
    block.common.setub(most_common)
    for j, _ in lives:
        for free, per_subchannel, per_hz in supporting_planes(data, j, max(least_common, 0.01 * most_common), most_common):
            block.keep.add(block.own[j] <= free * block.on[j] + per_subchannel * block.uplink[j] + per_hz * unit * block.cpu[j])


def common_delay(part: LocalPart, tau: float) -> float:
    """Queueing and adaptation at T_multi = tau [s]."""
    return float(adaptation_and_queueing(part, np.asarray(tau)))


def most_common_at(part: LocalPart, right: float, level: int, tau_low: float) -> float:
    """Upper bound of ``common`` on a level of (11): at its left end."""
    left = math.exp(level / ADAPTATION_SLOPE) / (2.0 * part.arrival_rate) if level else 0.0
    tau = min(max(left, tau_low), right)
    waiting = max(0.0, part.cache_multiplier * tau - part.multicast_batch / (2.0 * part.arrival_rate))
    return math.exp(-part.decay * (waiting + level * tau)) * (1.0 + 1e-9)


def supporting_planes(data: ReducedLocal, j: int, least: float, most: float) -> list[tuple[float, float, float]]:
    r"""(V, p, q) with exp(-A (d/u + a/f)) <= V + p u + q f for all u, f in range, and 0 <= p u + q f when off.

    V(p, q) = max over (u, f) of exp(-A t) - p u - q f. By Cauchy-Schwarz p u + q f >= C/t, C = (sqrt(p d) + sqrt(q a))^2, so
    V <= max over t of exp(-A t) - C/t = exp(-2x)(1 - 2x) with x exp(-x) = sqrt(A C)/2 on the branch x <= 1/2, and 0 beyond.
    With f at its bound: exp(-A a/f_max) in front and q = 0. Which prices are tried changes only how tight the planes are: q
    is the true price at several values of ``common``, p runs from the true price to where the head goes off.
    """
    planes: list[tuple[float, float, float]] = []
    decay, work, need = data.decay, float(data.work[j]), float(data.need[j])
    fastest = math.exp(-decay * work / float(data.cpu_max[j]))
    share = min(1.0, math.sqrt(PAIRS / (len(data.worth) * COMMON_POINTS * PRICE_POINTS)))
    for common in np.geomspace(least, most, max(1, round(share * COMMON_POINTS))):
        q, p_true = data.cpu_price / (data.worth[j] * common), data.spectrum_price / (data.worth[j] * common)
        first = head_optimum(decay, (math.sqrt(p_true * need) + math.sqrt(q * work)) ** 2, 1.0)[0]
        for x in np.linspace(max(first, 1e-3), 0.5, max(2, round(share * PRICE_POINTS))):
            root = 2.0 * x * math.exp(-x) / math.sqrt(decay) - math.sqrt(q * work)
            if root <= 0.0:
                continue
            p = root * root / need
            cost = (math.sqrt(p * need) + math.sqrt(q * work)) ** 2
            planes.append((head_optimum(decay, cost, 1.0)[1], p, float(q)))
            planes.append((head_optimum(decay, p * need, fastest)[1], p, 0.0))
    return planes


def head_optimum(decay: float, cost: float, height: float) -> tuple[float, float]:
    """x = A t / 2 at the maximum over t of height exp(-A t) - cost/t (0.5 when off is best), and that maximum, rounded up."""
    product = 0.5 * math.sqrt(decay * cost / height)
    if product >= 0.5 * math.exp(-0.5):
        return 0.5, ROUND_UP
    x = -float(lambertw(-product).real)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return x, height * math.exp(-2.0 * x) * (1.0 - 2.0 * x) + ROUND_UP


def _common_left(worth: float, cost: float, decay: float, low: float, high: float) -> float:
    """Most Q [s] with which a head still earns its keep: max over t in [low, high] of ln(worth t / C) / A - t, at t = 1/A."""
    t = min(max(1.0 / decay, low), high)
    return max(0.0, math.log(worth * t / cost) / decay - t) * (1.0 + 1e-9)
