"""What a comparison found, from its records; a contradiction between bounds stops here."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..opt.errors import FalseBoundError, InputError
from .bound_cross_check import Meeting, meetings, refuse_contradictions
from .outcome import Outcome
from .solver_comparison_config import ComparisonConfig
from .solver_comparison_rows import Runs, read_runs
from .solver_comparison_tables import family_table, pair_table, snapshot_scores, solver_table
from .solver_traces import Trace


@dataclass(frozen=True, eq=False)
class ComparisonResults:
    """runs: one row per run (``solver_comparison_rows.Runs``); traces: by (snapshot, run); scores, solvers, families, pairs:
    see ``solver_comparison_tables``; bounds: one row per prover, how often its bounds met objectives and how close it was;
    versions: of what each solver calls; cells, failures: see ``Outcome``."""

    config: ComparisonConfig
    runs: pd.DataFrame
    traces: dict[tuple[str, str], Trace]
    scores: pd.DataFrame
    solvers: pd.DataFrame
    families: pd.DataFrame
    pairs: pd.DataFrame
    bounds: pd.DataFrame
    versions: dict[str, dict[str, str]]
    cells: pd.DataFrame
    failures: pd.DataFrame


def collect_comparison(config: ComparisonConfig, outcome: Outcome) -> ComparisonResults:
    """Results of a comparison. Raises FalseBoundError when bounds contradict decisions, InputError when nothing was run."""
    runs = read_runs(config, outcome)
    if runs.rows.empty:
        raise InputError("hold no run of a solver; run the study first", field="records")
    found = meetings(runs.claims)
    _refuse_false_bounds(runs, found)
    scores = snapshot_scores(runs.rows)
    return ComparisonResults(
        config=config,
        runs=runs.rows,
        traces=runs.traces,
        scores=scores,
        solvers=solver_table(scores),
        families=family_table(scores),
        pairs=pair_table(scores),
        bounds=bound_table(found),
        versions=runs.versions,
        cells=outcome.cell_table(),
        failures=outcome.failure_table(),
    )


def comparison_tables(results: ComparisonResults) -> dict[str, pd.DataFrame]:
    """Tables by file name."""
    return {
        "solvers": results.solvers,
        "families": results.families,
        "pairs": results.pairs,
        "runs": results.runs,
        "bounds": results.bounds,
    }


def bound_table(found: list[Meeting]) -> pd.DataFrame:
    """One row per run that proves: snapshots, meetings of its bounds with others' objectives (parts included), and the smallest
    margin (bound - objective) / max(1, |bound|) with where it was met."""
    rows: list[dict[str, object]] = []
    for prover in dict.fromkeys(each.prover for each in found):
        met = [each for each in found if each.prover == prover and each.holder != prover]
        if not met:
            continue
        closest = min(met, key=lambda each: each.margin)
        rows.append(
            {
                "prover": prover,
                "snapshots": len({each.snapshot for each in met}),
                "meetings": len(met),
                "smallest_margin": closest.margin,
                "against": closest.holder,
                "snapshot": closest.snapshot,
                "part": closest.part,
            }
        )
    return pd.DataFrame(rows, columns=["prover", "snapshots", "meetings", "smallest_margin", "against", "snapshot", "part"])


def _refuse_false_bounds(runs: Runs, found: list[Meeting]) -> None:
    if runs.beaten:
        raise FalseBoundError(runs.beaten[0])
    refuse_contradictions(found, runs.snapshots, runs.solutions)
