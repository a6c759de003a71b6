"""The tables of a solver comparison's page: scores by solver and by family, solvers in pairs, every run."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from ..few_seeds import marked
from ..solver_comparison_rows import MEANING, REFUSED
from .comparison_content import ComparisonContent
from .page import Column, Table, Text, fixed
from .style import label


def by_solver(content: ComparisonContent) -> Table:
    """Scores of each solver."""
    return Table(
        _score_columns(content, [Column("solver", "solver", label)], fastest=True),
        content.solvers.to_dict("records"),
        note=(
            "Failures are scored at the time limit; refusals (modes, licences) are left out, so rows rest on different "
            "snapshots where 'takes on' differs: compare such solvers in pairs below. The virtual best is, on each "
            "snapshot, the best of all solvers. Integrals are means in seconds; 0 is best, the time limit is worst."
        ),
    )


def by_family(content: ComparisonContent) -> Table:
    """Scores of each solver on each family that it takes on."""
    first = [Column("group", "family", label), Column("solver", "solver", label, words=True)]
    rows = content.families[content.families["taken"] > 0].to_dict("records")
    return Table(_score_columns(content, first, fastest=False), rows, note="Families that a solver refuses are left out.")


def in_pairs(content: ComparisonContent) -> list[Text | Table]:
    """How many times as long one solver takes as another."""
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


def every_run(content: ComparisonContent) -> list[Text | Table]:
    """All runs, what their outcomes mean, and who refused what."""
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
