"""Solver ``decomposition``: exact reduction, closed-form heads, prices, branch and bound on multicast time and on access.

Both parts of (16) share nothing, so they are solved one after the other and their bounds add up.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...certificate.proof import Certificate, GlobalProof, LocalProof, WholeGlobalProof
from ...decision import Decision
from ...result import Answer, Budget, Deadline, Stopped, TracePoint, relative_gap
from ...snapshot import Snapshot
from .global_part import solve_global
from .local_part import solve_local
from .part_answer import PartAnswer, PartDecision

PROOF = "weak duality at the prices of C1 and C5, exhaustive branching on multicast time and access, rounding slack added"

# Of the time limit, what the global part may use before the local part has had its turn.
GLOBAL_TIME = 0.7


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve both parts to a relative gap of their sum. Deterministic: ``rng`` is not used."""
    del rng
    deadline = Deadline(budget.time_limit)
    share = 0.5 * budget.gap
    global_ = solve_global(snapshot.global_, share, 0.0, Deadline(GLOBAL_TIME * budget.time_limit), budget.certificate)
    # The part that earns little need not be solved to its own relative gap: it may use the other's tolerance.
    local = solve_local(snapshot.local, share, share * abs(global_.objective), deadline, budget.certificate)
    joint = local.objective + global_.objective
    if relative_gap(joint, local.bound + global_.bound) > budget.gap and not deadline.passed:
        # Parts of opposite sign cancel, and then relative gaps of the parts promise nothing about the sum.
        tolerance = share * max(abs(joint), 1e-9)
        local = _better(local, solve_local(snapshot.local, 0.0, tolerance, deadline, budget.certificate))
        global_ = _better(global_, solve_global(snapshot.global_, 0.0, tolerance, deadline, budget.certificate))
        joint = local.objective + global_.objective
    bound = local.bound + global_.bound
    reached = relative_gap(joint, bound) <= budget.gap
    stopped: Stopped = "gap" if reached else "time_limit" if deadline.passed else "exhausted"
    stages = {f"local {k}": s for k, s in local.stages.items()} | {f"global {k}": s for k, s in global_.stages.items()}
    certificate, proof = None, global_.proof
    if isinstance(local.proof, LocalProof) and isinstance(proof, GlobalProof | WholeGlobalProof) and math.isfinite(bound):
        certificate = Certificate(snapshot.name, bound, local.proof, proof)
    return Answer(
        decision=Decision(local.decision, global_.decision),
        local_bound=local.bound,
        global_bound=global_.bound,
        proof=PROOF,
        stopped=stopped,
        trace=_joint_trace(local.trace, global_.trace),
        stages=stages,
        certificate=certificate,
    )


def _better(first: PartAnswer[PartDecision], second: PartAnswer[PartDecision]) -> PartAnswer[PartDecision]:
    """The smaller bound (with its proof) and the better decision of two solves: the deadline may cut the second short."""
    proved = second if second.bound <= first.bound else first
    held = second if second.objective >= first.objective else first
    return replace(proved, decision=held.decision, objective=held.objective, trace=first.trace + second.trace)


def _joint_trace(
    local: tuple[tuple[float, float, float], ...], global_: tuple[tuple[float, float, float], ...]
) -> tuple[TracePoint, ...]:
    """Both bounds of the sum over time: each part holds its latest point until its next one."""
    events = sorted([(t, 0, x, y) for t, x, y in local] + [(t, 1, x, y) for t, x, y in global_])
    held: list[tuple[float, float] | None] = [None, None]
    trace: list[TracePoint] = []
    for seconds, part, objective, bound in events:
        held[part] = (objective, bound)
        first, second = held
        if first is not None and second is not None:
            trace.append(TracePoint(seconds, first[0] + second[0], first[1] + second[1]))
    return tuple(trace)
