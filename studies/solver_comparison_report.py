"""The comparison's results as a page and as lines on a terminal."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import json
from pathlib import Path

from ..opt.registry import registered_solvers
from .report.comparison_content import ComparisonContent
from .report.comparison_page import comparison_page
from .report.origin import Origin, seeds_in_words
from .report.page import data_section, write_page
from .solver_comparison_config import ComparisonConfig
from .solver_comparison_results import ComparisonResults, comparison_tables
from .study_file import CONFIG


def write_comparison_page(results: ComparisonResults, path: Path) -> None:
    """Write the page at ``path``, figures beside it."""
    write_page(comparison_page(comparison_content(results, path.parent)), path)


def comparison_content(results: ComparisonResults, directory: Path) -> ComparisonContent:
    """What the page shows of a study. directory: where it is written, beside the study's tables."""
    config = results.config
    return ComparisonContent(
        runs=results.runs,
        traces=results.traces,
        scores=results.scores,
        solvers=results.solvers,
        families=results.families,
        pairs=results.pairs,
        bounds=results.bounds,
        cells=results.cells,
        failures=results.failures,
        about=_about(results),
        gap=config.gap,
        time_limit=config.time_limit,
        settings=_settings(config),
        origin=Origin(f"twingap study solver_comparison --config {CONFIG}", _drawn(config)),
        data=data_section(comparison_tables(results), directory),
    )


def comparison_lines(results: ComparisonResults) -> list[str]:
    """One line per solver with its scores, then whether any bound is contradicted."""
    limit, gap = results.config.time_limit, results.config.gap
    lines = [
        f"{results.runs['snapshot'].nunique()} snapshots, gap {gap:g}, time limit {limit:g} s",
        f"{'solver':15s}{'takes on':>9s}{'proved':>8s}{'found':>7s}{'failed':>8s}{'fastest':>9s}{'median s':>10s}"
        f"{'shifted s':>11s}{'gap left %':>12s}{'gap int. s':>12s}{'primal int.':>13s}{'dual int.':>11s}",
    ]
    for row in results.solvers.to_dict("records"):
        fastest = "" if row["fastest"] != row["fastest"] else f"{row['fastest']:.0f}"
        lines.append(
            f"{row['solver']:15s}{row['taken']:9d}{row['proved']:8d}{row['found']:7d}{row['failed']:8d}{fastest:>9s}"
            f"{row['median_seconds']:10.3f}{row['shifted_mean']:11.2f}{100 * row['gap_left']:12.3g}{row['gap_integral']:12.2f}"
            f"{row['primal_integral']:13.2f}{row['dual_integral']:11.2f}"
        )
    count = 0 if results.bounds.empty else int(results.bounds["meetings"].sum())
    lines.append(f"no bound is contradicted: {count} meetings of one run's bound with another's decision")
    return lines


def _about(results: ComparisonResults) -> list[dict[str, str]]:
    """What each solver of the comparison proves and handles, as its registry says, and which versions ran."""
    known = registered_solvers()
    rows: list[dict[str, str]] = []
    for solver in dict.fromkeys(results.runs["solver"]):
        entry = known.get(solver)
        unknown = "not registered where this page was made"
        versions = results.versions.get(solver, {})
        rows.append(
            {
                "solver": solver,
                "proves": entry.proves if entry else unknown,
                "handles": entry.handles if entry else unknown,
                "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
            }
        )
    return rows


def _drawn(config: ComparisonConfig) -> str:
    families = ", ".join(f"{name} {seeds_in_words(seeds)}" for name, seeds in config.families.items())
    return f"snapshots: {families or 'own'}; solvers that draw: {seeds_in_words(config.seeds)}"


def _settings(config: ComparisonConfig) -> dict[str, str]:
    return {
        "solvers": ", ".join(config.solvers),
        "families (seeds)": ", ".join(f"{name} ({', '.join(map(str, seeds))})" for name, seeds in config.families.items()),
        "presets with changes": json.dumps([each.model_dump() for each in config.draws]) if config.draws else "none",
        "own snapshots": ", ".join(config.snapshots) or "none",
        "seeds of solvers that draw": ", ".join(map(str, config.seeds)),
        "gap asked for": f"{config.gap:g}",
        "time limit": f"{config.time_limit:g} s",
        "warm-up": f"{config.warm_up:g} s",
        "killed after": f"{config.cell_time_limit:g} s",
        "memory limit": f"{config.cell_memory_limit:g} GB",
        "threads per solver": "1",
    }
