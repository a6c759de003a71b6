"""The figures of a solver comparison's page, with what they say in words."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from functools import partial

from .comparison_content import ComparisonContent
from .comparison_figures import families_compared, performance_profiles, progress_over_time, traces_of_snapshots
from .page import Picture


def comparison_pictures(content: ComparisonContent) -> list[Picture]:
    """Profiles, gap against time, every snapshot, traces."""
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
