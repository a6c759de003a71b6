"""The study of the paper's figures as a page and as lines on a terminal."""

from __future__ import annotations

from pathlib import Path

from .paper_figures_results import PaperResults
from .report.page import write_page
from .report.paper_page import paper_page


def write_paper_page(results: PaperResults, path: Path) -> None:
    """Write the page at ``path``, figures beside it."""
    write_page(paper_page(results, path.parent), path)


def claim_lines(results: PaperResults) -> list[str]:
    """Every claim with its verdict."""
    width = max(len(claim.verdict) for claim in results.claims)
    return [f"{claim.where:9s} {claim.verdict:{width}s}  {claim.text}" for claim in results.claims]
