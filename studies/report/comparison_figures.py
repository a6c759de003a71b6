"""The figures of the solver comparison. Every solver keeps its colour, marker and line in all of them."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from ...opt.arrays import Floats
from ..performance_statistics import performance_ratios, share_within
from ..solver_comparison_tables import by_snapshot
from ..solver_traces import NOTHING, Trace, gap_at
from .style import label, look, merged

# Left end of time axes [s]: nothing that is compared takes less.
SHORTEST = 1e-3
# Narrowest gap that is drawn (relative).
NARROWEST = 1e-6
GOALS = {"proved_seconds": "gap proved", "found_seconds": "decision found"}


def performance_profiles(scores: pd.DataFrame) -> Figure:
    """Dolan-More profiles, one panel per goal: share of a solver's snapshots done within a factor of the fastest solver."""
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    panels = figure.subplots(1, len(GOALS), sharex=True, sharey=True)
    ratios = {column: performance_ratios(by_snapshot(scores, column)) for column in GOALS}
    finite = [values[np.isfinite(values)] for values in ratios.values()]
    widest = max((float(each.max()) for each in finite if len(each)), default=1.0)
    limits = np.geomspace(1.0, max(10.0, 2.0 * widest), 400)
    solvers = list(by_snapshot(scores, "scored").columns)
    for panel, (column, title) in zip(panels, GOALS.items(), strict=True):
        for n, solver in enumerate(solvers):
            _step(panel, limits, 100.0 * share_within(ratios[column][:, n], limits), n, _counted(scores, solver))
        panel.set_xscale("log")
        panel.set_ylim(-2.0, 103.0)
        panel.set_title(title)
        panel.set_xlabel("time as a multiple of the fastest solver's (log scale)")
        panel.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _place: f"{value:g}×" if value < 1e4 else _power(value, "×"))
        )
    panels[0].set_ylabel("share of the snapshots it takes on, %")
    _legend(figure, panels[0])
    return figure


def progress_over_time(runs: pd.DataFrame, traces: Mapping[tuple[str, str], Trace], time_limit: float) -> Figure:
    """Left: mean over a solver's runs of the gap between its own bound and its own decision; right: share proved by then."""
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    gap, proved = figure.subplots(1, 2)
    times = np.geomspace(SHORTEST, time_limit, 300)
    for n, solver in enumerate(dict.fromkeys(runs["solver"])):
        taken = runs[(runs["solver"] == solver) & runs["scored"].notna()]
        if taken.empty:
            continue
        curves = [gap_at(traces.get((row["snapshot"], row["run"]), NOTHING), times) for row in taken.to_dict("records")]
        name = f"{label(solver)} ({len(taken)} runs)"
        _step(gap, times, 100.0 * np.mean(curves, axis=0), n, name)
        _step(proved, times, 100.0 * share_within(taken["proved_seconds"], times), n, name)
    gap.set_title("mean gap (bound against own decision)")
    gap.set_ylabel("gap, % (100 while there is no bound)")
    proved.set_title("share of the snapshots proved by then")
    proved.set_ylabel("proved, %")
    for panel in (gap, proved):
        panel.set_ylim(-2.0, 103.0)
        _time_axis(panel, time_limit)
    _legend(figure, gap)
    return figure


def traces_of_snapshots(
    runs: pd.DataFrame, traces: Mapping[tuple[str, str], Trace], shown: Sequence[str], asked: float, time_limit: float
) -> Figure:
    """One panel per snapshot: bounds fall from above, decisions rise from below, towards the best decision that anyone holds.

    y: (bound or objective - P) / |P| in percent on a scale that is linear within the asked gap and logarithmic outside.
    """
    columns = 4
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(11.5, 1.0 + 2.1 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    solvers = list(dict.fromkeys(runs["solver"]))
    for panel, snapshot in zip(panels, shown, strict=False):
        here = runs[(runs["snapshot"] == snapshot) & runs["scored"].notna()]
        # The first seed of a solver that draws.
        for row in here.drop_duplicates("solver").to_dict("records"):
            trace = traces.get((snapshot, row["run"]))
            if trace is not None:
                _draw_trace(panel, trace, row["best_objective"], solvers.index(row["solver"]), time_limit)
        panel.axhspan(-100.0 * asked, 100.0 * asked, color="#EDEDED", zorder=0, linewidth=0)
        panel.set_title(snapshot.removeprefix("family-"), fontsize=9)
        _time_axis(panel, time_limit, named=False)
        panel.set_yscale("symlog", linthresh=100.0 * asked, linscale=0.6)
        panel.set_ylim(-160.0, 160.0)
        ticks = [-100.0, -1.0, 0.0, 1.0, 100.0]
        panel.yaxis.set_major_locator(FixedLocator(ticks))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:+g} %" if value else "0"))
        panel.yaxis.set_minor_locator(NullLocator())
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    for panel in panels[max(0, len(shown) - columns) : len(shown)]:
        panel.set_xlabel("seconds (log scale)")
        # Those above an empty panel have no one below to show the times for them.
        panel.tick_params(labelbottom=True)
    figure.supylabel("distance to the best decision, % of it", fontsize=9)
    handles = [Line2D([], [], color=look(n)["color"], label=label(solver)) for n, solver in enumerate(solvers)]
    kinds = [
        Line2D([], [], color="#444444", linestyle=style, label=text) for text, style in (("decision", "-"), ("bound", "--"))
    ]
    figure.legend(handles=[*handles, *kinds], loc="outside lower center", ncols=len(handles) + 2, handlelength=2.2)
    return figure


def families_compared(scores: pd.DataFrame, asked: float, time_limit: float) -> Figure:
    """Every snapshot of every family: seconds until the gap was proved, and the gap that was left; hollow: not proved."""
    groups = list(dict.fromkeys(scores["group"]))
    solvers = list(dict.fromkeys(scores["solver"]))
    figure = Figure(figsize=(10.5, 1.4 + 0.5 * len(groups)), layout="constrained")
    seconds, gap = figure.subplots(1, 2, sharey=True)
    dodge = np.linspace(-0.32, 0.32, len(solvers))
    together = merged(2 * len(scores))
    for n, solver in enumerate(solvers):
        style = look(n)
        taken = scores[(scores["solver"] == solver) & scores["scored"].notna()]
        proved = np.isfinite(taken["proved_seconds"])
        for rows, fill in ((taken[proved], style["color"]), (taken[~proved], "white")):
            height = rows["group"].map(groups.index) + dodge[n]
            point: dict[str, Any] = {"marker": style["marker"], "color": style["color"], "markerfacecolor": fill}
            point |= {"linestyle": "", "markersize": 5, "rasterized": together}
            seconds.plot(np.maximum(rows["scored"], SHORTEST), height, **point)
            gap.plot(100.0 * np.maximum(rows["gap_left"], NARROWEST), height, **point)
    for line in range(1, len(groups)):
        for panel in (seconds, gap):
            panel.axhline(line - 0.5, color="#D5D5D5", linewidth=0.8)
    seconds.set_yticks(range(len(groups)), [label(group) for group in groups])
    seconds.set_ylim(len(groups) - 0.5, -0.5)
    for panel in (seconds, gap):
        panel.grid(visible=False, axis="y")
        panel.tick_params(axis="y", length=0)
    _time_axis(seconds, time_limit)
    seconds.set_title("time to prove the gap")
    gap.set_title("gap that was left")
    gap.set_xscale("log")
    gap.set_xlim(70.0 * NARROWEST, 160.0)
    gap.axvline(100.0 * asked, color="#444444", linewidth=1, linestyle=":")
    gap.xaxis.set_major_formatter(FuncFormatter(_gap_text))
    gap.xaxis.set_minor_formatter(NullFormatter())
    gap.set_xlabel("gap at the end (log scale); dotted: asked for")
    handles = [_marker(n, label(solver), hollow=False) for n, solver in enumerate(solvers)]
    hollow = Line2D([], [], marker="o", color="#444444", markerfacecolor="white", linestyle="", label="not proved in time")
    figure.legend(handles=[*handles, hollow], loc="outside lower center", ncols=len(handles) + 1, handletextpad=0.2)
    return figure


def _draw_trace(panel: Axes, trace: Trace, best: float, place: int, time_limit: float) -> None:
    """Bound dashed, objective solid, from the moment there is one to the time limit."""
    scale = max(abs(best), 1e-9)
    seconds = np.append(np.clip(trace.seconds, SHORTEST, time_limit), time_limit)
    for values, style in ((trace.bound, "--"), (trace.objective, "-")):
        shown = np.clip(100.0 * (np.append(values, values[-1]) - best) / scale, -150.0, 150.0)
        shown = np.where(np.isfinite(np.append(values, values[-1])), shown, np.nan)
        panel.plot(seconds, shown, style, color=look(place)["color"], linewidth=1.3, drawstyle="steps-post")


def _counted(scores: pd.DataFrame, solver: str) -> str:
    here = scores[scores["solver"] == solver]
    return f"{label(solver)} ({int(here['scored'].notna().sum())} of {len(here)})"


def _step(panel: Axes, x: Floats, y: Floats, place: int, name: str) -> None:
    style = look(place)
    panel.plot(x, y, drawstyle="steps-post", color=style["color"], linestyle=style["linestyle"], linewidth=1.8, label=name)


def _time_axis(panel: Axes, time_limit: float, named: bool = True) -> None:
    panel.set_xscale("log")
    panel.set_xlim(0.8 * SHORTEST, 1.3 * time_limit)
    panel.xaxis.set_major_locator(FixedLocator([t for t in (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0) if t <= time_limit]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    if named:
        panel.set_xlabel("seconds (log scale)")


def _legend(figure: Figure, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(handles)), handlelength=3)


def _marker(place: int, name: str, *, hollow: bool) -> Line2D:
    style: dict[str, Any] = look(place) | {"linestyle": ""}
    return Line2D([], [], label=name, markerfacecolor="white" if hollow else style["color"], **style)


def _gap_text(value: float, _place: Any) -> str:
    text = f"{value:g} %" if value >= 1e-3 else f"{_power(value, '')} %"
    return f"≤{text}" if value <= 100.0 * NARROWEST else text


def _power(value: float, unit: str) -> str:
    return f"$10^{{{round(math.log10(value))}}}${unit}"
