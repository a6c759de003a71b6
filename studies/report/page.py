"""One self-contained HTML page: figures inline, nothing to fetch. Figures also beside it as PNG and SVG."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ...opt.errors import InputError
from ...opt.files import write_atomically
from ..machine import describe_machine
from .figures import gap_by_error, gap_distribution, learning_curves
from .style import as_png, as_svg, figure_style, label

CAPTIONS = {
    "gap": "Gap to the certified bound against the twin error. Lines: interquartile mean over episodes; bands: 95 % stratified "
    "bootstrap; dots: each seed alone. Policies are set slightly apart at each twin error.",
    "learning": "Learning curves: utility on the frozen evaluation epochs (looked at, not used to choose anything), in percent "
    "of each seed's certified bound, which no line can cross.",
    "distribution": "Gap of every episode, both parts together. Small points: episodes; bar: middle half; stroke: median; "
    "round dots: each seed's interquartile mean.",
}


@dataclass(frozen=True, eq=False)
class Content:
    """What the page shows. episodes, table: see ``gap_table``; settings: shown as they are; curves, cells, failures: of a study
    (empty for a measurement)."""

    episodes: pd.DataFrame
    table: pd.DataFrame
    settings: Mapping[str, Any]
    level: float = 0.95
    replicates: int = 2000
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: pd.DataFrame = field(default_factory=pd.DataFrame)


def write_page(content: Content, path: Path) -> None:
    """Write the page at ``path`` and every figure beside it (NAME-gap.svg, NAME-gap.png ...). Raises InputError."""
    if path.is_dir():
        raise InputError("is a directory; give a file name", source=str(path))
    with figure_style():
        figures = draw_figures(content)
        drawn = {name: as_svg(figure) for name, figure in figures.items()}
        for name, figure in figures.items():
            write_atomically(path.with_name(f"{path.stem}-{name}.svg"), drawn[name])
            write_atomically(path.with_name(f"{path.stem}-{name}.png"), as_png(figure))
    write_atomically(path, render(content, drawn))


def draw_figures(content: Content) -> dict[str, Figure]:
    """Every figure by name."""
    figures = {"gap": gap_by_error(content.episodes, content.table)}
    if len(content.curves):
        figures["learning"] = learning_curves(content.curves, content.episodes)
    figures["distribution"] = gap_distribution(content.episodes)
    return figures


def render(content: Content, drawn: Mapping[str, str]) -> str:
    """The page as text; ``drawn``: figures as SVG elements."""
    loader = PackageLoader("twingap.studies.report", package_path="")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    table = content.table
    return environment.get_template("page.html").render(
        figures=[(name, CAPTIONS[name], Markup(svg)) for name, svg in drawn.items()],
        # Our own drawings; everything else on the page is escaped.
        sigmas=list(dict.fromkeys(table["sigma"])),
        rows=summary(table),
        details=[{**row, "policy": label(row["policy"])} for row in table.to_dict("records")],
        settings=content.settings,
        level=100.0 * content.level,
        replicates=content.replicates,
        seeds=int(table["seeds"].max()),
        episodes=int(table["episodes"].max()),
        worst_certificate=_worst_certificate(content.episodes),
        machine=_machine(content),
        seconds=float(content.cells["seconds"].sum()) if len(content.cells) else None,
        code=sorted(set(content.cells["code"])) if len(content.cells) else [],
        failures=content.failures.to_dict("records"),
    )


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per policy with the gaps of the sum at every twin error, in the table's order."""
    rows: list[dict[str, Any]] = []
    total = table[table["part"] == "sum"]
    for policy in dict.fromkeys(total["policy"]):
        gaps = {row["sigma"]: row for row in total[total["policy"] == policy].to_dict("records")}
        rows.append({"policy": label(str(policy)), "gaps": gaps})
    return rows


def _worst_certificate(episodes: pd.DataFrame) -> float:
    """Largest relative gap between bound and incumbent over episodes of the sum."""
    total = episodes[episodes["part"] == "sum"]
    return float(((total["bound"] - total["incumbent"]) / total["incumbent"].abs().clip(lower=1e-9)).max())


def _machine(content: Content) -> dict[str, str]:
    known = describe_machine()
    if not len(content.cells):
        return known
    return {name: "; ".join(sorted(set(content.cells[name].astype(str)))) for name in known}
