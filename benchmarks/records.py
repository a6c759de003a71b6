"""How long the records of a large gap study take to become tables and a page: python benchmarks/records.py [cells] [--profile].

The records are made up (no cell runs); everything else is `twingap report`: five twin errors x seeds x nine policies, twenty
episodes of ten epochs each. CPU time of this process, stage by stage.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from twingap.baselines.registry import registered_baselines
from twingap.studies.config import checked
from twingap.studies.frozen_epochs import Certificate
from twingap.studies.gap import STUDY
from twingap.studies.outcome import read_outcome
from twingap.studies.records import Records, _sealed
from twingap.studies.run_study import collect_study, report_study
from twingap.studies.scoring import Scores
from twingap.studies.study_file import read_study_file, write_study_file

SIGMAS, POLICIES = 5, 9
EPISODES, LENGTH = 20, 10


def made_up(cells: int, directory: Path) -> int:
    """Write the study file and one record per cell; returns how many."""
    seeds = max(1, round(cells / (SIGMAS * POLICIES)))
    content = {
        "preset": "tiny",
        "sigma": [round(0.01 * n, 2) for n in range(SIGMAS)],
        "seeds": list(range(seeds)),
        "policies": list(registered_baselines())[:POLICIES],
        "episodes": EPISODES,
        "length": LENGTH,
    }
    config = checked(STUDY.config, content)
    grid = STUDY.cells(config)
    records = Records(directory)
    records.prepare()
    write_study_file(directory, "gap", config, grid)
    rng = np.random.default_rng(0)
    bounds = {seed: 100.0 + rng.random((2, EPISODES, LENGTH)) for seed in config.seeds}
    about = records._about(grid[0])
    for cell in grid:
        local, global_ = bounds[cell.settings["epochs"]["seed"]]
        if "policy" in cell.settings:
            loss = rng.random((9, EPISODES, LENGTH))
            scores = Scores(local - 50 * loss[0], global_ - 50 * loss[1], *loss[2:6], 0.0 * loss[6], *loss[7:])
            result = {"scores": scores.to_json(), "curve": None}
        else:
            result = Certificate("0" * 80, local, global_, local - 1e-4, global_ - 1e-4).to_json()
        named = {"key": cell.key, "title": cell.title, "work": cell.work, "settings": cell.settings}
        # As ``Records.write`` does, but without waiting for the disk.
        content = about | named | {"seconds": 1.0, "peak_memory": 0, "result": result}
        (directory / "records" / f"{cell.key}.json").write_bytes(_sealed(content))
    return len(grid)


def timed(name: str, run: Callable[[], object]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    print(f"{name:44s} {time.process_time() - cpu:7.2f} s CPU {time.perf_counter() - wall:7.2f} s wall")


def main() -> None:
    before = time.process_time()
    cells = int(next((each for each in sys.argv[1:] if not each.startswith("-")), 10_000))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        count = made_up(cells, directory)
        size = sum(path.stat().st_size for path in directory.glob("records/*.json"))
        print(f"{count} records, {size / 1e6:.0f} MB")
        timed("read records", lambda: read_outcome(Records(directory), read_study_file(directory).cells))
        timed("read records, statistics, tables", lambda: collect_study(directory))
        timed("all: read, statistics, tables, page", lambda: report_study(directory))
        print(f"and {before:.2f} s CPU to start Python and import")
        if "--profile" in sys.argv:
            profile = cProfile.Profile()
            profile.runcall(report_study, directory)
            print("\nwhere the time goes (profiled, which slows it down):")
            pstats.Stats(profile).sort_stats("cumulative").print_stats("studies|twingap", 25)


if __name__ == "__main__":
    main()
