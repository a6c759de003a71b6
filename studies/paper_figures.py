"""Figures 4 to 9 of the paper and a verdict on each of its claims, with the certified bound in every figure.

Per calibration (a choice of what the paper does not print) and seed: bounds of the frozen epochs; one training run for every
learner and twin error (Figs. 4 and 5; one run trains both parts), one for every kind of decision taken away from the proposed
approach (Figs. 6 and 7); the trained policies at every transaction and block size (Figs. 8 and 9). See ``paper_figures_cells``
for the work, ``paper_claims`` for the claims and ``verdicts`` for the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from .cells import Cell
from .paper_figures_cells import SWEEPS
from .paper_figures_config import BASELINES, PaperFiguresConfig
from .paper_figures_report import claim_lines, write_paper_page
from .paper_figures_results import collect_paper_figures, paper_tables
from .study import Study

# Module of the cells' work.
WORK = "twingap.studies.paper_figures_cells"
# torch imports _dynamo with a process's first optimiser, which takes longer than many a cell.
PRELOAD = ("twingap.opt.solvers.decomposition", "twingap.rl.mappo_training", "torch._dynamo")


def cells_of_paper_figures(config: PaperFiguresConfig) -> list[Cell]:
    """The grid; bounds first, then what trains. Raises InputError for what only scenario and learners can judge."""
    grid: list[Cell] = []
    for calibration in config.calibrations:
        config.scenario(calibration)
        for seed in config.seeds:
            bounds = _cell(config, "certify", f"bounds, {calibration}, seed {seed}", _epochs(config, calibration, seed))
            grid.append(bounds)
            grid.extend(_measured(config, calibration, seed, bounds))
    return sorted(grid, key=lambda cell: ("certificate" in cell.settings, "learner" not in cell.settings))


def _epochs(config: PaperFiguresConfig, calibration: str, seed: int) -> dict[str, Any]:
    return {
        "preset": config.preset,
        "scenario": config.calibrations[calibration].scenario,
        "calibration": calibration,
        "seed": seed,
        "episodes": config.episodes,
        "length": config.length,
        "rules": asdict(config.rules),
        "sizes": dict(zip(SWEEPS, (list(config.transaction_bytes), list(config.block_bytes)), strict=True)),
    }


def _measured(config: PaperFiguresConfig, calibration: str, seed: int, bounds: Cell) -> Iterator[Cell]:
    chosen = config.calibrations[calibration]
    runs = [(learner, learner, None, sigma) for sigma in chosen.sigma for learner in chosen.learners]
    runs += [(hold, config.proposed, hold, 0.0) for hold in config.holds]
    epochs = _epochs(config, calibration, seed)
    for approach, learner, hold, sigma in runs:
        settings = epochs | config.learner_settings(learner) | {"approach": approach, "hold": hold, "sigma": sigma}
        settings |= {"looks": config.looks, "training_episodes": config.episodes_of(calibration)}
        # Figs. 8 and 9 say nothing of an error.
        settings["sizes"] = epochs["sizes"] if sigma == 0.0 else None
        title = f"{approach}, {calibration}, sigma {sigma:g}, seed {seed}"
        yield _cell(config, "train", title, settings | {"certificate": bounds.key})
    for approach in BASELINES:
        settings = epochs | {"approach": approach, "sigma": 0.0, "certificate": bounds.key}
        yield _cell(config, "measure", f"{approach}, {calibration}, seed {seed}", settings)


def _cell(config: PaperFiguresConfig, work: str, title: str, settings: dict[str, Any]) -> Cell:
    needs = (settings["certificate"],) if "certificate" in settings else ()
    return Cell(title, f"{WORK}:{work}", settings, needs=needs, limits=config.limits, preload=PRELOAD)


TINY = {
    "preset": "tiny",
    "calibrations": {"ours": {"sigma": [0.0, 0.1], "learners": ["mappo", "ddqn"]}},
    "holds": ["fixed_cpu"],
    "seeds": [0],
    "length": 2,
    "training_episodes": 200,
    "looks": 2,
    "episodes": 3,
    "transaction_bytes": [200.0, 1e5],
    "block_bytes": [1e6, 1e7],
    "replicates": 100,
}

STUDY = Study(
    config=PaperFiguresConfig,
    cells=cells_of_paper_figures,
    collect=collect_paper_figures,
    tables=paper_tables,
    page=write_paper_page,
    lines=claim_lines,
    tiny=TINY,
)
