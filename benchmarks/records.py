"""How long the records of a large study take to become tables and a page: python benchmarks/records.py [records] [--profile].

The records are made up (no cell runs); everything else is `twingap report`. Without more it is a gap study: five twin errors x
seeds x nine policies, twenty episodes of ten epochs each. `--comparison`: five solvers on tiny snapshots of ten families. CPU
time of this process, stage by stage.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from twingap.baselines.registry import registered_baselines
from twingap.opt.drawing import draw
from twingap.opt.families import FAMILIES as ALL_FAMILIES
from twingap.opt.snapshot_file import snapshot_to_json
from twingap.opt.solution_file import solution_to_json
from twingap.opt.solve import solve
from twingap.studies.cells import Cell
from twingap.studies.config import checked
from twingap.studies.frozen_epochs import Certificate
from twingap.studies.outcome import read_outcome
from twingap.studies.records import Records, _sealed
from twingap.studies.registry import find_study
from twingap.studies.run_study import collect_study, report_study
from twingap.studies.scoring import Scores
from twingap.studies.study_file import read_study_file, write_study_file

SIGMAS, POLICIES = 5, 9
EPISODES, LENGTH = 20, 10
SOLVERS = ("decomposition", "bnb", "milp", "scip", "scip-link")
FAMILIES = 10
TIME_LIMIT = 20.0
Result = Callable[[Cell], dict[str, Any]]


def gap_study(cells: int) -> tuple[dict[str, Any], Result]:
    """Configuration, and what each cell found."""
    seeds = list(range(max(1, round(cells / (SIGMAS * POLICIES)))))
    content = {
        "preset": "tiny",
        "sigma": [round(0.01 * n, 2) for n in range(SIGMAS)],
        "seeds": seeds,
        "policies": list(registered_baselines())[:POLICIES],
        "episodes": EPISODES,
        "length": LENGTH,
    }
    rng = np.random.default_rng(0)
    bounds = {seed: 100.0 + rng.random((2, EPISODES, LENGTH)) for seed in seeds}

    def result(cell: Cell) -> dict[str, Any]:
        local, global_ = bounds[cell.settings["epochs"]["seed"]]
        if "policy" not in cell.settings:
            return Certificate("0" * 80, local, global_, local - 1e-4, global_ - 1e-4).to_json()
        loss = rng.random((9, EPISODES, LENGTH))
        scores = Scores(local - 50 * loss[0], global_ - 50 * loss[1], *loss[2:6], 0.0 * loss[6], *loss[7:])
        return {"scores": scores.to_json(), "curve": None}

    return content, result


def comparison(cells: int) -> tuple[dict[str, Any], Result]:
    """Configuration, and what each cell found: gaps and times that span decades."""
    seeds = list(range(max(1, round(cells / (FAMILIES * len(SOLVERS))))))
    families = list(ALL_FAMILIES)[:FAMILIES]
    content = {"solvers": SOLVERS, "families": dict.fromkeys(families, seeds), "time_limit": TIME_LIMIT}
    rng = np.random.default_rng(0)
    snapshot = draw("tiny", 0)
    kept = {"snapshot": snapshot_to_json(snapshot)}
    solution = solution_to_json(solve(snapshot), snapshot)

    def result(cell: Cell) -> dict[str, Any]:
        if "solver" not in cell.settings:
            return kept
        gaps = np.sort(10.0 ** rng.uniform(-6, 0, 20))[::-1]
        times = np.sort(TIME_LIMIT ** rng.uniform(-2, 1, len(gaps)))
        trace = [[float(t), 100.0 - 50.0 * float(gap), 100.0 + 50.0 * float(gap)] for t, gap in zip(times, gaps, strict=True)]
        seconds, objective, bound = trace[-1]
        half = {"objective": objective / 2, "bound": bound / 2}
        ends = {"objective": objective, "bound": bound, "gap": (bound - objective) / objective, "seconds": seconds}
        answer = solution | ends | {"solver": cell.settings["solver"], "parts": {"local": half, "global": half}}
        return {"solution": answer, "processor_seconds": seconds, "trace": trace, "proof": "", "versions": {}}

    return content, result


def made_up(study: str, content: dict[str, Any], result: Result, directory: Path) -> int:
    """Write the study file and one record per cell; returns how many."""
    found = find_study(study)
    config = checked(found.config, content)
    grid = found.cells(config)
    records = Records(directory)
    records.prepare()
    write_study_file(directory, study, config, grid)
    about = records._about(grid[0])
    for cell in grid:
        named = {"key": cell.key, "title": cell.title, "work": cell.work, "settings": cell.settings}
        # As ``Records.write`` does, but without waiting for the disk.
        content = about | named | {"seconds": 1.0, "peak_memory": 0, "result": result(cell)}
        (directory / "records" / f"{cell.key}.json").write_bytes(_sealed(content))
    return len(grid)


def timed(name: str, run: Callable[[], object]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    print(f"{name:44s} {time.process_time() - cpu:7.2f} s CPU {time.perf_counter() - wall:7.2f} s wall")


def main() -> None:
    before = time.process_time()
    cells = int(next((each for each in sys.argv[1:] if not each.startswith("-")), 10_000))
    compared = "--comparison" in sys.argv
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        study = "solver_comparison" if compared else "gap"
        count = made_up(study, *(comparison if compared else gap_study)(cells), directory)
        size = sum(path.stat().st_size for path in directory.glob("records/*.json"))
        print(f"{study}: {count} records, {size / 1e6:.0f} MB")
        timed("read records", lambda: read_outcome(Records(directory), read_study_file(directory).cells))
        timed("read records, statistics, tables", lambda: collect_study(directory))
        timed("all: read, statistics, tables, page", lambda: report_study(directory))
        pages = [directory / "report.html", *directory.glob("report-*.svg"), *directory.glob("report-*.pdf")]
        print("page and figures: " + ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in pages))
        print(f"and {before:.2f} s CPU to start Python and import")
        if "--profile" in sys.argv:
            profile = cProfile.Profile()
            profile.runcall(report_study, directory)
            print("\nwhere the time goes (profiled, which slows it down):")
            pstats.Stats(profile).sort_stats("cumulative").print_stats("studies|twingap", 25)


if __name__ == "__main__":
    main()
