"""One self-contained HTML page, whatever the study: sections of text, tables that sort, figures and downloads.

Nothing is fetched: figures are inline SVG (SVG, PNG and PDF also lie beside the page), small tables are embedded, large ones
are files beside it. What a study shows is its own business (``gap_page``, ``comparison_page``); how a page is built is here.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from ...opt.files import is_stream, write_atomically, written_together
from ..csv_text import csv_text
from ..machine import describe_machine
from .origin import Origin
from .style import as_pdf, as_png, as_svg, figure_style, lay_out

# Words longer than this may break into lines.
LONG = 40
# Rows that a table shows at a time; a script turns the pages of longer ones.
ROWS = 200
# Failures told on top of the page; a table holds all.
TOLD = 20
# Values of a table that is embedded in the page; larger ones are files beside it.
EMBEDDED = 100_000


@dataclass(frozen=True)
class Text:
    """A paragraph; a plain string is escaped, Markup is not. note: in small print; warning: in a frame."""

    text: str
    note: bool = False
    warning: bool = False
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Column:
    """key: of the rows' values; title: heading with unit; show: how a value is written (missing numbers are left empty);
    help: shown when the pointer rests on the heading; words: whether it holds words, which stand left, and not numbers."""

    key: str
    title: str
    show: Callable[[Any], str] = str
    help: str = ""
    words: bool = False

    def cell(self, row: Mapping[str, Any]) -> tuple[str, str, str]:
        """(what people read, what the table sorts by, how it is set)."""
        value = row.get(self.key)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "", "", ""
        text = self.show(value)
        return text, str(value), "words long" if self.words and len(text) > LONG else "words" if self.words else ""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of values by column key; headings sort when ``sorts``. note: small print below."""

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""
    sorts: bool = True
    kind: ClassVar[str] = "table"

    def rest(self) -> Markup:
        """The rows after the first ``ROWS`` as JSON for the script: per cell text, what it sorts by, how it is set."""
        rows = [[[str(escape(text)), value, kind] for text, value, kind in row] for row in self.cells()[ROWS:]]
        # No "<" in a script's data: none of them can end it.
        return Markup(json.dumps(rows).replace("<", "\\u003c"))

    def cells(self) -> list[list[tuple[str, str, str]]]:
        """Every cell as (text, sort value, class)."""
        return [[column.cell(row) for column in self.columns] for row in self.rows]


@dataclass(frozen=True, eq=False)
class Picture:
    """name: of the files beside the page; draw: makes the figure, inside the page's figure style; caption: how to read it;
    alt: what it shows, for readers who cannot see it."""

    name: str
    draw: Callable[[], Figure]
    title: str
    caption: str
    alt: str
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Download:
    """A file. name: what it is saved as; text: a line about it; content: embedded in the page, None for a file beside it."""

    name: str
    content: str | None
    text: str
    kind: ClassVar[str] = "download"

    @property
    def address(self) -> str:
        """The content as a data URL, or where the file lies."""
        if self.content is None:
            return quote(self.name)
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(self.content.encode()).decode()


@dataclass(frozen=True, eq=False)
class Section:
    """A heading and what lies under it; without a title it opens the page."""

    title: str
    blocks: Sequence[Text | Table | Picture | Download]

    @property
    def anchor(self) -> str:
        """Name that links lead to."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True, eq=False)
class Page:
    """title: of the browser's tab; heading: what the page answers; failures: cells that failed (cell, error), told first, with
    what that means for the numbers; origin: what made the numbers, in every figure's caption and files."""

    title: str
    heading: str
    sections: Sequence[Section]
    failures: Sequence[Mapping[str, str]] = field(default=())
    failures_mean: str = "the numbers below leave them out"
    origin: Origin | None = None


def write_page(page: Page, path: Path) -> None:
    """Write the page at ``path`` and every figure beside it (NAME-gap.svg, .png, .pdf ...), all or nothing. Beside a pipe or
    a device nothing can lie: it gets the page, which holds all figures. Raises InputError."""
    if is_stream(path):
        drawn = {picture.name: svg for picture, svg, _, _ in _drawn(page)}
        write_atomically(path, render(page, drawn, path.stem))
        return
    drawn = {}
    with written_together(path.parent, last=path.name) as beside:
        for picture, svg, png, pdf in _drawn(page):
            drawn[picture.name] = svg
            for ending, content in (("svg", svg), ("png", png), ("pdf", pdf)):
                write_atomically(beside / f"{path.stem}-{picture.name}.{ending}", content)
        write_atomically(beside / path.name, render(page, drawn, path.stem))


def _drawn(page: Page) -> Iterator[tuple[Picture, str, bytes, bytes]]:
    """Every picture as SVG, PNG and PDF."""
    about = "" if page.origin is None else page.origin.line
    with figure_style():
        for block in (block for section in page.sections for block in section.blocks):
            if isinstance(block, Picture):
                figure = block.draw()
                lay_out(figure)
                title = block.title
                yield block, as_svg(figure, title, about), as_png(figure, title, about), as_pdf(figure, title, about)


def render(page: Page, drawn: Mapping[str, str], stem: str) -> str:
    """The page as text; ``drawn``: figures by name as SVG elements; stem: of the page's file name and those of the figures."""
    loader = PackageLoader("twingap.studies.report", package_path="")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # Our own drawings; everything else on the page is escaped.
    shown = {name: Markup(svg) for name, svg in drawn.items()}
    return environment.get_template("page.html").render(page=page, drawn=shown, stem=quote(stem), most=ROWS, told=TOLD)


def data_section(tables: Mapping[str, pd.DataFrame], directory: Path | None) -> Section:
    """Every table that has rows as a download. directory: where the page is written and the study's tables lie (NAME.csv,
    NAME.parquet); None: all are embedded."""
    blocks: list[Download] = []
    for name, table in ((name, table) for name, table in tables.items() if len(table)):
        size = f"{len(table):,} rows, {len(table.columns)} columns"
        beside = directory is not None and table.size > EMBEDDED
        blocks.append(Download(f"{name}.csv", None if beside else csv_text(table), f"{size}{', beside this page' * beside}"))
        if directory is not None and (directory / f"{name}.parquet").exists():
            blocks.append(Download(f"{name}.parquet", None, "the same as Parquet, beside this page"))
    return Section("Data", blocks)


def settings_section(settings: Mapping[str, Any], cells: pd.DataFrame) -> Section:
    """How and where the numbers were made. cells: of a study (seconds, code and machine of every record), empty otherwise."""
    machine = describe_machine()
    shown = dict(settings)
    if len(cells):
        shown |= {name: "; ".join(sorted(set(cells[name].astype(str)))) for name in machine}
        shown["code"] = ", ".join(sorted(set(cells["code"])))
        shown["time of all cells"] = f"{sum(cells['seconds'].tolist()):.0f} s"
    else:
        shown |= machine
    rows = [{"name": name, "value": str(value)} for name, value in shown.items()]
    return Section(
        "Settings and machine", [Table([Column("name", "setting"), Column("value", "value", words=True)], rows, sorts=False)]
    )


def fixed(digits: int, factor: float = 1.0) -> Callable[[float], str]:
    """Numbers with this many digits after the point, times ``factor``."""
    return lambda value: f"{factor * value:.{digits}f}"
