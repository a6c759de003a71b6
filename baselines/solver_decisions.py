"""The decomposition solver as a scheduler: one solve per environment of a batch."""

from __future__ import annotations

from ..opt.decision import Decision, stack_decisions
from ..opt.result import Result
from ..opt.snapshot import Snapshot
from ..opt.solve import solve

# Relative gap to which the planning solves are run: far below any gap between policies. The time limit is a last resort (the
# first solve on a fresh machine also compiles); a solve that meets it is not reproducible, so it is an error.
GAP = 1e-4
TIME_LIMIT = 3600.0


def planned(snapshot: Snapshot) -> Result:
    """Solve one epoch; RuntimeError when the time limit cut it short, since the answer would depend on the machine."""
    result = solve(snapshot, gap=GAP, time_limit=TIME_LIMIT)
    if result.stopped == "time_limit" or result.decision is None:
        raise RuntimeError(f"{snapshot.name} was not solved to a gap of {GAP} within {TIME_LIMIT:g} s")
    return result


def planned_decisions(twin: Snapshot) -> Decision:
    """The solver's decision for every environment of a batch of snapshots [env, ...]."""
    decisions: list[Decision] = []
    for env in range(twin.batch_shape[0]):
        decision = planned(twin.at(env)).decision
        assert decision is not None
        decisions.append(decision)
    return stack_decisions(decisions)
