"""Solver ``milp``: piecewise-linear relaxations from outside, proved by HiGHS, refined where they are loose.

Both parts of (16) share nothing: two mixed-integer programs whose bounds add. Rounds go to the part whose gap is larger.
"""

from __future__ import annotations

import heapq

import numpy as np

from ...decision import Decision, GlobalDecision, LocalDecision
from ...result import Answer, Budget, Deadline, Stopped, TracePoint
from ...snapshot import Snapshot
from .global_part import GlobalRelaxation
from .local_part import LocalRelaxation
from .refinement import Refinement

PROOF = "dual bounds of HiGHS on piecewise-linear relaxations from outside (secants, tangents), slack for its tolerances added"


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve both parts to a relative gap of their sum. Deterministic until a time limit acts: ``rng`` is not used.

    Raises InputError for ``whole_subchannels`` in either part.
    """
    del rng
    local, global_, stopped = refine_both(snapshot, budget.gap, Deadline(budget.time_limit))
    stages = {f"local {stage}": s for stage, s in local.stages.items()}
    stages |= {f"global {stage}": s for stage, s in global_.stages.items()}
    return Answer(
        decision=Decision(local.part.decision, global_.part.decision),
        local_bound=local.bound,
        global_bound=global_.bound,
        proof=f"{PROOF}; {local.rounds} + {global_.rounds} rounds, {local.nodes} + {global_.nodes} nodes",
        stopped=stopped,
        trace=_joint_trace(local.trace, global_.trace),
        stages=stages,
    )


def refine_both(
    snapshot: Snapshot, gap: float, clock: Deadline
) -> tuple[Refinement[LocalDecision], Refinement[GlobalDecision], Stopped]:
    """Both parts, refined until the gap of their sum is met or the clock has passed; and why it stopped."""
    local = Refinement(LocalRelaxation(snapshot.local), clock)
    global_ = Refinement(GlobalRelaxation(snapshot.global_), clock)
    while True:
        target = gap * max(abs(local.part.objective + global_.part.objective), 1e-9)
        if local.gap + global_.gap <= target:
            return local, global_, "gap"
        if clock.passed:
            return local, global_, "time_limit"
        movable = [part for part in (local, global_) if part.movable]
        if not movable:
            return local, global_, "exhausted"
        part = max(movable, key=lambda part: part.gap)
        rest = target - (global_ if part is local else local).gap
        part.round(max(0.5 * target, rest), clock)


def _joint_trace(local: list[tuple[float, float, float]], global_: list[tuple[float, float, float]]) -> tuple[TracePoint, ...]:
    """Both bounds of the sum over time: each part holds its latest point until its next one (both have one at the start)."""
    held = [local[0], global_[0]]
    points: list[TracePoint] = []
    for seconds, which, point in heapq.merge(
        ((point[0], 0, point) for point in local), ((point[0], 1, point) for point in global_)
    ):
        held[which] = point
        points.append(TracePoint(seconds, held[0][1] + held[1][1], held[0][2] + held[1][2]))
    return tuple(points)
