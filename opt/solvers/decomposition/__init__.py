"""Solver ``decomposition``: exact reduction, closed-form heads, prices, branch and bound on multicast time and on access.

Both parts of (16) share nothing, so they are solved one after the other and their bounds add up.
"""

from __future__ import annotations

import numpy as np

from ...decision import Decision
from ...result import Answer, Budget, Deadline, Stopped, TracePoint, relative_gap
from ...snapshot import Snapshot
from .global_part import solve_global
from .local_part import solve_local

PROOF = "weak duality at the prices of C1 and C5, exhaustive branching on multicast time and access, rounding slack added"


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve both parts to a relative gap of their sum. Deterministic: ``rng`` is not used."""
    del rng
    deadline = Deadline(budget.time_limit)
    share = 0.5 * budget.gap
    global_ = solve_global(snapshot.global_, share, 0.0, deadline)
    # The part that earns little need not be solved to its own relative gap: it may use the other's tolerance.
    local = solve_local(snapshot.local, share, share * abs(global_.objective), deadline)
    joint = local.objective + global_.objective
    if relative_gap(joint, local.bound + global_.bound) > budget.gap and not deadline.passed:
        # Parts of opposite sign cancel, and then relative gaps of the parts promise nothing about the sum.
        tolerance = share * max(abs(joint), 1e-9)
        local = solve_local(snapshot.local, 0.0, tolerance, deadline)
        global_ = solve_global(snapshot.global_, 0.0, tolerance, deadline)
        joint = local.objective + global_.objective
    bound = local.bound + global_.bound
    reached = relative_gap(joint, bound) <= budget.gap
    stopped: Stopped = "gap" if reached else "time_limit" if deadline.passed else "exhausted"
    stages = {f"local {k}": s for k, s in local.stages.items()} | {f"global {k}": s for k, s in global_.stages.items()}
    return Answer(
        decision=Decision(local.decision, global_.decision),
        local_bound=local.bound,
        global_bound=global_.bound,
        proof=PROOF,
        stopped=stopped,
        trace=_joint_trace(local.trace, global_.trace),
        stages=stages,
    )


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
