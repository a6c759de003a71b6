"""The main job: how far from a certified optimum are MAPPO and simple schedulers, twin error by twin error?

Policies x rules x twin errors x seeds on common random numbers. First the frozen epochs of every seed are certified, then every
policy is measured on them; see ``gap_statistics`` for what a gap is and ``gap_cells`` for the work of one cell.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ..opt.drawing import draw_system
from ..opt.errors import InputError
from ..opt.scenario import Scenario, preset
from ..rl.decoding import PROJECTED, Rules
from ..rl.learners import find_learner
from .cells import Cell
from .gap_cells import epoch_settings
from .gap_config import GapConfig
from .gap_report import gap_lines, write_gap_page
from .gap_results import collect_gap, gap_tables
from .study import Study

# Module of the cells' work.
WORK = "twingap.studies.gap_cells"
SOLVER, TRAINING = "twingap.opt.solvers.decomposition", "twingap.studies.training_run"


def certificate_cells(config: GapConfig) -> list[Cell]:
    """One cell per seed, and per preset of ``transfer`` where somebody learns."""
    learns = any(config.learner_run(policy) is not None for policy in config.policies)
    moved = [_certificate_cell(config, seed, name) for name in config.transfer for seed in config.seeds if learns]
    return [_certificate_cell(config, seed) for seed in config.seeds] + moved


def policy_cells(config: GapConfig) -> list[Cell]:
    """One cell per policy, rules, twin error and seed; the long ones, which train, first."""
    cells = [
        _policy_cell(config, policy, rules, sigma, seed)
        for policy in config.policies
        for rules in config.rules
        for sigma in config.sigma
        for seed in config.seeds
    ]
    return sorted(cells, key=lambda cell: "training" not in cell.settings)


def _certificate_cell(config: GapConfig, seed: int, moved_to: str | None = None) -> Cell:
    settings = {"epochs": epoch_settings(config, seed, moved_to)}
    title = f"bounds, seed {seed}" if moved_to is None else f"bounds of {moved_to}, seed {seed}"
    return Cell(title, f"{WORK}:certify_epochs", settings, limits=config.limits, preload=(SOLVER,))


def _policy_cell(config: GapConfig, policy: str, rules: Rules, sigma: float, seed: int) -> Cell:
    run = config.learner_run(policy)
    certificate = _certificate_cell(config, seed).key
    settings: dict[str, Any] = {
        "policy": policy,
        "rules": asdict(rules),
        "sigma": sigma,
        "epochs": epoch_settings(config, seed),
        "certificate": certificate,
    }
    moved: dict[str, str] = {}
    if run is not None:
        settings["training"] = run.model_dump()
        moved = {name: _certificate_cell(config, seed, name).key for name in config.transfer}
        settings["transfer"] = {
            name: {"epochs": epoch_settings(config, seed, name), "certificate": key} for name, key in moved.items()
        }
    work = f"{WORK}:measure_learner" if run is not None else f"{WORK}:measure_baseline"
    by = "" if rules == PROJECTED else f" ({rules})"
    return Cell(
        f"{policy}{by}, sigma {sigma:g}, seed {seed}",
        work,
        settings,
        needs=(certificate, *moved.values()),
        limits=config.limits,
        preload=(SOLVER,) if run is None else (SOLVER, TRAINING),
    )


def cells_of_gap(config: GapConfig) -> list[Cell]:
    """The grid. Raises InputError for what only the scenario and the learner can judge."""
    config.scenario_with_changes()
    for name in config.transfer:
        _check_sizes(config, name, preset(name))
    return certificate_cells(config) + policy_cells(config)


def _check_sizes(config: GapConfig, moved_to: str, there: Scenario) -> None:
    """Raise InputError when a learner that runs only on systems of its own sizes would be measured on others."""
    for policy in config.policies:
        run = config.learner_run(policy)
        if run is None:
            continue
        assert run.learner is not None
        entry = find_learner(run.learner)
        if not entry.one_size(entry.settings.from_json(run.settings)):
            continue
        here = config.scenario_with_changes()
        for seed in config.seeds:
            trained, given = _sizes(here, seed), _sizes(there, seed)
            if trained != given:
                problem = (
                    f"names {moved_to!r} ({given}), and {policy!r} has networks for the sizes that it is trained on only "
                    f"({trained}); leave one of the two out"
                )
                raise InputError(problem, field="transfer")


def _sizes(scenario: Scenario, seed: int) -> str:
    """What the networks of a system's agents depend on."""
    system = draw_system(scenario, np.random.default_rng(seed))
    aps, heads = system.heads.head.shape
    committees, delegates = system.committees.is_delegate.shape
    return f"{aps} APs with at most {heads} heads, {committees} committees of at most {delegates} delegates"


TINY = {
    "preset": "tiny",
    "sigma": [0.0, 0.1],
    "seeds": [0, 1],
    "policies": ["mappo", "certainty_equivalent", "random"],
    "episodes": 2,
    "length": 2,
    "replicates": 100,
    "training": {"updates": 2, "num_envs": 4},
}

STUDY = Study(
    config=GapConfig,
    cells=cells_of_gap,
    collect=collect_gap,
    tables=gap_tables,
    page=write_gap_page,
    lines=gap_lines,
    tiny=TINY,
)
