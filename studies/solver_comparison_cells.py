"""The work of the comparison's cells: keep a snapshot, let one solver solve it.

A solver's answer is a record whatever it says: solved or not, or refused (a mode that it does not handle, a licence that does
not allow the size), or a decision that beats its own bound. Only a solver that crashes, overruns its limits or returns
something infeasible leaves a failure.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..opt.compiled import compilations
from ..opt.errors import FalseBoundError, InputError, LicenceError
from ..opt.registry import prepare_solver, registered_solvers
from ..opt.result import Result
from ..opt.snapshot import Snapshot
from ..opt.snapshot_file import snapshot_from_json, snapshot_to_json
from ..opt.solution_file import solution_to_json
from ..opt.solve import solve
from .cells import Report
from .machine import installed_version
from .records import Records
from .solver_comparison_instances import make_snapshot

# How often a run is repeated because something was compiled in it (only right after an installation).
REPEATS = 8


def keep_snapshot(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """The snapshot as its file would hold it: what all solvers get, and what is there for replay.

    It is also when solvers are prepared for its modes. Compiling for them, once per installation, takes up to minutes, which
    must not count against the hard limits of whichever solver comes first.
    """
    del directory, report
    snapshot = make_snapshot(settings["source"])
    for name, entry in registered_solvers().items():
        if not entry.why_not:
            prepare_solver(name, snapshot)
    return {"snapshot": snapshot_to_json(snapshot)}


def solve_snapshot(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """What a solver answers: solution, processor seconds, trace, versions; or why it refuses; or how its bound is false."""
    del report
    content = Records(directory).result(settings["snapshot"])["snapshot"]
    snapshot = snapshot_from_json(content)
    try:
        if settings["warm_up"] > 0.0:
            _solve(snapshot, settings, min(settings["warm_up"], settings["time_limit"]))
        result, processor = run_compiled(lambda: _solve(snapshot, settings, settings["time_limit"]))
    except LicenceError as refusal:
        return {"refused": "licence", "why": str(refusal)}
    except InputError as refusal:
        # The snapshot is valid and the options are, so what the solver will not take is a mode.
        return {"refused": "mode", "why": str(refusal)}
    except FalseBoundError as beaten:
        return {"false_bound": str(beaten)}
    return {
        "solution": solution_to_json(result, snapshot),
        "processor_seconds": processor,
        "trace": [[_number(x) for x in (point.seconds, point.objective, point.bound)] for point in result.trace],
        "proof": result.proof,
        "versions": {name: installed_version(name) for name in registered_solvers()[settings["solver"]].requires},
    }


def run_compiled(run: Callable[[], Result]) -> tuple[Result, float]:
    """Result and processor seconds of the first run in which nothing was compiled."""
    for _ in range(REPEATS):
        before = _processor_seconds()
        with compilations() as compiled:
            result = run()
        processor = _processor_seconds() - before
        if not compiled:
            return result, processor
    raise RuntimeError(f"something was compiled in each of {REPEATS} runs, so none of them tells how long solving takes")


def _solve(snapshot: Snapshot, settings: dict[str, Any], time_limit: float) -> Result:
    return solve(snapshot, settings["solver"], settings["gap"], time_limit, settings["seed"])


def _processor_seconds() -> float:
    """Of this process and of children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _number(x: float) -> float | None:
    return x if math.isfinite(x) else None
