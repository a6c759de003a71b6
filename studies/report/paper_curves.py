"""Figures 4 to 9 of the paper, with the certified bound: utility and gap against training episodes, delay against sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from ...opt.arrays import Floats
from ..paper_estimates import SWEPT, Found, Series
from ..verdicts import UNKNOWN, Estimate
from .gap_figures import FLOOR
from .style import label, look

# The utility axis starts no lower than this share of the bound; what lies below is named in the legend.
CUT = -0.25
PERCENT = 100.0
Look = dict[str, Any]


def looks_of(approaches: Sequence[str]) -> dict[str, Look]:
    """Colour, marker and line of every approach of a page, the same in all its figures."""
    return {approach: look(place) for place, approach in enumerate(approaches)}


def training_curves(
    found: Found, calibration: str, part: str, approaches: Sequence[str], sigmas: Sequence[float], styles: dict[str, Look]
) -> Figure:
    """Utility (above) and gap to the bound (below) against training episodes; a column per twin error. Thick: interquartile
    mean over episodes, with its band; thin: every seed. Approaches without a curve are level lines."""
    figure = Figure(figsize=(10.5 if len(sigmas) > 1 else 8.0, 7.0), layout="constrained")
    panels = figure.subplots(2, len(sigmas), sharex=True, sharey="row", squeeze=False)
    drawn: set[str] = set()
    for column, sigma in enumerate(sigmas):
        above, below = panels[0][column], panels[1][column]
        bound = UNKNOWN
        for approach in approaches:
            episodes, utility = found.looks(calibration, approach, sigma, part, "utility")
            _, gap = found.looks(calibration, approach, sigma, part, "gap")
            style = styles[approach]
            if len(episodes):
                bound = found.mean(
                    {s: each[-1] for s, each in found.looks(calibration, approach, sigma, part, "bound")[1].items()}
                )
                _curve(above, episodes, utility, found, style, approach, drawn, 1.0)
                _curve(below, episodes, gap, found, style, approach, drawn, PERCENT)
            else:
                _level(
                    above, found.mean(found.final(calibration, approach, sigma, part, "utility")), style, approach, drawn, 1.0
                )
                _level(
                    below, found.mean(found.final(calibration, approach, sigma, part, "gap")), style, approach, drawn, PERCENT
                )
        above.axhspan(bound.low, bound.high, color="black", alpha=0.07, linewidth=0)
        above.axhline(bound.value, color="black", linewidth=1.2, label="certified bound" if "bound" not in drawn else None)
        drawn.add("bound")
        error = "without error" if sigma == 0.0 else f"with error, σ = {100 * sigma:g} %"
        above.set_title(f"{part} part, {error}")
        below.set_xlabel("training episodes")
        _logarithmic(below, " %")
        low, high = above.get_ylim()
        above.set_ylim(max(low, CUT * bound.value), high)
    panels[0][0].set_ylabel("utility per epoch")
    panels[1][0].set_ylabel("gap to the certified bound (log scale)")
    _legend(figure, panels[0])
    return figure


def delay_against_size(
    found: Found, calibration: str, sweep: str, approaches: Sequence[str], styles: dict[str, Look]
) -> Figure:
    """Delay in both meanings, who finishes, and the gap to the bound at each size. Dots: every seed."""
    figure = Figure(figsize=(10.5, 7.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    who = "heads that finish" if SWEPT[sweep] == "local" else "APs whose block is confirmed"
    shown = (
        ("delay", f"mean delay of {who}, s (log scale)", 1.0, True),
        ("equal_delay", "delay of equal worth, s (log scale)", 1.0, True),
        ("finished", f"{who}, %", PERCENT, False),
        ("gap", "gap to the certified bound, % (log scale)", PERCENT, True),
    )
    drawn: set[str] = set()
    for panel, (column, title, factor, logarithmic) in zip(panels.flat, shown, strict=True):
        for approach in approaches:
            sizes, values = found.swept(calibration, approach, sweep, column)
            if len(sizes):
                _points(panel, sizes / 1e6, values, found, styles[approach], approach, drawn, factor)
        panel.set_title(title)
        if logarithmic:
            _logarithmic(panel)
    for panel in panels[1]:
        panel.set_xlabel("transaction size without the model, MB" if sweep == "transaction" else "block size, MB")
    _legend(figure, panels[0])
    return figure


def _curve(
    panel: Axes, x: Floats, series: Series, found: Found, style: Look, approach: str, drawn: set[str], factor: float
) -> None:
    """Thin lines per seed, thick line and band over all. factor: 100 for gaps, which are cut at the floor of their axis."""
    shown = [found.mean({seed: values[n] for seed, values in series.items()}) for n in range(len(x))]
    middle, low, high = (_shown([getattr(each, name) for each in shown], factor) for name in ("value", "low", "high"))
    for n in range(len(shown[-1].seeds)):
        panel.plot(x, _shown([each.seeds[n] for each in shown], factor), color=style["color"], linewidth=0.5, alpha=0.45)
    panel.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
    every = max(1, len(x) // 6)
    panel.plot(x, middle, label=_once(approach, drawn), markersize=4.5, linewidth=1.6, markevery=every, **style)


def _level(panel: Axes, estimate: Estimate, style: Look, approach: str, drawn: set[str], factor: float) -> None:
    """A level line: nothing is learnt. Its legend says the level, which may lie below a cut axis."""
    if np.isnan(estimate.value):
        return
    level, low, high = _shown([estimate.value, estimate.low, estimate.high], factor)
    words = _once(approach, drawn)
    if words is not None:
        words = f"{words} ({level:.0f})"
    panel.axhspan(low, high, color=style["color"], alpha=0.18, linewidth=0)
    panel.axhline(level, color=style["color"], linestyle=":", linewidth=1.6, label=words)


def _points(
    panel: Axes, x: Floats, series: Series, found: Found, style: Look, approach: str, drawn: set[str], factor: float
) -> None:
    """Line and band over all, a dot per seed."""
    shown = [found.mean({seed: values[n] for seed, values in series.items()}) for n in range(len(x))]
    middle, low, high = (_shown([getattr(each, name) for each in shown], factor) for name in ("value", "low", "high"))
    panel.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
    panel.plot(x, middle, label=_once(approach, drawn), markersize=4.5, linewidth=1.4, **style)
    for place, each in zip(x, shown, strict=True):
        seeds = _shown(each.seeds, factor)
        panel.plot(np.full(len(seeds), place), seeds, ".", color=style["color"], markersize=3, alpha=0.6)


def _shown(values: Sequence[float], factor: float) -> Floats:
    """In the axis' unit; percent not below the floor."""
    scaled = factor * np.array(values)
    return np.maximum(scaled, FLOOR) if factor == PERCENT else scaled


def _logarithmic(panel: Axes, unit: str = "") -> None:
    """Vertical axis with plain numbers at 1, 2 and 5 of each decade."""
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(lambda value, _place: f"{value:g}{unit}")
    panel.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    panel.yaxis.set_minor_formatter(lambda value, _place: f"{value:g}{unit}")


def _once(approach: str, drawn: set[str]) -> str | None:
    """The label, the first time."""
    if approach in drawn:
        return None
    drawn.add(approach)
    return label(approach)


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    handles, labels = [], []
    for panel in panels:
        more, words = panel.get_legend_handles_labels()
        handles += more
        labels += words
    figure.legend(handles, labels, loc="outside lower center", ncols=4, handlelength=3)
