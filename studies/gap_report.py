"""The gap study's results as a page and as lines on a terminal."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from .few_seeds import warning
from .gap_results import GapResults, gap_tables
from .gap_table import by_rules
from .report.gap_page import GapContent, gap_page
from .report.origin import Origin, seeds_in_words
from .report.page import data_section, write_page
from .study_file import CONFIG


def gap_content(results: GapResults, directory: Path) -> GapContent:
    """What the page shows of a study. directory: where it is written, beside the study's tables."""
    config = results.config
    settings = {
        "preset": config.preset,
        "scenario changes": json.dumps(config.scenario) if config.scenario else "none",
        "twin errors": ", ".join(f"{sigma:g}" for sigma in config.sigma),
        "rules": "; ".join(map(str, config.rules)),
        "seeds": ", ".join(map(str, config.seeds)),
        "evaluation per seed": f"{config.episodes} episodes of {config.length} epochs",
        "measured without training on": ", ".join(config.transfer) or "no other preset",
        "training": _changes(config.training.model_dump()),
        "learners changed": _changes({name: run.model_dump(exclude_none=True) for name, run in config.learners.items()}),
    }
    return GapContent(
        episodes=results.episodes,
        table=results.table,
        anatomy=results.anatomy,
        settings=settings,
        level=config.level,
        replicates=config.replicates,
        curves=results.curves,
        training=results.training,
        transfer=results.transfer,
        cells=results.cells,
        failures=results.failures,
        origin=Origin(f"twingap study gap --config {CONFIG}", seeds_in_words(config.seeds)),
        data=data_section(gap_tables(results), directory),
    )


def write_gap_page(results: GapResults, path: Path) -> None:
    """Write the page at ``path``, figures beside it."""
    write_page(gap_page(gap_content(results, path.parent)), path)


def gap_lines(results: GapResults) -> list[str]:
    """``table_lines`` of the study, and of every preset that learners were moved to."""
    lines = table_lines(results.table)
    if len(results.transfer):
        for name, rows in results.transfer.groupby("preset", sort=False):
            lines += [f"trained on {results.config.preset}, measured on {name}:", *table_lines(rows)]
    return lines


def table_lines(table: pd.DataFrame) -> list[str]:
    """The gaps of the sum in percent, with intervals: one line per policy, one column per twin error; a block per rules.
    A last line where they rest on few seeds."""
    several = by_rules(table)
    weak = warning(int(table["seeds"].min()))
    return [
        line for rules, rows in several.items() for line in ([f"{rules}:"] if len(several) > 1 else []) + _lines_of_one(rows)
    ] + ([weak] if weak else [])


def _lines_of_one(table: pd.DataFrame) -> list[str]:
    total = table[table["part"] == "sum"]
    sigmas = list(dict.fromkeys(total["sigma"]))
    lines = [f"{'gap to the bound, %':22s}" + "".join(f"{f'sigma {sigma:g}':>26s}" for sigma in sigmas)]
    for policy in dict.fromkeys(total["policy"]):
        line = f"{policy:22s}"
        for sigma in sigmas:
            row = total[(total["policy"] == policy) & (total["sigma"] == sigma)]
            if len(row):
                gap, low, high = (100.0 * float(row[name].iloc[0]) for name in ("gap", "gap_low", "gap_high"))
                line += f"{f'{gap:.2f} [{low:.2f}, {high:.2f}]':>26s}"
            else:
                line += f"{'missing':>26s}"
        lines.append(line)
    return lines


def _changes(changes: dict[str, object]) -> str:
    """What was given, or that the learners' own defaults hold."""
    given = {name: value for name, value in changes.items() if value is not None}
    return json.dumps(given) if given else "the learners' defaults"
