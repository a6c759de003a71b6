"""A cell: one unit of work of a study, named by a hash of everything that decides its result.

The hash covers the cell's settings, the package version and the source of all code below the studies plus the files of
``studies`` that make numbers, so that a record can never be mistaken for the result of other settings or other code.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .limits import NO_LIMITS, Limits
from .machine import installed_version

# Calls of a cell: work(settings, directory of the records, report of progress (done, total)) -> result as JSON.
Report = Callable[[int, int], None]
Work = Callable[[dict[str, Any], Path, Report], dict[str, Any]]

# Files of this package that only start things, or read records and show them: changing them changes no number of a record.
SHOWS = (
    "agenda.py",
    "bound_cross_check.py",
    "claims.py",
    "cli.py",
    "cluster.py",
    "csv_text.py",
    "few_seeds.py",
    "keeper.py",
    "limits.py",
    "machine.py",
    "outcome.py",
    "paper_claims.py",
    "paper_comparisons.py",
    "paper_decision_claims.py",
    "paper_estimates.py",
    "paper_figures_report.py",
    "paper_figures_results.py",
    "paper_learning_claims.py",
    "performance_statistics.py",
    "progress.py",
    "records.py",
    "registry.py",
    "remaining.py",
    "report",
    "resampling.py",
    "run_study.py",
    "runner.py",
    "sealed.py",
    "shards.py",
    "solver_comparison_report.py",
    "solver_comparison_results.py",
    "solver_comparison_rows.py",
    "solver_comparison_tables.py",
    "solver_traces.py",
    "study.py",
    "study_file.py",
    "tuning",
    "verdicts.py",
    "table_files.py",
    "words.py",
    "workers.py",
)
# Packages whose versions decide the result of every cell; cells that use more name them.
NUMERIC = ("numpy", "scipy", "numba", "torch")


@dataclass(frozen=True, eq=False)
class Cell:
    """title: what people read. work: ``"package.module:function"``. settings: JSON values that decide the result.
    needs: keys of the cells whose records the work reads; it starts when they are done. limits: what it may use; they do not
    decide the result. packages: whose versions do. preload: modules besides that of the work that are imported once for all
    cells, not in each. code: which code; fixed when the study starts, so that sources edited meanwhile do not split it."""

    title: str
    work: str
    settings: dict[str, Any]
    needs: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    packages: tuple[str, ...] = NUMERIC
    preload: tuple[str, ...] = ()
    code: str = field(default_factory=lambda: code_version())

    @cached_property
    def key(self) -> str:
        """Hash of all that decides the result: file name of the record and marker that the cell is done."""
        content = {
            "work": self.work,
            "settings": self.settings,
            "needs": self.needs,
            "packages": {name: installed_version(name) for name in self.packages},
            "code": self.code,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]

    def function(self) -> Work:
        """The function that does the work."""
        module, name = self.work.split(":")
        return getattr(importlib.import_module(module), name)


@cache
def code_version() -> str:
    """Package version and hash of the sources that make numbers."""
    root = Path(__file__).parent
    packages = {"studies": root, "opt": root.parent / "opt", "rl": root.parent / "rl", "baselines": root.parent / "baselines"}
    digest = hashlib.sha256()
    for package, folder in packages.items():
        for file in sorted(folder.rglob("*.py")):
            inside = file.relative_to(folder)
            if package == "studies" and inside.parts[0] in SHOWS:
                continue
            digest.update(f"{package}/{inside.as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return f"{version('twingap')}+{digest.hexdigest()[:12]}"
