"""From values of a solved model back to a decision: the same for both formulations, judged by the equations.

A solver meets constraints to a tolerance, a decision must meet them to 1e-9, and a supremum at a level's end is not attained.
So a few candidates are made, each a hair further inside, and the best that the equations call feasible is taken. Links are
recovered by equalisation (local_reduction, global_reduction), which is never worse than what the model held.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Booleans, Floats, Integers
from ..decision import GlobalDecision, LocalDecision
from ..evaluation import FEASIBLE
from ..global_equations import committee_spectrum, evaluate_global, served
from ..global_reduction import decision_of_times
from ..local_equations import evaluate_local
from ..local_reduction import link_needs, multicast_needs, recover_local
from ..snapshot import GlobalPart, LocalPart
from .global_model import PRE_PREPARE, PREPARE, REPLY, REQUEST, GlobalModel
from .local_model import LocalModel
from .modelling import pyo, values

# How far inside a level, or how much slower than the model says, relative.
HAIRS = (0.0, 1e-14, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)


def local_off(part: LocalPart) -> LocalDecision:
    """Everything off: utility 0, always feasible."""
    nothing = np.zeros(len(part.layout.ap))
    if part.multicast == "group":
        return LocalDecision(nothing, nothing, multicast=nothing)
    return LocalDecision(nothing, nothing, peer=np.zeros(part.layout.is_link.shape))


def local_decision(model: LocalModel) -> LocalDecision:
    """The best feasible decision near the values that the model's variables hold."""
    part = model.part
    best, most = local_off(part), 0.0
    for candidate in _local_candidates(model):
        earned = evaluate_local(part, candidate)
        if earned.violation <= FEASIBLE and earned.utility > most:
            best, most = candidate, float(earned.utility)
    return best


def _local_candidates(model: LocalModel) -> Iterator[LocalDecision]:
    part, data, block = model.part, model.data, model.block
    count = len(data.worth)
    on = values(block.on, count) > 0.5
    uplink = np.where(on, np.maximum(values(block.uplink, count), 0.0), 0.0)
    cpu = np.where(on, np.clip(values(block.cpu, count) * model.cpu_unit, 0.0, data.cpu_max), 0.0)
    linked = model.tau_range[1] > 0.0
    if part.whole_subchannels:
        multicast = values(block.multicast, count) if hasattr(block, "multicast") else _links(model)
        whole = np.rint(np.maximum(uplink + multicast, 0.0)).astype(np.float64)
        times = values(block.multicast_time, count) if linked else np.zeros(count)
        for hair in HAIRS:
            yield _whole_local(part, on, whole, cpu, times * (1.0 - hair))
        return
    tau = float(pyo.value(block.tau)) if linked else 0.0
    for hair in HAIRS:
        inside = tau * (1.0 - hair)
        left = data.budget - (data.multicast_need / inside if linked else 0.0)
        spent = float(uplink.sum())
        if left > 0.0:
            yield recover_local(part, inside, uplink * min(1.0, left / spent if spent > 0.0 else 1.0), cpu)


def _links(model: LocalModel) -> Floats:
    """Multicast spectrum of every head in formulation ``link``, per_link: the sum over its links."""
    layout = model.part.layout
    total = np.zeros(len(layout.ap))
    for (k, a, _), share in model.block.peer.items():
        total[layout.head[k, a]] += pyo.value(share, exception=False) or 0.0
    return total


def _whole_local(part: LocalPart, on: Booleans, whole: Floats, cpu: Floats, times: Floats) -> LocalDecision:
    """W_j = ``whole``: as much multicast as reaches T_multi_j = ``times``, the rest is uplink (of a head that is on)."""
    needs, links = multicast_needs(part), link_needs(part)
    layout = part.layout
    asked = np.divide(needs, times, out=np.zeros_like(needs), where=times > 0.0)
    multicast = np.where(needs > 0.0, np.where(on, np.minimum(asked, whole), whole), 0.0)
    uplink = np.where(on, whole - multicast, 0.0)
    running = np.where(uplink > 0.0, cpu, 0.0)
    if part.multicast == "group":
        return LocalDecision(uplink, running, multicast=multicast)
    speed = np.divide(multicast, needs, out=np.zeros_like(needs), where=needs > 0.0)
    return LocalDecision(uplink, running, peer=links * speed[layout.head][..., None])


def global_off(part: GlobalPart, access: Integers) -> GlobalDecision:
    """No committee works: utility 0."""
    count = len(part.block_bits)
    return decision_of_times(part, access, np.zeros(count, dtype=bool), np.full((count, 4), np.inf), np.full(count, np.inf))


def any_access(part: GlobalPart) -> Integers:
    """An assignment that keeps C4: seats are filled in order."""
    aps = part.sinr_access.shape[-1]
    return np.repeat(np.arange(len(part.capacity)), part.capacity)[:aps].astype(np.int64)


def global_decision(model: GlobalModel) -> GlobalDecision:
    """The best feasible decision near the values that the model's variables hold."""
    part, block = model.part, model.block
    committees, aps = model.needs.access.shape
    chosen = np.array([[pyo.value(block.access[i, k]) for k in range(aps)] for i in range(committees)])
    access = chosen.argmax(axis=0).astype(np.int64)
    off = global_off(part, access)
    if not evaluate_global(part, off).violation <= FEASIBLE:
        return global_off(part, any_access(part))
    best, most = off, 0.0
    order = (REQUEST, PRE_PREPARE, PREPARE, REPLY)
    times = np.array([[pyo.value(block.phase[i, p]) for p in order] for i in range(committees)])
    if part.timeout_rule == "cap":
        kept = np.array([[(pyo.value(block.kept[i, p]) or 0.0) > 0.5 for p in order] for i in range(committees)])
        times = np.where(kept, times, np.inf)
    verification = np.maximum(values(block.verification, committees), model.needs.fastest)
    on = (values(block.on, committees) > 0.5) & served(part, off).any(axis=-1)
    for hair in HAIRS:
        slower = np.where(np.isfinite(times), np.minimum(times * (1.0 + hair), part.timeout), np.inf)
        slower[:, 3] = np.minimum(slower[:, 3], slower[:, 2])
        worthwhile = on
        for _ in range(2):
            candidate = decision_of_times(part, access, worthwhile, slower, verification)
            if part.whole_subchannels:
                candidate = _whole_global(part, candidate)
            earned = evaluate_global(part, candidate)
            if earned.violation <= FEASIBLE and earned.utility > most:
                best, most = candidate, float(earned.utility)
            worthwhile = on & (earned.committee_utility > 0.0)
    return best


def _whole_global(part: GlobalPart, decision: GlobalDecision) -> GlobalDecision:
    """Round every delegate's total up to a whole number and spread what that adds in proportion."""
    totals = committee_spectrum(part, decision)
    whole = np.ceil(totals - 1e-7)
    grow = np.divide(whole, totals, out=np.zeros_like(totals), where=totals > 0.0)
    request = decision.request * grow[decision.access, 0]
    if decision.multicast is not None:
        return GlobalDecision(decision.access, request, decision.cpu_hz, multicast=decision.multicast * grow)
    assert decision.peer is not None
    return GlobalDecision(decision.access, request, decision.cpu_hz, peer=decision.peer * grow[..., None])
