"""Every solver on the same snapshots under the same hard limits: who proves what, how fast, and do they agree?

First the snapshots are kept as records, then every solver meets every one of them; see ``solver_comparison_cells`` for the work
of a cell, ``solver_comparison_rows`` for what becomes of it, ``performance_statistics`` and ``solver_traces`` for the formulas.
"""

from __future__ import annotations

from typing import Any

from ..opt.errors import InputError
from ..opt.registry import registered_solvers
from .cells import NUMERIC, Cell
from .limits import Limits
from .solver_comparison_config import ComparisonConfig
from .solver_comparison_instances import Instance, instances_of
from .solver_comparison_report import comparison_lines, write_comparison_page
from .solver_comparison_results import collect_comparison, comparison_tables
from .study import Study

# Module of the cells' work.
WORK = "twingap.studies.solver_comparison_cells"
# Seconds after which keeping a snapshot is given up; compiling for its mode is part of it.
COMPILATION = 1200.0


def cells_of_comparison(config: ComparisonConfig) -> list[Cell]:
    """One cell per snapshot, then one per solver, snapshot and seed. Raises InputError."""
    known = registered_solvers()
    for name in config.solvers:
        if known[name].why_not:
            raise InputError(f"names {name!r}, which cannot be used: {known[name].why_not}", field="solvers")
    kept = [(instance, _snapshot_cell(config, instance)) for instance in instances_of(config)]
    # Long ones last would leave a worker idle: the hardest snapshots start first.
    return [cell for _, cell in kept] + [
        _solver_cell(config, solver, instance, cell.key, seed)
        for instance, cell in reversed(kept)
        for solver in config.solvers
        for seed in (config.seeds if known[solver].draws else config.seeds[:1])
    ]


def _snapshot_cell(config: ComparisonConfig, instance: Instance) -> Cell:
    settings = {"name": instance.name, "group": instance.group, "source": instance.source}
    return Cell(
        f"snapshot {instance.name}", f"{WORK}:keep_snapshot", settings, limits=Limits(COMPILATION, config.limits.memory)
    )


def _solver_cell(config: ComparisonConfig, solver: str, instance: Instance, snapshot: str, seed: int) -> Cell:
    entry = registered_solvers()[solver]
    settings: dict[str, Any] = {
        "solver": solver,
        "name": instance.name,
        "seed": seed,
        "draws": entry.draws,
        "gap": config.gap,
        "time_limit": config.time_limit,
        "warm_up": config.warm_up,
        # Key of the cell that keeps it.
        "snapshot": snapshot,
    }
    title = f"{solver}{f' (seed {seed})' if entry.draws else ''}, {instance.name}"
    packages = (*NUMERIC, *entry.requires)
    return Cell(title, f"{WORK}:solve_snapshot", settings, (snapshot,), config.limits, packages)


# Two quick solvers on two tiny snapshots.
TINY = {
    "solvers": ["decomposition", "multistart"],
    "families": {"tiny": [0], "whole": [0]},
    "seeds": [0],
    "time_limit": 3.0,
    "warm_up": 0.1,
}

STUDY = Study(
    config=ComparisonConfig,
    cells=cells_of_comparison,
    collect=collect_comparison,
    tables=comparison_tables,
    page=write_comparison_page,
    lines=comparison_lines,
    tiny=TINY,
)
