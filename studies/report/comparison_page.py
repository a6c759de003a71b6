"""The page of a solver comparison: who proves what, how fast, and whether anybody contradicts anybody."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from ..few_seeds import warning
from .comparison_content import ComparisonContent
from .comparison_pictures import comparison_pictures
from .comparison_tables import by_family, by_solver, every_run, in_pairs
from .page import Column, Page, Section, Table, Text, settings_section
from .style import label


def comparison_page(content: ComparisonContent) -> Page:
    """Answer, figures, bounds, families, runs, how it was measured."""
    return Page(
        title="twingap: solvers compared",
        heading="Which solver proves the optimum, how fast, and do they agree?",
        sections=[
            Section("", _summary(content)),
            Section("Figures", comparison_pictures(content)),
            Section("What the bounds rest on", _bounds(content)),
            Section("Solvers in pairs", in_pairs(content)),
            Section("By family", [by_family(content)]),
            Section("Every run", every_run(content)),
            Section("How it was measured", _methods(content)),
            content.data,
            settings_section(content.settings, content.cells),
        ],
        failures=content.failures.to_dict("records"),
        failures_mean="killed and crashed runs are scored at the time limit, cells that were not run are left out",
        origin=content.origin,
    )


def _summary(content: ComparisonContent) -> list[Text | Table]:
    runs = content.runs
    snapshots, groups = len(set(runs["snapshot"])), len(set(runs["group"]))
    lead = (
        f"{runs['solver'].nunique()} solvers met the same {snapshots} snapshots of {groups} families, with "
        f"{content.time_limit:g} s each to hold a decision and prove that no other earns more than {100 * content.gap:g} % "
        f"above it. {_agreement(content)}"
    )
    busy: str | None = _busy(runs)
    warnings = [busy] if busy else []
    weak = warning(snapshots, "snapshots")
    warnings += [weak] if weak else []
    return [Text(lead), *(Text(each, warning=True) for each in warnings), by_solver(content)]


def _agreement(content: ComparisonContent) -> str:
    if content.bounds.empty:
        return "No two solvers met on a snapshot, so bounds could not be held against each other."
    count = int(content.bounds["meetings"].sum())
    return (
        f"No bound is contradicted: in {count} meetings of one run's bound with another's decision (local part, global part "
        "and sum), no decision earns more than rounding above a bound."
    )


def _busy(runs: pd.DataFrame) -> Markup | None:
    """A warning when solvers did not have a core each: their times are then too long, and limits came too early."""
    timed = runs[runs["seconds"] > 1.0]
    if timed.empty:
        return None
    share = float(timed["processor_seconds"].sum() / timed["seconds"].sum())
    if share > 0.9:
        return None
    return Markup(
        "<strong>The machine was busy: while they ran, solvers got {share:.0f} % of a core on average.</strong> Times of "
        "the wall clock, by which limits and scores go, are longer than on an idle machine; processor seconds are in the "
        "table of runs."
    ).format(share=100 * share)


def _bounds(content: ComparisonContent) -> list[Text | Table]:
    about = Table(
        [
            Column("solver", "solver", label),
            Column("proves", "its bound rests on", words=True),
            Column("handles", "handles", words=True),
            Column("versions", "versions", words=True),
        ],
        content.about,
        sorts=False,
    )
    floating = (
        "Objectives on this page are what decisions earn by the equations, never what a solver says. Bounds of solvers that "
        "call SCIP or Gurobi are proved in floating point by those solvers, with a margin added for their tolerances; "
        "bounds of decomposition, bnb and milp carry a stated slack for the rounding of their own arithmetic (milp relies "
        "on HiGHS' dual bounds). Only decomposition writes certificates that can be checked without it (twingap verify "
        "--certificate)."
    )
    check = (
        "Every bound was held against every other run's decision on the same snapshot. A decision that earns more than 1e-8 "
        "max(1, |bound|) above a bound, which covers the rounding of the evaluator, would have stopped this report. Since "
        "each solver's objective lies below every other's bound, any two agree within the sum of their gaps. The table "
        "shows how close it was: margin = (bound - objective) / max(1, |bound|)."
    )
    closest = Table(
        [
            Column("prover", "bound of"),
            Column("snapshots", "snapshots"),
            Column("meetings", "meetings"),
            Column("smallest_margin", "smallest margin", lambda margin: f"{margin:.1e}"),
            Column("against", "against", words=True),
            Column("snapshot", "on", words=True),
            Column("part", "part", words=True),
        ],
        content.bounds.to_dict("records"),
    )
    return [about, Text(floating), Text(check), closest]


def _methods(content: ComparisonContent) -> list[Text]:
    settings = content.settings
    runs = (
        "Every solver solves every snapshot in a process of its own with one thread. First it solves the same snapshot for "
        f"at most {settings['warm-up']}, unscored, so that imports and loading machine code are over; a run in which "
        "something was compiled all the same is repeated. Then the clock runs: wall clock from the call of the solver to "
        "its answer, building of models included, evaluation of its decision not. The solver is given "
        f"{content.time_limit:g} s; a process that runs for {settings['killed after']} in all or uses "
        f"{settings['memory limit']} is killed. Solvers whose answer depends on a random generator run once per seed, and a "
        "number of a snapshot is then the median over seeds; the others run once."
    )
    scores = (
        "A snapshot counts as proved when the solver's own gap (bound - objective) / max(|objective|, 1e-9) is at most what "
        "was asked and its time is at most the limit; otherwise its time is scored at the limit. Shifted geometric mean: "
        "exp(mean ln(max(t, 1 s) + 10 s)) - 10 s, so that differences below a second do not show in it; read the median "
        "beside it. Profiles: share of snapshots with t / (least t of all solvers) at most a factor."
    )
    areas = Markup(
        "Integrals run over the time limit L: with the objective p(t) held and the bound d(t) proved by t (after the end "
        "both stay), and P the best objective that anyone holds, gap integral = ∫<sub>0</sub><sup>L</sup> min(1, (d − p) / "
        "max(|p|, 1e-9)) dt, primal integral = ∫<sub>0</sub><sup>L</sup> min(1, (P − p) / max(|P|, 1e-9)) dt, dual integral "
        "= ∫<sub>0</sub><sup>L</sup> min(1, (d − P) / max(|P|, 1e-9)) dt, each integrand 1 while there is no decision or no "
        "bound that it needs, and at least 0. What a solver claims on the way is never taken for better than what it ends "
        "with."
    )
    return [Text(runs), Text(scores), Text(areas)]
