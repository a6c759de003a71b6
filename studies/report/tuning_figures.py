"""The figures of a tuning."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ..tuning.results import Tuning
from .style import COLOURS

STATES = {"complete": (COLOURS[0], "o", "complete"), "pruned": (COLOURS[8], "x", "pruned (gap when stopped)")}


def history(found: Tuning) -> Figure:
    """Gap of every trial and the best so far; the defaults as a line."""
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    panel = figure.subplots()
    for state, (colour, marker, name) in STATES.items():
        rows = [row for row in found.trials if row.state == state and row.gap is not None]
        panel.plot([row.slot for row in rows], [100.0 * (row.gap or 0.0) for row in rows], marker, color=colour, label=name)
    complete = [row for row in found.trials if row.state == "complete" and row.gap is not None]
    gaps = np.array([100.0 * (row.gap or 0.0) for row in complete])
    panel.step([row.slot for row in complete], np.minimum.accumulate(gaps), where="post", color=COLOURS[5], label="best so far")
    if complete and complete[0].slot == 0:
        panel.axhline(gaps[0], color="black", linestyle="--", linewidth=1.0, label="defaults (trial 0)")
    _gaps_against(panel, "trial")
    return figure


def curves(found: Tuning) -> Figure:
    """Gap of every trial while it trained; the best and the defaults stand out."""
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    panel = figure.subplots()
    updates = found.config.updates or 1
    every = max(1, -(-updates // found.config.looks))
    best = found.best
    for row in found.trials:
        x = np.minimum(every * (1 + np.arange(len(row.gaps))), updates)
        colour, width, order = COLOURS[8], 0.7, 1
        if row.slot == 0:
            colour, width, order = "black", 1.8, 2
        if best is not None and row.slot == best.slot:
            colour, width, order = COLOURS[5], 2.2, 3
        name = {2: "defaults (trial 0)", 3: "best"}.get(order)
        panel.plot(x, 100.0 * np.array(row.gaps), color=colour, linewidth=width, zorder=order, marker=".", label=name)
    _gaps_against(panel, "updates")
    return figure


def importances(found: Tuning) -> Figure:
    """Share of every parameter in what decides whether a trial is good."""
    ordered = sorted(found.importance.items(), key=lambda each: each[1])
    figure = Figure(figsize=(10.5, 0.9 + 0.24 * len(ordered)), layout="constrained")
    panel = figure.subplots()
    panel.set_axisbelow(True)
    panel.barh([name for name, _ in ordered], [share for _, share in ordered], color=COLOURS[0])
    panel.set_xlabel("importance (PED-ANOVA, sums to 1)")
    return figure


def _gaps_against(panel: Axes, over: str) -> None:
    """Axes of gaps: logarithmic, with plain numbers; the legend beside them."""
    panel.set_xlabel(over)
    panel.set_ylabel("gap to the certified bound [%]")
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    panel.set_yscale("log")
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    panel.yaxis.set_major_formatter(plain)
    panel.yaxis.set_minor_formatter(plain)
