"""Feasible decisions near given reduced values, judged by the equations.

A solver meets constraints to a tolerance, a decision must meet them to 1e-9, and a supremum at a level's end is not attained.
So a few candidates are made, each a hair further inside, and the best that the equations call feasible is taken. Links are
recovered by equalisation (local_reduction, global_reduction).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Booleans, Floats, Integers
from ..decision import GlobalDecision, LocalDecision
from ..evaluation import FEASIBLE
from ..global_equations import committee_spectrum, evaluate_global
from ..global_reduction import decision_of_times
from ..local_equations import evaluate_local
from ..local_reduction import ReducedLocal, recover_local
from ..snapshot import GlobalPart, LocalPart

# How far inside a level, or how much slower than asked, relative.
HAIRS = (0.0, 1e-14, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)


def local_off(part: LocalPart) -> LocalDecision:
    """Everything off: utility 0, always feasible."""
    nothing = np.zeros(len(part.layout.ap))
    if part.multicast == "group":
        return LocalDecision(nothing, nothing, multicast=nothing)
    return LocalDecision(nothing, nothing, peer=np.zeros(part.layout.is_link.shape))


def best_local(part: LocalPart, candidates: list[LocalDecision]) -> LocalDecision:
    """The feasible candidate that earns most, or everything off."""
    best, most = local_off(part), 0.0
    for candidate in candidates:
        earned = evaluate_local(part, candidate)
        if earned.violation <= FEASIBLE and earned.utility > most:
            best, most = candidate, float(earned.utility)
    return best


def local_near(part: LocalPart, data: ReducedLocal, tau: float, uplink: Floats, cpu_hz: Floats) -> LocalDecision:
    """The best decision with T_multi at or just below ``tau`` [s] and these u_j (scaled down to the budget) and f_j."""
    candidates: list[LocalDecision] = []
    spent = float(uplink.sum())
    for hair in HAIRS:
        inside = tau * (1.0 - hair)
        left = data.budget - (data.multicast_need / inside if data.multicast_need > 0.0 and inside > 0.0 else 0.0)
        if left > 0.0:
            candidates.append(recover_local(part, inside, uplink * (min(1.0, left / spent) if spent > 0.0 else 1.0), cpu_hz))
    return best_local(part, candidates)


def global_off(part: GlobalPart, access: Integers) -> GlobalDecision:
    """No committee works: utility 0."""
    count = len(part.block_bits)
    return decision_of_times(part, access, np.zeros(count, dtype=bool), np.full((count, 4), np.inf), np.full(count, np.inf))


def any_access(part: GlobalPart) -> Integers:
    """An assignment that keeps C4: seats are filled in order."""
    aps = part.sinr_access.shape[-1]
    return np.repeat(np.arange(len(part.capacity)), np.minimum(part.capacity, aps))[:aps].astype(np.int64)


def global_near(part: GlobalPart, access: Integers, on: Booleans, times: Floats, verification: Floats) -> GlobalDecision:
    """The best decision with this access and (nearly) these times: request, pre-prepare, prepare, reply [I, 4] (inf: left
    unserved) and verification [I]; committees that lose are switched off."""
    best, most = global_off(part, access), 0.0
    for hair in HAIRS:
        slower = np.where(np.isfinite(times), np.minimum(times * (1.0 + hair), part.timeout), np.inf)
        slower[:, 3] = np.minimum(slower[:, 3], slower[:, 2])
        working = on
        for _ in range(2):
            candidate = decision_of_times(part, access, working, slower, verification)
            if part.whole_subchannels:
                candidate = _rounded_up(part, candidate)
            earned = evaluate_global(part, candidate)
            if earned.violation <= FEASIBLE and earned.utility > most:
                best, most = candidate, float(earned.utility)
            working = on & (earned.committee_utility > 0.0)
    return best


def _rounded_up(part: GlobalPart, decision: GlobalDecision) -> GlobalDecision:
    """Round every delegate's total up to a whole number and spread what that adds in proportion."""
    totals = committee_spectrum(part, decision)
    whole = np.ceil(totals - 1e-7)
    grow = np.divide(whole, totals, out=np.zeros_like(totals), where=totals > 0.0)
    request = decision.request * grow[decision.access, 0]
    if decision.multicast is not None:
        return GlobalDecision(decision.access, request, decision.cpu_hz, multicast=decision.multicast * grow)
    assert decision.peer is not None
    return GlobalDecision(decision.access, request, decision.cpu_hz, peer=decision.peer * grow[..., None])
