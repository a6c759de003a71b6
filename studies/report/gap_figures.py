"""The figures of the gap study. Gaps are never negative, since no policy beats the bound, so a logarithmic axis is honest."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from ..gap_table import PARTS, seed_gaps
from .style import label, look, merged

# The certificates' own relative gap: nothing below it can be told from optimal, so axes start there. Percent.
FLOOR = 0.01
TITLES = {"sum": "both parts", "local": "local part", "global": "global part"}


def gap_by_error(episodes: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Gap to the certified bound against the twin error, one panel per part: interquartile mean, 95 % band, seeds as dots."""
    policies, sigmas = _names(table, "policy"), _names(table, "sigma")
    figure = Figure(figsize=(10.5, 5.4), layout="constrained")
    panels = figure.subplots(1, len(PARTS), sharey=True)
    dots = seed_gaps(episodes)
    # Side by side within a twin error, so that equal gaps do not hide each other.
    closest = min(np.diff(sorted(sigmas)), default=1.0)
    dodge = closest * np.linspace(-0.15, 0.15, len(policies))
    for panel, part in zip(panels, PARTS, strict=True):
        for n, policy in enumerate(policies):
            rows = table[(table["policy"] == policy) & (table["part"] == part)]
            style = look(n)
            x = rows["sigma"] + dodge[n]
            low, high = _percent(rows["gap_low"]), _percent(rows["gap_high"])
            panel.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
            panel.plot(x, _percent(rows["gap"]), label=label(policy), markersize=5, linewidth=1.4, **style)
            seeds = dots[(dots["policy"] == policy) & (dots["part"] == part)]
            x = seeds["sigma"] + dodge[n]
            spots = {"color": style["color"], "markersize": 3, "alpha": 0.7, "rasterized": merged(len(dots))}
            panel.plot(x, _percent(seeds["gap"]), ".", **spots)
        panel.set_title(TITLES[part])
        panel.set_xticks(sigmas, [f"{100 * sigma:g} %" for sigma in sigmas])
        panel.set_xlabel("twin error σ")
        _gap_axis(panel, "y", table["gap_high"].max())
    panels[0].set_ylabel("gap to the certified bound (log scale)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, handlelength=3)
    return figure


def gap_distribution(episodes: pd.DataFrame) -> Figure:
    """Gap of every episode (both parts together), one panel per twin error: strip, middle half, median, seeds as dots."""
    policies, sigmas = _names(episodes, "policy"), _names(episodes, "sigma")
    total = episodes[episodes["part"] == "sum"]
    dots = seed_gaps(total)
    figure = Figure(figsize=(10.5, 0.9 + 0.36 * len(policies)), layout="constrained")
    panels = figure.subplots(1, len(sigmas), sharex=True, sharey=True, squeeze=False)[0]
    for panel, sigma in zip(panels, sigmas, strict=True):
        for n, policy in enumerate(policies):
            chosen = (total["policy"] == policy) & (total["sigma"] == sigma)
            gaps = _percent(total.loc[chosen, "gap"])
            if not len(gaps):
                continue
            colour = look(n)["color"]
            # A fixed pattern instead of random jitter: the same data give the same picture.
            spread = 0.26 * np.modf(np.arange(len(gaps)) * 0.618034)[0] - 0.38
            strip = {"color": colour, "markersize": 2.5, "alpha": 0.45, "markeredgewidth": 0, "rasterized": merged(len(total))}
            panel.plot(gaps, n + spread, ".", **strip)
            quarter, middle, three = np.quantile(gaps, [0.25, 0.5, 0.75])
            panel.plot([quarter, three], [n + 0.06, n + 0.06], color=colour, linewidth=4, alpha=0.55, solid_capstyle="butt")
            panel.plot([middle, middle], [n - 0.06, n + 0.18], color="black", linewidth=1)
            seeds = dots[(dots["policy"] == policy) & (dots["sigma"] == sigma)]
            height = np.full(len(seeds), n + 0.3)
            spots = {"color": colour, "markersize": 3.5, "markeredgecolor": "white", "rasterized": merged(len(dots))}
            panel.plot(_percent(seeds["gap"]), height, "o", **spots)
        panel.set_title(f"σ = {100 * sigma:g} %")
        panel.set_yticks(range(len(policies)), [label(policy) for policy in policies])
        panel.set_ylim(len(policies) - 0.4, -0.6)
        _gap_axis(panel, "x", total["gap"].max())
        panel.set_xlabel("gap (log scale)")
    return figure


def learning_curves(curves: pd.DataFrame, episodes: pd.DataFrame) -> Figure:
    """Utility of learners on the frozen epochs against updates, in percent of each seed's certified bound (the line at 100).

    Rows: local and global part; columns: twin errors. Seeds thin, means thick; certainty equivalence for comparison.
    """
    sigmas = _names(curves, "sigma")
    figure = Figure(figsize=(10.5, 5.2), layout="constrained")
    panels = figure.subplots(2, len(sigmas), sharex=True, sharey="row", squeeze=False)
    for row, part in zip(panels, ("local", "global"), strict=True):
        ours = episodes[episodes["part"] == part]
        # Every seed is another system with another optimum: in percent of its bound, seeds can be compared.
        bounds = ours.groupby("seed")["bound"].mean()
        least = 100.0
        for panel, sigma in zip(row, sigmas, strict=True):
            here = curves[curves["sigma"] == sigma]
            reached = 100.0 * here[f"{part}_utility"] / here["seed"].map(bounds)
            least = min(least, float(reached.min()))
            for place, learner in enumerate(_names(curves, "policy")):
                its, colour = here[here["policy"] == learner], look(place)["color"]
                for _, seed in its.groupby("seed"):
                    panel.plot(seed["update"], reached[seed.index], color=colour, linewidth=0.7, alpha=0.5)
                mean = reached[its.index].groupby(its["update"]).mean()
                panel.plot(mean.index, mean, color=colour, linewidth=2.2, label=f"{label(learner)}, mean (thin: seeds)")
            panel.axhline(100.0, color="black", linewidth=1.2, label="certified bound")
            rival = ours[(ours["policy"] == "certainty_equivalent") & (ours["sigma"] == sigma)]
            if len(rival):
                level = (100.0 * rival.groupby("seed")["utility"].mean() / bounds).mean()
                panel.axhline(level, color="grey", ls="--", label=label("certainty_equivalent"))
            panel.set_title(f"{TITLES[part]}, σ = {100 * sigma:g} %")
        # The first looks can be far below zero; they are cut, and the axis says so.
        bottom = max(least, -25.0)
        row[0].set_ylim(bottom - 0.05 * (100.0 - bottom), 100.0 + 0.06 * (100.0 - bottom))
        row[0].set_ylabel("utility, % of the bound" + (f"\n(cut; starts at {least:.0f} %)" if least < bottom else ""))
    for panel in panels[-1]:
        panel.set_xlabel("update")
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _names(table: pd.DataFrame, column: str) -> list[Any]:
    return list(dict.fromkeys(table[column]))


def _percent(gaps: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Percent, nothing below the axis."""
    return np.maximum(100.0 * gaps.to_numpy(dtype=np.float64), FLOOR)


def _gap_axis(panel: Axes, which: str, largest: float) -> None:
    axis = panel.xaxis if which == "x" else panel.yaxis
    (panel.set_xscale if which == "x" else panel.set_yscale)("log")
    high = max(1.6 * 100.0 * largest, 1.0)
    (panel.set_xlim if which == "x" else panel.set_ylim)(0.7 * FLOOR, high)
    axis.set_major_formatter(FuncFormatter(lambda value, _place: f"≤{value:g} %" if value <= FLOOR else f"{value:g} %"))
    axis.set_minor_formatter(NullFormatter())
    if which == "x":
        # Panels are narrow: every other decade gets a label.
        axis.set_major_locator(FixedLocator([FLOOR, 1.0, 100.0]))
