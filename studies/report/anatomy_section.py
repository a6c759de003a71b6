"""What every gap is made of: the stacked figure over the twin error, its numbers and how to read them."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..few_seeds import marked
from ..gap_anatomy import Anatomy
from .interval import WithInterval, percent_with_interval
from .page import Column, Picture, Section, Table, Text, fixed
from .style import label

COLUMNS = 4
COLOURS = {"slack": "#000000", "twin": "#E69F00", "own": "#0072B2"}
TITLES = {"slack": "solver slack", "twin": "twin's error", "own": "policy's own"}
MEANING = Markup(
    "The gap of every policy, split on the same epochs and the same twin errors. <strong>Solver slack</strong>: bound minus "
    "incumbent, what the certificate leaves open. <strong>Twin's error</strong>: certainty equivalent against oracle, what "
    "the error costs the certified solver when it trusts the twin; the same for every policy. <strong>Policy's own</strong>: "
    "the rest. At σ = 0 it is what the policy loses on the truth. Negative, it is what the policy saves of the twin's cost: it "
    "loses less than a perfect optimiser that trusts the twin. The oracle never sees the twin, so it saves all of it; a policy "
    "that ignores the twin has one gap at every σ, so its own part falls as the twin's cost rises."
)
NOTE = (
    "Percent of the optimum, local and global part together; intervals in brackets. The three add up to the gap: solver slack "
    "and the twin's cost are interquartile means like the gap, the own part is what remains. A study writes the same for the "
    "local and the global part alone into gap_anatomy.csv, and for every episode into episodes_anatomy.csv."
)


def anatomy_section(anatomy: Anatomy, level: float) -> Section:
    """The section; says what is missing for the split where something is."""
    blocks: list[Text | Table | Picture] = []
    if anatomy.missing:
        blocks.append(Text(f"Left out below: gaps whose split needs what is missing. {'; '.join(anatomy.missing)}."))
    if len(anatomy.table):
        picture = Picture(
            "anatomy",
            partial(stacked_gaps, anatomy.table),
            "What the gap is made of",
            "Bars: solver slack (invisible where certificates are tight), the twin's error and the policy's own, stacked; "
            "hatched, below zero: what the policy saves of the twin's cost. Dots: the gap, which is their sum, with its "
            f"{100 * level:g} % interval. Local and global part together. Every panel has its own scale.",
            "Stacked bars of the three shares of every policy's gap over the twin error; the table below holds the numbers.",
        )
        blocks += [Text(MEANING), picture, _numbers(anatomy.table)]
    return Section("What the gap is made of", blocks)


def stacked_gaps(table: pd.DataFrame) -> Figure:
    """One panel per policy, one stack per twin error: the shares of the gap of both parts together, and the gap as a dot."""
    total = table[table["part"] == "sum"]
    policies, sigmas = list(dict.fromkeys(total["policy"])), list(dict.fromkeys(total["sigma"]))
    rows = -(-len(policies) // COLUMNS)
    figure = Figure(figsize=(10.5, 0.6 + 2.1 * rows), layout="constrained")
    panels = figure.subplots(rows, min(COLUMNS, len(policies)), squeeze=False).ravel()
    for place, (panel, policy) in enumerate(zip(panels, policies, strict=False)):
        mine = total[total["policy"] == policy].set_index("sigma").reindex(sigmas)
        x = np.arange(len(sigmas))
        above = np.zeros(len(sigmas))
        for share, colour in COLOURS.items():
            height = _percent(mine[share])
            positive = np.maximum(height, 0.0)
            panel.bar(x, positive, 0.62, bottom=above, color=colour)
            below = np.minimum(height, 0.0)
            panel.bar(x, below, 0.62, facecolor="white", edgecolor=colour, hatch="////", linewidth=0.8)
            above = above + positive
        gap = _percent(mine["gap"])
        around = np.maximum([gap - _percent(mine["gap_low"]), _percent(mine["gap_high"]) - gap], 0.0)
        panel.errorbar(x, gap, around, fmt="o", color="black", markerfacecolor="white", markersize=4.5, linewidth=1.2)
        panel.axhline(0.0, color="black", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.use_sticky_edges = False
        panel.margins(y=0.06)
        panel.set_title(label(policy))
        panel.set_xlabel("twin error σ" if place + COLUMNS >= len(policies) else "")
        panel.set_ylabel("" if place % COLUMNS else "% of the optimum")
        panel.set_xticks(x, [f"{100 * sigma:g} %" for sigma in sigmas])
        panel.yaxis.set_major_formatter(lambda value, _place: f"{value:g} %")
    for panel in panels[len(policies) :]:
        panel.set_axis_off()
    handles: list[Any] = [Patch(color=colour, label=TITLES[share]) for share, colour in COLOURS.items()]
    saved = Patch(facecolor="white", edgecolor=COLOURS["own"], hatch="////", label="saved of the twin's cost (own < 0)")
    dots = panels[0].plot([], [], "o", color="black", markerfacecolor="white", markersize=4.5, label="gap to the bound")
    figure.legend(handles=[*handles, saved, *dots], loc="outside lower center", ncols=5)
    return figure


def _numbers(table: pd.DataFrame) -> Table:
    rows: list[dict[str, Any]] = []
    for row in table[table["part"] == "sum"].to_dict("records"):
        shares = {name: WithInterval.of(row, name) for name in ("gap", "twin", "own")}
        rows.append({str(key): value for key, value in row.items()} | shares)
    columns = [
        Column("policy", "policy", label),
        Column("sigma", "σ", lambda sigma: f"{sigma:g}"),
        Column("gap", "gap to bound %", percent_with_interval(2)),
        Column("slack", "= solver slack %", fixed(4, 100)),
        Column("twin", "+ twin's error %", percent_with_interval(2)),
        Column("own", "+ policy's own %", percent_with_interval(2)),
        Column("seeds", "seeds", marked),
        Column("episodes", "episodes"),
    ]
    return Table(columns, rows, NOTE)


def _percent(shares: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    return 100.0 * shares.to_numpy(dtype=np.float64)
