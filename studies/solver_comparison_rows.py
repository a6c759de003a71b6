"""One row per run: what became of every solver on every snapshot, and how it is scored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from .bound_cross_check import PARTS, Claim
from .outcome import Outcome
from .solver_comparison_config import ComparisonConfig
from .solver_traces import NOTHING, Trace, clipped_gap, first_within, integrals, monotone_trace

# Outcomes of a run. Those of the last two do not count: neither is a matter of speed.
PROVED, LATE, TIME_LIMIT, ENDED, NOTHING_FOUND = "proved", "late", "time limit", "ended", "no decision"
KILLED_TIME, KILLED_MEMORY, CRASHED, NOT_RUN = "killed (time)", "killed (memory)", "crashed", "not run"
UNSUPPORTED, LICENCE = "unsupported", "licence"
FAILED = (KILLED_TIME, KILLED_MEMORY, CRASHED)
REFUSED = (UNSUPPORTED, LICENCE)
MEANING = {
    PROVED: "holds a decision and a bound within the gap that was asked, inside the time limit",
    LATE: "the same, but after the time limit",
    TIME_LIMIT: "stopped at the time or memory limit with a wider gap",
    ENDED: "ended by itself with a wider gap or without a bound",
    NOTHING_FOUND: "ended without a decision",
    KILLED_TIME: "ignored its time limit and was killed",
    KILLED_MEMORY: "used more memory than allowed and was killed",
    CRASHED: "raised an error or died",
    NOT_RUN: "not run yet: left out",
    UNSUPPORTED: "does not handle this mode: shown, and no failure",
    LICENCE: "its licence does not allow this size: shown, and no failure",
}
_OF_FAILURE = {"time_limit": KILLED_TIME, "memory_limit": KILLED_MEMORY, "error": CRASHED, "died": CRASHED, "not_run": NOT_RUN}


@dataclass(frozen=True, eq=False)
class Runs:
    """rows: one per run (columns below); traces: by (snapshot, run); claims: of every part, for the cross-check; snapshots and
    solutions: files' contents by name and by (snapshot, run); versions: of what
    each solver calls; beaten: what solvers that beat their own bound said.

    Columns: snapshot, group, heads, aps, committees, solver, run (solver and seed), seed, outcome, seconds (of the solver),
    processor_seconds, peak_memory [bytes], objective, bound, gap, best_objective, best_bound (of anyone on this snapshot),
    scored (seconds, the time limit when it did not prove the gap), proved_seconds and found_seconds (+inf when it did not),
    gap_left (clipped to 1), gap_integral, primal_integral, dual_integral, detail (why not, in words). Whatever is scored is NaN
    for refusals.
    """

    rows: pd.DataFrame
    traces: dict[tuple[str, str], Trace]
    claims: list[Claim]
    snapshots: dict[str, dict[str, Any]]
    solutions: dict[tuple[str, str], dict[str, Any]]
    versions: dict[str, dict[str, str]]
    beaten: list[str]


def read_runs(config: ComparisonConfig, outcome: Outcome) -> Runs:
    """The runs of an outcome. A run whose snapshot's record was lost is left out; the lost cell is a row of the failures."""
    kept = {each["settings"]["name"]: each for each in outcome.records if "source" in each["settings"]}
    snapshots = {name: each["result"]["snapshot"] for name, each in kept.items()}
    runs = Runs(pd.DataFrame(), {}, [], snapshots, {}, {}, [])
    found: list[dict[str, Any]] = []
    for each in (*outcome.records, *outcome.failures):
        settings = each["settings"]
        if "solver" not in settings or settings["name"] not in kept:
            continue
        group = kept[settings["name"]]["settings"]["group"]
        row = _identity(settings, group, snapshots[settings["name"]])
        if "result" in each:
            row |= {"peak_memory": each["peak_memory"]} | _answered(row, each["result"], config, runs)
        elif each["reason"] != "not_run":
            row |= {"outcome": _OF_FAILURE[each["reason"]], "detail": each["error"]}
        else:
            continue
        found.append(row)
    order = {name: place for place, name in enumerate(kept)}
    solvers = {name: place for place, name in enumerate(config.solvers)}
    found.sort(key=lambda row: (order[row["snapshot"]], solvers[row["solver"]], row["seed"]))
    _score(found, runs.traces, config)
    return replace(runs, rows=pd.DataFrame(found))


def run_name(solver: str, seed: int, draws: bool) -> str:
    """How a run is called: its solver, and its seed where that matters."""
    return f"{solver} (seed {seed})" if draws else solver


def _identity(settings: dict[str, Any], group: str, snapshot: dict[str, Any]) -> dict[str, Any]:
    local, committees = snapshot["local"], snapshot["global"]["committees"]
    return {
        "snapshot": settings["name"],
        "group": group,
        "heads": len(local["ap"]),
        "aps": len(local["sinr_peer"]),
        "committees": len(committees),
        "solver": settings["solver"],
        "run": run_name(settings["solver"], settings["seed"], settings["draws"]),
        "seed": settings["seed"],
        "outcome": "",
        **dict.fromkeys(("seconds", "processor_seconds", "peak_memory", "objective", "bound", "gap"), math.nan),
        "detail": "",
    }


def _answered(row: dict[str, Any], result: dict[str, Any], config: ComparisonConfig, runs: Runs) -> dict[str, Any]:
    """What a record adds to its row; its trace, claims and solution go to ``runs``."""
    if "refused" in result:
        return {"outcome": LICENCE if result["refused"] == "licence" else UNSUPPORTED, "detail": result["why"]}
    if "false_bound" in result:
        runs.beaten.append(result["false_bound"])
        return {"outcome": CRASHED, "detail": result["false_bound"]}
    solution = result["solution"]
    objective, bound = _or(solution["objective"], math.nan), _or(solution["bound"], math.inf)
    gap, seconds = _or(solution["gap"], math.inf), solution["seconds"]
    place = (row["snapshot"], row["run"])
    points = [(t, _or(p, math.nan), _or(d, math.inf)) for t, p, d in result["trace"]]
    runs.traces[place] = monotone_trace(points, (seconds, objective, bound))
    runs.solutions[place] = solution
    runs.versions[row["solver"]] = result["versions"]
    of_parts = {"sum": solution} | solution["parts"]
    for part in PARTS:
        earned, proved = of_parts[part]["objective"], of_parts[part]["bound"]
        runs.claims.append(Claim(row["snapshot"], part, row["run"], _or(earned, math.nan), _or(proved, math.inf)))
    return {
        "outcome": _outcome(solution["stopped"], gap, seconds, math.isnan(objective), config),
        "seconds": seconds,
        "processor_seconds": result["processor_seconds"],
        "objective": objective,
        "bound": bound,
        "gap": gap,
    }


def _outcome(stopped: str, gap: float, seconds: float, empty: bool, config: ComparisonConfig) -> str:
    if gap <= config.gap:
        return PROVED if seconds <= config.time_limit else LATE
    if empty:
        return NOTHING_FOUND
    return TIME_LIMIT if stopped in ("time_limit", "memory_limit") else ENDED


def _score(found: list[dict[str, Any]], traces: dict[tuple[str, str], Trace], config: ComparisonConfig) -> None:
    """Add what needs all runs of a snapshot: the best that anyone holds and proves, and the scores."""
    by_snapshot: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_snapshot.setdefault(row["snapshot"], []).append(row)
    for here in by_snapshot.values():
        held = max((row["objective"] for row in here if math.isfinite(row["objective"])), default=math.nan)
        proved = min((row["bound"] for row in here if math.isfinite(row["bound"])), default=math.inf)
        for row in here:
            row |= {"best_objective": held, "best_bound": proved}
            row |= _scores(row, traces.get((row["snapshot"], row["run"]), NOTHING), held, proved, config)


def _scores(row: dict[str, Any], trace: Trace, held: float, proved: float, config: ComparisonConfig) -> dict[str, float]:
    names = ("scored", "proved_seconds", "found_seconds", "gap_left", "gap_integral", "primal_integral", "dual_integral")
    if row["outcome"] in REFUSED:
        return dict.fromkeys(names, math.nan)
    done = row["outcome"] == PROVED
    area = integrals(trace, held, config.time_limit)
    found = first_within(trace, proved, config.gap)
    return {
        "scored": row["seconds"] if done else config.time_limit,
        "proved_seconds": row["seconds"] if done else math.inf,
        "found_seconds": found if found <= config.time_limit else math.inf,
        "gap_left": clipped_gap(row["objective"], row["bound"]),
        "gap_integral": area.gap,
        "primal_integral": area.primal,
        "dual_integral": area.dual,
    }


def _or(value: float | None, missing: float) -> float:
    return missing if value is None else value
