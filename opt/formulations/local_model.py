r"""Pyomo model of the local part of (16): what both formulations share. They differ in how multicast spectrum is written.

Per head j, ``on`` when it earns: upload and training take t_u and t_f with u_j t_u >= d_j, f_j t_f >= a_j. Its gain is
exp(-A (t_u + t_f + queueing + adaptation)), written as ``own`` = exp(-A (t_u + t_f)) times ``common`` = exp(-A (queueing +
adaptation)), which is one number for all heads: branching on it tightens every product at once. Off: own = 0.
``multicasting`` is 1 when T_multi is finite, i.e. all heads with peers multicast; without it nobody earns. The level of (11)
is a choice among intervals of T_multi (floor), on each of which the adaptation time is level * T_multi. An interval holds its
right end, where the true level is one more: the supremum there is approached and not attained, so the model's optimum is the
supremum, and recovery steps below the end.

Units: subchannels, seconds, and ``cpu_unit`` (the largest CPU of a head), so that numbers are near 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats
from ..local_equations import ADAPTATION_SLOPE, adaptation_time, queueing_time
from ..local_reduction import ReducedLocal, multicast_needs, reduce_local
from ..snapshot import LocalPart
from .modelling import GIVE, conditions, horizon, pyo, variable


@dataclass(frozen=True, eq=False)
class LocalModel:
    """block: the Pyomo block, its Expression ``earned`` is (14); cpu_unit [cycles/s]; time_limit [s]: the horizon;
    tau_range [s]: every finite T_multi at which anybody earns anything, (0, 0) when no head has peers;
    cut_off: what the horizon can hide from the optimum."""

    part: LocalPart
    data: ReducedLocal
    block: Any
    cpu_unit: float
    horizon: float
    tau_range: tuple[float, float]
    cut_off: float


def adaptation_and_queueing(part: LocalPart, tau: Floats) -> Floats:
    """Delay that T_multi = tau adds to every head, (6) and the first term of (11) [s]."""
    return queueing_time(part, tau) + adaptation_time(part, tau)


def latest(part: LocalPart, allowed: float) -> float:
    """A T_multi [s] beyond which queueing and adaptation exceed ``allowed`` seconds (they never decrease: bisection)."""
    low, high = 0.0, 1.0 / part.arrival_rate
    while adaptation_and_queueing(part, np.asarray(high)) <= allowed:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if adaptation_and_queueing(part, np.asarray(middle)) <= allowed else (low, middle)
    return high * (1.0 + 1e-12)


def start_local(part: LocalPart, block: Any) -> LocalModel:
    """Heads, T_multi with its queueing and adaptation, gains and money, on ``block``; multicast is added by the formulation,
    which then calls ``finish_local``."""
    data = reduce_local(part)
    heads = range(len(data.worth))
    end = horizon(part.decay)
    linked = data.multicast_need > 0.0
    low = data.multicast_need / data.budget * (1.0 - GIVE)
    high = latest(part, end) if linked else 0.0
    alive = low < high or not linked
    tau_range = (low, high) if linked and alive else (0.0, 0.0)
    unit = float(data.cpu_max.max())
    slowest_f = data.work / data.cpu_max * (1.0 - GIVE)
    slowest_u = data.need / data.budget * (1.0 - GIVE)
    can = (data.worth > 0.0) & (slowest_f + slowest_u < end) & alive

    block.on = pyo.Var(heads, domain=pyo.Binary)
    block.multicasting = pyo.Var(domain=pyo.Binary)
    variable(block, "uplink", [heads], 0.0, data.budget * (1.0 + GIVE))
    variable(block, "cpu", [heads], 0.0, data.cpu_max / unit * (1.0 + GIVE))
    variable(block, "upload", [heads], np.where(can, slowest_u, 0.0), end)
    variable(block, "training", [heads], np.where(can, slowest_f, 0.0), end)
    variable(block, "own", [heads], 0.0, np.exp(-part.decay * (slowest_f + slowest_u)))
    variable(block, "gain", [heads], 0.0, 1.0)
    block.common = pyo.Var(bounds=(0.0, 1.0))
    block.waiting = pyo.Var(bounds=(0.0, end))
    block.adaptation = pyo.Var(bounds=(0.0, end))
    rules = conditions(block, "head")
    for j in heads:
        if not can[j]:
            block.on[j].fix(0)
        rules.add(block.on[j] <= block.multicasting)
        rules.add(block.uplink[j] * block.upload[j] >= data.need[j] * block.on[j] ** 2)
        if data.work[j] > 0.0:
            rules.add(block.cpu[j] * block.training[j] >= data.work[j] / unit * block.on[j] ** 2)
        rules.add(block.own[j] <= pyo.exp(-part.decay * (block.upload[j] + block.training[j])))
        rules.add(block.own[j] <= block.own[j].ub * block.on[j])
        rules.add(block.gain[j] <= block.own[j] * block.common)
    rules.add(block.common <= pyo.exp(-part.decay * (block.waiting + block.adaptation)))
    if not alive:
        block.multicasting.fix(0)
    if linked and alive:
        _mean_time(part, block, tau_range)
    cut_off = float(data.worth.sum()) * math.exp(-part.decay * end)
    return LocalModel(part, data, block, unit, end, tau_range, cut_off)


def _mean_time(part: LocalPart, block: Any, tau_range: tuple[float, float]) -> None:
    """T_multi and what it costs every head: queueing (6) and adaptation (11)."""
    low, high = tau_range
    block.tau = pyo.Var(bounds=tau_range)
    rules = conditions(block, "mean_time")
    rules.add(block.waiting >= part.cache_multiplier * block.tau - part.multicast_batch / (2.0 * part.arrival_rate))
    load_rate = 2.0 * part.arrival_rate
    if not part.floor_adaptation:
        rules.add(block.adaptation >= ADAPTATION_SLOPE * block.tau * pyo.log(load_rate * block.tau))
        return
    first, last = (max(0, math.floor(ADAPTATION_SLOPE * math.log(load_rate * end))) for end in tau_range)
    levels = range(first, last + 1)
    ends = [math.exp(level / ADAPTATION_SLOPE) / load_rate for level in range(first + 1, last + 1)]
    lows = dict(zip(levels, [low, *(end * (1.0 - 1e-12) for end in ends)], strict=True))
    highs = dict(zip(levels, [*(end * (1.0 + 1e-12) for end in ends), high], strict=True))
    block.level = pyo.Var(levels, domain=pyo.Binary)
    block.tau_at = pyo.Var(levels, domain=pyo.NonNegativeReals)
    rules.add(sum(block.level[level] for level in levels) == 1)
    rules.add(sum(block.tau_at[level] for level in levels) == block.tau)
    for level in levels:
        block.tau_at[level].setub(highs[level])
        rules.add(block.tau_at[level] >= lows[level] * block.level[level])
        rules.add(block.tau_at[level] <= highs[level] * block.level[level])
    rules.add(block.adaptation >= sum(level * block.tau_at[level] for level in levels))


def finish_local(model: LocalModel, spectrum: list[Any] | None, total: Any) -> LocalModel:
    """C1, money, and whole subchannels if asked. spectrum: W_j of every head (None: only its sum ``total`` is modelled)."""
    part, data, block = model.part, model.data, model.block
    heads = range(len(data.worth))
    block.budget = pyo.Constraint(expr=total <= data.budget)
    if part.whole_subchannels:
        assert spectrum is not None
        most = math.floor(data.budget * (1.0 + GIVE))
        block.whole = pyo.Var(heads, domain=pyo.Integers, bounds=(0, most))
        totals = conditions(block, "totals")
        for j in heads:
            totals.add(block.whole[j] == spectrum[j])
    block.earned = pyo.Expression(
        expr=sum(data.worth[j] * block.gain[j] - data.cpu_price * model.cpu_unit * block.cpu[j] for j in heads)
        - data.spectrum_price * total
    )
    return model


def start_multicast_times(model: LocalModel) -> None:
    """T_multi_j of every head, and their mean at most T_multi (7)."""
    needs, block = multicast_needs(model.part), model.block
    count = len(needs)
    # None is shorter than with the whole budget; none is longer than J times the mean.
    variable(block, "multicast_time", [range(count)], needs / model.data.budget * (1.0 - GIVE), count * model.tau_range[1])
    for j in np.flatnonzero(needs == 0.0):
        block.multicast_time[int(j)].fix(0.0)
    block.mean = pyo.Constraint(expr=count * block.tau >= sum(block.multicast_time[j] for j in range(count)))


def shared_multicast(model: LocalModel) -> tuple[list[Any], Any]:
    """Multicast per head, as whole subchannels need it: m_j T_multi_j >= s_j; (W_j of every head, their sum)."""
    block = model.block
    needs = multicast_needs(model.part)
    heads = range(len(needs))
    block.multicast = pyo.Var(heads, bounds=(0.0, model.data.budget * (1.0 + GIVE)))
    for j in np.flatnonzero(needs == 0.0):
        block.multicast[int(j)].fix(0.0)
    if model.tau_range[1] > 0.0:
        start_multicast_times(model)
        rules = conditions(block, "multicast_rules")
        for j in np.flatnonzero(needs > 0.0):
            rules.add(block.multicast[int(j)] * block.multicast_time[int(j)] >= float(needs[j]) * block.multicasting**2)
    spectrum = [block.uplink[j] + block.multicast[j] for j in heads]
    return spectrum, sum(spectrum)
