"""The main job: how far from a certified optimum are MAPPO and simple schedulers, twin error by twin error?

Policies x twin errors x seeds on common random numbers. First the frozen epochs of every seed are certified, then every policy
is measured on them; see ``gap_statistics`` for what a gap is and ``gap_cells`` for the work of one cell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..opt.errors import InputError
from ..opt.files import write_atomically
from .cells import Cell, code_version
from .config import checked
from .frozen_epochs import Certificate
from .gap_cells import epoch_settings
from .gap_config import GapConfig
from .gap_table import Measured, episode_table, gap_table
from .progress import Progress
from .records import Records
from .runner import run_cells
from .scoring import Scores

FORMAT = "twingap.study"
STUDY_FILE = "study.json"


@dataclass(frozen=True, eq=False)
class GapResults:
    """What a study found. episodes, table: see ``gap_table``; curves: policy, sigma, seed, update and utilities of the
    training epochs; cells: title, seconds, machine of every record; failures: title and error."""

    config: GapConfig
    episodes: pd.DataFrame
    table: pd.DataFrame
    curves: pd.DataFrame
    cells: pd.DataFrame
    failures: pd.DataFrame


def certificate_cells(config: GapConfig) -> list[Cell]:
    """One cell per seed."""
    return [_certificate_cell(config, seed) for seed in config.seeds]


def policy_cells(config: GapConfig) -> list[Cell]:
    """One cell per policy, twin error and seed; the long ones, which train, first."""
    cells = [
        _policy_cell(config, policy, sigma, seed)
        for policy in config.policies
        for sigma in config.sigma
        for seed in config.seeds
    ]
    return sorted(cells, key=lambda cell: "training" not in cell.settings)


def _certificate_cell(config: GapConfig, seed: int) -> Cell:
    return Cell(f"bounds, seed {seed}", "gap_cells:certify_epochs", {"epochs": epoch_settings(config, seed)})


def _policy_cell(config: GapConfig, policy: str, sigma: float, seed: int) -> Cell:
    run = config.learner_run(policy)
    settings: dict[str, Any] = {
        "policy": policy,
        "sigma": sigma,
        "epochs": epoch_settings(config, seed),
        # Whose bounds it is measured against decides the result, too.
        "certificate": _certificate_cell(config, seed).key,
    }
    if run is not None:
        settings["training"] = run.model_dump()
    work = "gap_cells:measure_learner" if run is not None else "gap_cells:measure_baseline"
    return Cell(f"{policy}, sigma {sigma:g}, seed {seed}", work, settings)


def run_gap_study(config: GapConfig, directory: Path, progress: Progress, workers: int = 2) -> GapResults:
    """Run what has no record yet and write the tables. Failed cells are rows of ``failures``; the others still count."""
    if workers < 1:
        raise InputError(f"is {workers}; it must be a whole number >= 1", field="workers")
    config.scenario_with_changes()
    first, then = certificate_cells(config), policy_cells(config)
    records = Records(directory)
    records.prepare()
    about = {
        "format": FORMAT,
        "study": "gap",
        "config": config.model_dump(mode="json"),
        "code": code_version(),
        "cells": [{"key": cell.key, "title": cell.title} for cell in first + then],
    }
    write_atomically(directory / STUDY_FILE, json.dumps(about, indent=1))
    run_cells(first, records, progress, workers, config.cell_time_limit)
    certified = {cell.key for cell in first if records.has(cell)}
    measurable = [cell for cell in then if cell.settings["certificate"] in certified]
    run_cells(measurable, records, progress, workers, config.cell_time_limit)
    results = collect(directory)
    write_tables(results, directory)
    return results


def collect(directory: Path) -> GapResults:
    """Read the records of a results directory. Raises InputError when it holds no study."""
    about = _read_study(directory)
    config = checked(GapConfig, about["config"], str(directory / STUDY_FILE))
    records = Records(directory)
    done: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for cell in about["cells"]:
        record, failure = records.record(cell["key"]), records.failure(cell["key"])
        if record is not None:
            done.append(record)
        else:
            error = failure["error"] if failure is not None else "not run: it needs a cell that failed"
            failures.append({"cell": cell["title"], "error": error.strip().splitlines()[-1]})
    certificates: dict[int, Certificate] = {}
    measured: list[Measured] = []
    curves: list[pd.DataFrame] = []
    for record in done:
        settings, result = record["settings"], record["result"]
        seed = settings["epochs"]["seed"]
        if "policy" not in settings:
            certificates[seed] = Certificate.from_json(result)
            continue
        policy, sigma = settings["policy"], settings["sigma"]
        measured.append(Measured(policy, sigma, seed, certificates[seed], Scores.from_json(result["scores"])))
        if result["curve"] is not None:
            curves.append(pd.DataFrame(result["curve"]).assign(policy=policy, sigma=sigma, seed=seed))
    if not measured:
        raise InputError("holds no measured policy; run the study first", source=str(directory))
    order = {policy: place for place, policy in enumerate(config.policies)}
    measured.sort(key=lambda each: (order[each.policy], each.sigma, each.seed))
    episodes = episode_table(measured)
    return GapResults(
        config=config,
        episodes=episodes,
        table=gap_table(episodes, config.replicates, config.level),
        curves=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        cells=pd.DataFrame([{"cell": r["title"], "seconds": r["seconds"], "code": r["code"], **r["machine"]} for r in done]),
        failures=pd.DataFrame(failures, columns=["cell", "error"]),
    )


def write_tables(results: GapResults, directory: Path) -> None:
    """gap.csv, episodes.csv and curves.csv hold nothing but results: same seeds, same bytes. cells.csv holds the times."""
    write_atomically(directory / "gap.csv", results.table.to_csv(index=False))
    write_atomically(directory / "episodes.csv", results.episodes.to_csv(index=False))
    write_atomically(directory / "curves.csv", results.curves.to_csv(index=False))
    write_atomically(directory / "cells.csv", results.cells.to_csv(index=False))
    write_atomically(directory / "failures.csv", results.failures.to_csv(index=False))


def _read_study(directory: Path) -> dict[str, Any]:
    path = directory / STUDY_FILE
    try:
        about = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give the directory of a study", source=str(path)) from None
    except ValueError:
        raise InputError("is not JSON; run the study again", source=str(path)) from None
    if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("study") != "gap":
        raise InputError("is not the file of a gap study", source=str(path))
    return about
