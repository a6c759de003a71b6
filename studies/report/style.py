"""How figures look: one colour, marker and line per policy, safe for colour-blind readers and in grey."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe and Ito's palette; a policy is told apart by its marker and line as well.
COLOURS = ("#0072B2", "#009E73", "#56B4E9", "#CC79A7", "#E69F00", "#D55E00", "#8C6D31", "#000000", "#7F7F7F", "#AAAA00")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "*")
LINES = ("-", "--", "-.", ":")
NAMES = {
    "mappo": "MAPPO",
    "mappo_paper": "MAPPO as printed",
    "ddqn": "DDQN",
    "ddpg": "DDPG",
    "a3c": "A3C",
    "oracle": "oracle (sees the truth)",
    "certainty_equivalent": "certainty equivalent",
    "static": "static (mean state)",
    "random_access": "random access",
    "fixed_cpu": "fixed CPU",
    "fixed_bandwidth": "fixed bandwidth",
    "equal_shares": "equal shares, full CPU",
    "random": "random decisions",
    "everything_off": "everything off",
}
# Elements with which a browser draws and scrolls without pause.
MARKS = 5000
SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    # Text stays text, and the same figure gives the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "twingap",
    # TrueType: journals refuse Type 3.
    "pdf.fonttype": 42,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save figures inside."""
    with mpl.rc_context(SETTINGS):
        yield


def merged(marks: int) -> bool:
    """Whether so many marks of a figure become one picture inside its SVG and PDF; else each is an element of its own."""
    return marks > MARKS


def label(policy: str) -> str:
    """What people read."""
    return NAMES.get(policy, policy.replace("_", " "))


def look(place: int) -> dict[str, str]:
    """Colour, marker and line of the policy at this place of the study's list."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": LINES[(place // 3) % len(LINES)],
    }


def as_svg(figure: Figure, title: str = "", about: str = "") -> str:
    """The figure as an SVG element, without XML prologue. about: what made it, kept in the file as its description."""
    stream = io.StringIO()
    said = {"Title": title, "Description": about} if about else {}
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None} | said)
    text = stream.getvalue()
    return text[text.index("<svg") :]


def as_png(figure: Figure, title: str = "", about: str = "") -> bytes:
    """The figure as PNG; title and about as in ``as_svg``."""
    stream = io.BytesIO()
    said = {"Title": title, "Description": about} if about else {}
    figure.savefig(stream, format="png", metadata={"Software": None} | said)
    return stream.getvalue()


def as_pdf(figure: Figure, title: str = "", about: str = "") -> bytes:
    """The figure as PDF with its text as text; title and about as in ``as_svg``."""
    stream = io.BytesIO()
    said = {"Title": title, "Subject": about} if about else {}
    figure.savefig(stream, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None} | said)
    return stream.getvalue()


def lay_out(figure: Figure) -> None:
    """Fix where everything stands, once for all formats."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
