"""One self-contained HTML page, whatever the study: sections of text, tables that sort, figures and downloads.

Nothing is fetched: figures are inline SVG (PNG and SVG also lie beside the page), data are embedded. What a study shows is
its own business (``gap_page``, ``comparison_page``); how a page is built is here, once.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ...opt.errors import InputError
from ...opt.files import write_atomically
from ..machine import describe_machine
from .style import as_png, as_svg, figure_style, lay_out

# Words longer than this may break into lines.
LONG = 40


@dataclass(frozen=True)
class Text:
    """A paragraph; a plain string is escaped, Markup is not. note: in small print."""

    text: str
    note: bool = False
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
    """A file embedded in the page. name: what it is saved as; text: a line about it."""

    name: str
    content: str
    text: str
    kind: ClassVar[str] = "download"

    @property
    def address(self) -> str:
        """The content as a data URL."""
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
    what that means for the numbers."""

    title: str
    heading: str
    sections: Sequence[Section]
    failures: Sequence[Mapping[str, str]] = field(default=())
    failures_mean: str = "the numbers below leave them out"


def write_page(page: Page, path: Path) -> None:
    """Write the page at ``path`` and every figure beside it (NAME-gap.svg, NAME-gap.png ...). Raises InputError."""
    if path.is_dir():
        raise InputError("is a directory; give a file name", source=str(path))
    drawn: dict[str, str] = {}
    with figure_style():
        for block in (block for section in page.sections for block in section.blocks):
            if isinstance(block, Picture):
                figure = block.draw()
                lay_out(figure)
                drawn[block.name] = as_svg(figure)
                write_atomically(path.with_name(f"{path.stem}-{block.name}.svg"), drawn[block.name])
                write_atomically(path.with_name(f"{path.stem}-{block.name}.png"), as_png(figure))
    write_atomically(path, render(page, drawn))


def render(page: Page, drawn: Mapping[str, str]) -> str:
    """The page as text; ``drawn``: figures by name as SVG elements."""
    loader = PackageLoader("twingap.studies.report", package_path="")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # Our own drawings; everything else on the page is escaped.
    return environment.get_template("page.html").render(page=page, drawn={name: Markup(svg) for name, svg in drawn.items()})


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
