r"""Pyomo model of the global part of (16): what both formulations share. They differ in how spectrum and CPU meet the phases.

Per committee i: ``access`` gamma_ik (C3, C4); ``on`` when its benefit counts, i.e. it verifies and, under "fail", no phase is
past the timeout; ``served`` = access and on. Phases in the order request, pre-prepare, prepare, commit, reply are counted
times in [0, T_th]. Under "fail" each is reached when on. Under "cap" a phase is either ``kept`` (reached) or counts T_th and
needs nothing. What must be reached costs spectrum only under that condition, so an EMPTY or unserved committee never has to
meet a timeout: forcing it would prove a false bound.

Utility (15) is |Omega_i| times the value v_i of one AP. The count is a choice (``count``), v_i is split over it (``worth_at``,
the convex hull of the product), bounds on v_i come from C5, C6 and B.

Units: subchannels, seconds, ``cpu_unit`` (the largest CPU of a delegate).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats
from ..global_equations import TIMEOUT_TOLERANCE
from ..global_reduction import CommitteeNeeds, committee_needs
from ..snapshot import GlobalPart
from .modelling import GIVE, conditions, horizon, pyo, variable

REQUEST, PRE_PREPARE, PREPARE, COMMIT, REPLY = range(5)


@dataclass(frozen=True, eq=False)
class GlobalModel:
    """block: the Pyomo block, its Expression ``earned`` is (15) summed; cpu_unit [cycles/s]; horizon [s]; alive [I]: committees
    that can ever be on; value_range [I, 2]: least and most one AP can be worth; cut_off: what the horizon can hide."""

    part: GlobalPart
    needs: CommitteeNeeds
    block: Any
    cpu_unit: float
    horizon: float
    alive: list[bool]
    value_range: Floats
    cut_off: float

    @property
    def spectrum_price(self) -> float:
        """Cost of one subchannel, per AP served."""
        return float(self.part.spectrum_cost * self.part.subchannel_hz)


def start_global(part: GlobalPart, block: Any) -> GlobalModel:
    """Access, phases, verification and gains on ``block``; spectrum and CPU are added by the formulation, which then calls
    ``finish_global``."""
    needs = committee_needs(part)
    committees, aps = (range(n) for n in needs.access.shape)
    budget, end = float(part.subchannels_max), horizon(part.decay)
    cap = part.timeout_rule == "cap"
    longest = part.timeout * (1.0 if cap else 1.0 + TIMEOUT_TOLERANCE)
    # Shortest counted phases: with the whole budget.
    shortest = np.stack([needs.access.min(axis=-1), needs.leader, _slowest(needs), _slowest(needs), _replies(needs)], axis=-1)
    shortest = shortest / budget * (1.0 - GIVE)
    fastest = needs.fastest * (1.0 - GIVE)
    in_time = np.logical_or((shortest <= longest).all(axis=-1), cap)
    shortest = np.minimum(shortest, longest)
    alive = [bool(in_time[i] and shortest[i].sum() + fastest[i] < end) for i in committees]
    unit = float(part.cpu_max_hz.max())

    block.access = pyo.Var(committees, aps, domain=pyo.Binary)
    block.on = pyo.Var(committees, domain=pyo.Binary)
    block.served = pyo.Var(committees, aps, bounds=(0.0, 1.0))
    variable(block, "phase", [committees, range(5)], shortest, longest)
    variable(block, "verification", [committees], np.where(alive, fastest, 0.0), end)
    variable(block, "gain", [committees], 0.0, 1.0)
    if cap:
        block.kept = pyo.Var(committees, range(5), domain=pyo.Binary)
    rules = conditions(block, "committee")
    for k in aps:
        rules.add(sum(block.access[i, k] for i in committees) == 1)
    for i in committees:
        rules.add(sum(block.access[i, k] for k in aps) <= int(part.capacity[i]))
        if not alive[i]:
            block.on[i].fix(0)
        for k in aps:
            reached = block.kept[i, REQUEST] if cap else block.on[i]
            rules.add(block.served[i, k] <= block.access[i, k])
            rules.add(block.served[i, k] <= reached)
            rules.add(block.served[i, k] >= block.access[i, k] + reached - 1)
        delay = sum(block.phase[i, p] for p in range(5)) + block.verification[i]
        rules.add(block.gain[i] <= pyo.exp(-part.decay * delay))
        rules.add(block.gain[i] <= math.exp(-part.decay * (shortest[i].sum() + fastest[i])) * block.on[i])
        if cap:
            for p in range(5):
                rules.add(block.phase[i, p] >= longest * (1 - block.kept[i, p]))
    value_range = np.stack(
        [
            -(part.spectrum_cost * part.subchannel_hz * budget + part.cpu_cost * part.cpu_max_hz.sum(axis=-1)) * (1.0 + GIVE),
            part.benefit * np.exp(-part.decay * (shortest.sum(axis=-1) + fastest)),
        ],
        axis=-1,
    )
    cut_off = len(aps) * part.benefit * math.exp(-part.decay * end)
    return GlobalModel(part, needs, block, unit, end, alive, value_range, cut_off)


def _slowest(needs: CommitteeNeeds) -> Floats:
    return needs.broadcast.max(axis=-1)


def _replies(needs: CommitteeNeeds) -> Floats:
    return needs.reply.max(axis=-1)


def reached(model: GlobalModel, i: int, phase: int) -> Any:
    """Binary: committee i must complete this phase within its counted time."""
    return model.block.kept[i, phase] if model.part.timeout_rule == "cap" else model.block.on[i]


def finish_global(model: GlobalModel, spectrum: list[list[Any]], cpu: list[Any]) -> GlobalModel:
    """C5, money and counts. spectrum: W_v of every delegate (or any split of a committee's total), per committee; cpu: sum of
    f_v of every committee [cpu_unit]."""
    part, block = model.part, model.block
    committees, aps = (range(n) for n in model.needs.access.shape)
    totals = [sum(each) for each in spectrum]
    block.budget = pyo.Constraint(expr=sum(totals) <= part.subchannels_max)
    if part.whole_subchannels:
        seats = [(i, v) for i in committees for v in range(len(spectrum[i]))]
        most = math.floor(part.subchannels_max * (1.0 + GIVE))
        block.whole = pyo.Var(seats, domain=pyo.Integers, bounds=(0, most))
        whole = conditions(block, "whole_totals")
        for i, v in seats:
            whole.add(block.whole[i, v] == spectrum[i][v])
    counts = [(i, n) for i in committees for n in range(min(int(part.capacity[i]), len(aps)) + 1)]
    block.count = pyo.Var(counts, domain=pyo.Binary)
    block.worth_at = pyo.Var(counts)
    rules = conditions(block, "counting")
    for i in committees:
        mine = [n for c, n in counts if c == i]
        low, high = map(float, model.value_range[i])
        value = part.benefit * block.gain[i] - model.spectrum_price * totals[i] - part.cpu_cost * model.cpu_unit * cpu[i]
        rules.add(sum(block.count[i, n] for n in mine) == 1)
        rules.add(sum(n * block.count[i, n] for n in mine) == sum(block.access[i, k] for k in aps))
        rules.add(sum(block.worth_at[i, n] for n in mine) == value)
        for n in mine:
            block.worth_at[i, n].setlb(min(low, 0.0))
            block.worth_at[i, n].setub(max(high, 0.0))
            rules.add(block.worth_at[i, n] >= low * block.count[i, n])
            rules.add(block.worth_at[i, n] <= high * block.count[i, n])
    block.earned = pyo.Expression(expr=sum(n * block.worth_at[i, n] for i, n in counts))
    return model
