"""Tables of a comparison: per solver, per family, and solvers in pairs.

A solver that draws has several runs per snapshot; each number of a snapshot is then the median over its seeds (a run that did
not do it counts as +inf, so half of the seeds must). Refusals (modes, licences) are counted and left out of everything else.
"""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pandas as pd

from .few_seeds import weakness
from .performance_statistics import geometric_mean_ratio, performance_ratios, shifted_geometric_mean
from .solver_comparison_rows import FAILED, LICENCE, REFUSED, UNSUPPORTED

VIRTUAL_BEST = "virtual best"
SCORES = ("scored", "proved_seconds", "found_seconds", "gap_left", "gap_integral", "primal_integral", "dual_integral")


def snapshot_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per snapshot and solver: medians of all scores over the seeds, and how many runs failed or were refused."""
    counts = {"failed": FAILED, "unsupported": (UNSUPPORTED,), "licence": (LICENCE,), "refused": REFUSED}
    counted = rows.assign(**{name: rows["outcome"].isin(outcomes) for name, outcomes in counts.items()})
    grouped = counted.groupby(["snapshot", "group", "solver"], sort=False)
    return grouped[list(SCORES)].median().join(grouped[list(counts)].sum()).reset_index()


def by_snapshot(scores: pd.DataFrame, column: str) -> pd.DataFrame:
    """One score as [snapshot, solver]; NaN where a solver refuses or has no run."""
    wide = scores.pivot(index="snapshot", columns="solver", values=column)
    return wide.loc[list(dict.fromkeys(scores["snapshot"])), list(dict.fromkeys(scores["solver"]))]


def solver_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per solver and one for the virtual best (on each snapshot the best of all solvers, score by score).

    taken: snapshots it takes on; proved, found: of these, where it proves the gap, and holds a decision within the gap of the
    best bound that anyone proves; fastest: where nobody proves sooner; median_seconds, shifted_mean: of scored seconds (time
    limit where not proved); gap_left: mean of the clipped gap at the end; the integrals [s]: means.
    """
    first = (performance_ratios(by_snapshot(scores, "proved_seconds")) == 1.0).sum(axis=0)
    rows = [
        _summary(scores[scores["solver"] == solver]) | {"solver": solver, "fastest": int(count)}
        for solver, count in zip(dict.fromkeys(scores["solver"]), first, strict=True)
    ]
    best = scores.groupby("snapshot", sort=False)[list(SCORES)].min().assign(failed=0, unsupported=0, licence=0)
    rows.append(_summary(best) | {"solver": VIRTUAL_BEST, "fastest": math.nan})
    return pd.DataFrame(rows).set_index("solver").reset_index()


def family_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per family (or other group) and solver, with the columns of ``solver_table``."""
    rows = [
        {"group": group, "solver": solver} | _summary(here)
        for named, here in scores.groupby(["group", "solver"], sort=False)
        for group, solver in [cast(tuple[str, str], named)]
    ]
    return pd.DataFrame(rows)


def pair_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per ordered pair of solvers: factor, how many times longer the first takes than the second (geometric mean of
    ratios of scored seconds), and the snapshots that both take on."""
    wide = by_snapshot(scores, "scored")
    rows: list[dict[str, Any]] = []
    for solver in wide.columns:
        for other in wide.columns:
            factor, common = geometric_mean_ratio(wide[solver], wide[other])
            rows.append({"solver": solver, "other": other, "factor": factor, "snapshots": common})
    return pd.DataFrame(rows)


def _summary(scores: pd.DataFrame) -> dict[str, Any]:
    taken = scores[scores["scored"].notna()]
    return {
        "taken": len(taken),
        "proved": int(np.isfinite(taken["proved_seconds"]).sum()),
        "found": int(np.isfinite(taken["found_seconds"]).sum()),
        "failed": int((scores["failed"] > 0).sum()),
        "unsupported": int((scores["unsupported"] > 0).sum()),
        "licence": int((scores["licence"] > 0).sum()),
        "median_seconds": taken["scored"].median(),
        "shifted_mean": shifted_geometric_mean(taken["scored"]),
        "warning": weakness(len(taken), "snapshots"),
        **{name: taken[name].mean() for name in ("gap_left", "gap_integral", "primal_integral", "dual_integral")},
    }
