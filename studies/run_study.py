"""Runs a registered study in a results directory and reports what its records say.

A results directory holds ``study.json`` (which study, its configuration, its cells), ``records/``, ``failures/``, the tables
and the page. The directory alone is enough to make tables and page again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..opt.errors import InputError
from ..opt.files import write_atomically
from .config import StudyConfig
from .outcome import Outcome, read_outcome
from .progress import Progress
from .records import Records
from .registry import find_study
from .runner import run_cells
from .study import Study
from .study_file import read_study_file, write_study_file


@dataclass(frozen=True, eq=False)
class Findings:
    """What a study found. results: of the study's own type."""

    study: Study[Any, Any]
    outcome: Outcome
    results: Any

    @property
    def lines(self) -> Sequence[str]:
        """What the command line prints."""
        return self.study.lines(self.results)


def run_study(name: str, config: StudyConfig, directory: Path, progress: Progress, workers: int = 2) -> Findings:
    """Run what has no record yet, then read everything back and write the tables.

    Failed cells are rows of ``failures.csv``; the others still count. Raises InputError.
    """
    study = find_study(name)
    cells = study.cells(config)
    records = Records(directory)
    if workers < 1:
        raise InputError(f"is {workers}; it must be a whole number >= 1", field="workers")
    records.prepare()
    write_study_file(directory, name, config, cells)
    run_cells(cells, records, progress, workers)
    return collect_study(directory)


def collect_study(directory: Path) -> Findings:
    """Read the records of a results directory and write the tables. Raises InputError when it holds no study."""
    file = read_study_file(directory)
    outcome = read_outcome(Records(directory), file.cells)
    findings = Findings(file.study, outcome, file.study.collect(file.config, outcome))
    tables = {**file.study.tables(findings.results), "cells": outcome.cell_table(), "failures": outcome.failure_table()}
    for stem, table in tables.items():
        write_atomically(directory / f"{stem}.csv", table.to_csv(index=False))
    return findings


def write_report(findings: Findings, directory: Path) -> Path:
    """Write the page; its path."""
    page = directory / "report.html"
    findings.study.page(findings.results, page)
    return page
