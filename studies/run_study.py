"""Runs a registered study in a results directory and reports what its records say.

A results directory holds ``study.json`` (which study, its configuration, its cells), ``records/``, ``failures/``, the tables
and the page. The directory alone is enough to make tables and page again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ..opt.errors import FalseBoundError, InputError, NothingFoundError
from ..opt.files import written_together
from .agenda import Agenda
from .cluster import Cluster
from .config import StudyConfig, checked, read_config
from .outcome import Outcome, read_outcome
from .progress import Progress, progress_on
from .records import Records
from .registry import find_study
from .runner import run_cells
from .shards import Shard
from .study import Study
from .study_file import StudyFile, read_study_file, write_config, write_study_file
from .table_files import remove_parquet, require_parquet, write_tables
from .workers import Workers

if TYPE_CHECKING:
    import pandas as pd

# The page of a results directory.
PAGE = "report.html"


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


def run_study(
    name: str,
    config: StudyConfig | Mapping[str, Any] | str | Path | None = None,
    output: str | Path | None = None,
    *,
    workers: int = 2,
    dask: str | None = None,
    shard: str | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Findings | None:
    """Run what has no record yet, read everything back, write the tables and the page.

    name: a registered study, or "module:study" of your own. config: its configuration, as an object, as keys and values, or a
    YAML file; the defaults without one. output: results directory; "results/NAME" without one. workers: cells at a time on this
    machine. dask: instead, the address of a Dask scheduler, or "local" for one of our own. shard: "i/n", the cells of the i-th
    of n tasks; then the answer is None unless all other cells have ended, too. retry_failed: run again what failed before.
    progress: who is told how far it is; without one, the terminal.

    Failed cells are rows of ``failures.csv``; the others still count. Raises InputError before anything is written, and
    NothingFoundError when so many failed that nothing can be shown.
    """
    study = find_study(name)
    settings = _config(study, config)
    cells = study.cells(settings)
    part = None if shard is None else Shard.parse(shard)
    if workers < 1:
        raise InputError(f"is {workers}; it must be a whole number >= 1", field="workers")
    directory = results_directory(name) if output is None else Path(output)
    records = Records(directory)
    records.prepare()
    crew = Workers(workers, records) if dask is None else Cluster(dask, workers, records)
    write_study_file(directory, name, settings, cells)
    progress = progress_on(Console(stderr=True)) if progress is None else progress
    run_cells(cells if part is None else part.of(cells), records, progress, crew, retry_failed)
    if part is not None and Agenda(cells, records).open:
        return None
    return report_study(directory)


def _config(study: Study[Any, Any], given: StudyConfig | Mapping[str, Any] | str | Path | None) -> StudyConfig:
    if isinstance(given, StudyConfig) and isinstance(given, study.config):
        return given
    if isinstance(given, Mapping):
        return checked(study.config, dict(given))
    if given is None:
        return study.config()
    if isinstance(given, (str, Path)):
        return read_config(study.config, Path(given))
    problem = f"is {type(given).__name__}; it must be {study.config.__name__}, keys and values, or a YAML file"
    raise InputError(problem, field="config")


def results_directory(name: str) -> Path:
    """Where a study's results go when nothing else is said."""
    return Path("results", name.replace(":", "."))


def collect_study(directory: Path, *, parquet: bool = False) -> Findings:
    """Read the records of a results directory, write the tables (CSV, with ``parquet`` Parquet as well) and the configuration.
    Raises InputError when it holds no study, FalseBoundError when its records contradict a bound, and NothingFoundError, after
    the table of failures is written, when so many cells failed that nothing can be shown."""
    return _reported(directory, parquet, page=False)


def report_study(directory: str | Path, *, parquet: bool = False) -> Findings:
    """Tables and page of a results directory, from its records, all or nothing; parquet: the tables as Parquet, too (extra
    ``parquet``). Raises InputError when it holds no study, NothingFoundError when so many cells failed that nothing can be
    shown."""
    return _reported(Path(directory), parquet, page=True)


def _reported(directory: Path, parquet: bool, page: bool) -> Findings:
    if parquet:
        require_parquet()
    file = read_study_file(directory)
    outcome = read_outcome(Records(directory), file.cells)
    tables = {"cells": outcome.cell_table(), "failures": outcome.failure_table()}
    try:
        results = file.study.collect(file.config, outcome)
    except FalseBoundError:
        # What an earlier page says may rest on the bound that is false.
        (directory / PAGE).unlink(missing_ok=True)
        raise
    except InputError as error:
        if not outcome.failures:
            raise
        with _written(directory, file, tables, parquet):
            pass
        why = f"{len(outcome.failures)} cells failed or did not run, {directory / 'failures.csv'} says why"
        raise NothingFoundError(f"{error}; {why}") from None
    findings = Findings(file.study, outcome, results)
    with _written(directory, file, tables | dict(file.study.tables(results)), parquet) as beside:
        if page:
            findings.study.page(results, beside / PAGE)
    return findings


@contextmanager
def _written(directory: Path, file: StudyFile, tables: Mapping[str, pd.DataFrame], parquet: bool) -> Iterator[Path]:
    """Configuration and tables, and what is written beside them in the block: they appear in the directory together."""
    with written_together(directory, last=PAGE) as beside:
        write_config(beside, file.config)
        write_tables(beside, tables, parquet=parquet)
        yield beside
    if not parquet:
        remove_parquet(directory, tables)
