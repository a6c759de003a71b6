"""The decomposition solver as a scheduler: one solve per environment of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..opt.batch import solve_batch
from ..opt.decision import Decision, stack_decisions
from ..opt.result import Result
from ..opt.snapshot import Snapshot

# Relative gap to which the planning solves are run: far below any gap between policies. The time limit is a last resort (the
# first solve on a fresh machine also compiles); a solve that meets it is not reproducible, so it is an error.
GAP = 1e-4
TIME_LIMIT = 3600.0


def planned(snapshot: Snapshot) -> Result:
    """Solve one epoch; RuntimeError when a limit cut it short, since the answer would depend on the machine."""
    return planned_batch([snapshot])[0]


def planned_batch(snapshots: Snapshot | Sequence[Snapshot], report: Callable[[int, int], None] | None = None) -> list[Result]:
    """Solve a batch of epochs, telling ``report`` (done, total); RuntimeError when a limit cut one short."""
    results = solve_batch(snapshots, gap=GAP, time_limit=TIME_LIMIT, report=report)
    for result in results:
        if result.stopped in ("time_limit", "memory_limit") or result.decision is None:
            raise RuntimeError(f"{result.snapshot} was not solved to a gap of {GAP} within {TIME_LIMIT:g} s")
    return results


def planned_decisions(twin: Snapshot) -> Decision:
    """The solver's decision for every environment of a batch of snapshots [env, ...]."""
    return stack_decisions([result.decision for result in planned_batch(twin) if result.decision is not None])
