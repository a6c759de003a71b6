"""The page of a solver comparison: who proves what, how fast, and whether anybody contradicts anybody."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from ..few_seeds import marked, warning
from ..solver_comparison_rows import MEANING, REFUSED
from ..solver_traces import Trace
from .comparison_figures import families_compared, performance_profiles, progress_over_time, traces_of_snapshots
from .origin import Origin
from .page import Column, Page, Picture, Section, Table, Text, fixed, settings_section
from .style import label


@dataclass(frozen=True, eq=False)
class ComparisonContent:
    """What the page shows; tables and traces as in ``ComparisonResults``. about: per solver what it proves, handles and its
    versions; gap: asked for; time_limit [s]; settings: shown as they are; origin: what made the numbers; data: downloads."""

    runs: pd.DataFrame
    traces: Mapping[tuple[str, str], Trace]
    scores: pd.DataFrame
    solvers: pd.DataFrame
    families: pd.DataFrame
    pairs: pd.DataFrame
    bounds: pd.DataFrame
    cells: pd.DataFrame
    failures: pd.DataFrame
    about: Sequence[Mapping[str, str]]
    gap: float
    time_limit: float
    settings: Mapping[str, Any]
    origin: Origin | None
    data: Section


def comparison_page(content: ComparisonContent) -> Page:
    """Answer, figures, bounds, families, runs, how it was measured."""
    return Page(
        title="twingap: solvers compared",
        heading="Which solver proves the optimum, how fast, and do they agree?",
        sections=[
            Section("", _summary(content)),
            Section("Figures", _pictures(content)),
            Section("What the bounds rest on", _bounds(content)),
            Section("Solvers in pairs", _pairs(content)),
            Section("By family", [_families(content)]),
            Section("Every run", _runs(content)),
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
    table = Table(
        _score_columns(content, [Column("solver", "solver", label)], fastest=True),
        content.solvers.to_dict("records"),
        note=(
            "Failures are scored at the time limit; refusals (modes, licences) are left out, so rows rest on different "
            "snapshots where 'takes on' differs: compare such solvers in pairs below. The virtual best is, on each "
            "snapshot, the best of all solvers. Integrals are means in seconds; 0 is best, the time limit is worst."
        ),
    )
    warnings = [busy] if busy else []
    weak = warning(snapshots, "snapshots")
    warnings += [weak] if weak else []
    return [Text(lead), *(Text(each, warning=True) for each in warnings), table]


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


def _score_columns(content: ComparisonContent, first: list[Column], *, fastest: bool) -> list[Column]:
    percent = f"{100 * content.gap:g} %"
    columns = [
        *first,
        Column("taken", "takes on", lambda count: marked(int(count)), "snapshots of modes and sizes that it does not refuse"),
        Column("proved", "proved", _count, f"where it proved a gap of {percent} within the time limit"),
        Column("found", "found", _count, f"where it held a decision within {percent} of the best bound that anyone proves"),
        Column("failed", "failed", _count, "killed or crashed"),
    ]
    if fastest:
        columns.append(Column("fastest", "fastest", _count, "where nobody proved the gap sooner"))
    return [
        *columns,
        Column("median_seconds", "median s", _seconds, "median time to prove the gap; the time limit where it did not"),
        Column("shifted_mean", "shifted mean s", fixed(2), "shifted geometric mean of the same times: shift 10 s, floor 1 s"),
        Column("gap_left", "gap left %", _percent, "mean over snapshots of the gap at the end, clipped to 100 %"),
        Column("gap_integral", "gap integral s", fixed(2)),
        Column("primal_integral", "primal integral s", fixed(2)),
        Column("dual_integral", "dual integral s", fixed(2)),
    ]


def _pictures(content: ComparisonContent) -> list[Picture]:
    one_each = list(content.runs.drop_duplicates("group")["snapshot"])
    asked = f"{100 * content.gap:g} %"
    return [
        Picture(
            "profile",
            partial(performance_profiles, content.scores),
            "Performance profiles (Dolan and Moré)",
            "Height at 1×: share of its snapshots on which a solver is the fastest; far right: share it does at all. Left: "
            f"the solver itself proves a gap of {asked}. Right: it holds a decision within {asked} of the best bound that "
            "anyone proves, whoever proves it. In brackets: snapshots that it takes on, of all; modes it does not handle do "
            "not count against it.",
            "Step curves of the share of snapshots each solver does within a factor of the fastest solver's time; the table "
            "of solvers holds the counts.",
        ),
        Picture(
            "time",
            partial(progress_over_time, content.runs, content.traces, content.time_limit),
            "Gap against time",
            "Left: gap between a solver's own bound and its own decision, clipped to 100 %, mean over its runs; the area "
            "under a line on a linear time axis is its mean gap integral. multistart and other solvers without a bound stay "
            "at 100 %. Right: share of runs whose gap was proved by then.",
            "Mean gap and share of proved runs of each solver over time from a millisecond to the time limit.",
        ),
        Picture(
            "families",
            partial(families_compared, content.scores, content.gap, content.time_limit),
            "Every snapshot, family by family",
            "Left: seconds until the gap was proved; hollow at the right end: not proved within the time limit. Right: the "
            "gap that was left; hollow beyond the dotted line: wider than asked. A solver without a mark refuses the family.",
            "Marks of each solver's time and gap for every snapshot of every family; the table of runs holds the numbers.",
        ),
        Picture(
            "traces",
            partial(traces_of_snapshots, content.runs, content.traces, one_each, content.gap, content.time_limit),
            "Traces: one snapshot of each family",
            "Dashed: bound, from above; solid: objective of the decision held, from below; both as distance to the best "
            "decision that anyone holds. The grey band is the gap that was asked for; the scale is linear inside it and "
            "logarithmic outside, cut at 150 %. A line starts when there is something to draw.",
            "Bounds falling and objectives rising over time for each solver, one panel per family.",
        ),
    ]


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


def _pairs(content: ComparisonContent) -> list[Text | Table]:
    others = list(dict.fromkeys(content.pairs["other"]))
    columns = [Column("solver", "takes (times as long as)", label)]
    columns += [Column(other, f"× {label(other)}", lambda pair: f"{pair:.3g} ({pair.snapshots})") for other in others]
    rows: dict[str, dict[str, Any]] = {}
    for each in content.pairs.to_dict("records"):
        row = rows.setdefault(each["solver"], {"solver": each["solver"]})
        if each["solver"] != each["other"] and each["snapshots"]:
            factor = _Factor(each["factor"])
            factor.snapshots = each["snapshots"]
            row[each["other"]] = factor
    text = (
        "Geometric mean of the ratio of times to prove the gap, over the snapshots that both take on (in brackets). A time "
        "that ran into the limit counts as the limit, so factors against solvers that failed often are understated."
    )
    return [Text(text), Table(columns, list(rows.values()))]


class _Factor(float):
    """A factor that sorts as a number and carries on how many snapshots it rests."""

    snapshots: int


def _families(content: ComparisonContent) -> Table:
    first = [Column("group", "family", label), Column("solver", "solver", label, words=True)]
    rows = content.families[content.families["taken"] > 0].to_dict("records")
    return Table(_score_columns(content, first, fastest=False), rows, note="Families that a solver refuses are left out.")


def _runs(content: ComparisonContent) -> list[Text | Table]:
    columns = [
        Column("snapshot", "snapshot", lambda name: name.removeprefix("family-")),
        Column("heads", "heads"),
        Column("committees", "committees"),
        Column("run", "solver", words=True),
        Column("outcome", "outcome", words=True),
        Column("seconds", "seconds", _seconds, "wall clock of the solve; no imports, no compilation"),
        Column("processor_seconds", "processor s", _seconds, "processor time of the same"),
        Column("objective", "objective", fixed(4), "what the decision earns by the equations"),
        Column("bound", "bound", _bound, "proved upper bound; empty: none"),
        Column("gap", "gap %", _gap, "(bound - objective) / max(|objective|, 1e-9)"),
        Column("found_seconds", "found s", _bound_seconds, "until a decision within the gap of the best bound was held"),
        Column("gap_integral", "gap integral", fixed(2)),
        Column("primal_integral", "primal integral", fixed(2)),
        Column("dual_integral", "dual integral", fixed(2)),
        Column("peak_memory", "memory MB", fixed(0, 1e-6)),
    ]
    present = [name for name in MEANING if name in set(content.runs["outcome"])]
    meanings = Table(
        [Column("outcome", "outcome"), Column("runs", "runs"), Column("meaning", "meaning", words=True)],
        [{"outcome": each, "runs": int((content.runs["outcome"] == each).sum()), "meaning": MEANING[each]} for each in present],
        sorts=False,
    )
    blocks: list[Text | Table] = [
        Text("Click a heading to sort; runs.csv below holds the same rows with full digits."),
        Table(columns, content.runs.to_dict("records")),
        meanings,
    ]
    refused = content.runs[content.runs["outcome"].isin(REFUSED)]
    if len(refused):
        told = refused.groupby(["solver", "outcome", "detail"], sort=False)["snapshot"].agg(_names).reset_index()
        blocks.append(
            Table(
                [
                    Column("solver", "solver"),
                    Column("outcome", "refused", words=True),
                    Column("detail", "what it says", words=True),
                    Column("snapshot", "snapshots", words=True),
                ],
                told.to_dict("records"),
                sorts=False,
            )
        )
    return blocks


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


def _names(names: pd.Series) -> str:
    return ", ".join(dict.fromkeys(name.removeprefix("family-") for name in names))


def _count(value: float) -> str:
    return f"{value:.0f}"


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1.0 else f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{100 * value:.3g}"


def _finite(show: Callable[[float], str], otherwise: str) -> Callable[[float], str]:
    return lambda value: show(value) if value < float("inf") else otherwise


_bound = _finite(fixed(4), "none")
_gap = _finite(_percent, "none")
_bound_seconds = _finite(_seconds, "never")
