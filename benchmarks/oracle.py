"""Time and gap of the certified oracle by preset, stage by stage.

    python benchmarks/oracle.py [--presets paper,plant] [--snapshots 20] [--gap 1e-4]

Solver time only: imports are done and kernels are compiled (one unmeasured solve per preset) before the clock starts.
Medians over snapshots drawn with different seeds; nothing is asserted about absolute times.
"""

from __future__ import annotations

import argparse
import statistics
import time

from rich.console import Console
from rich.table import Table

import twingap


def measure(preset: str, snapshots: int, gap: float, table: Table) -> None:
    twingap.solve(twingap.draw(preset=preset, seed=10_000), gap=gap)
    results = [twingap.solve(twingap.draw(preset=preset, seed=seed), gap=gap) for seed in range(snapshots)]
    times = sorted(1e3 * result.seconds for result in results)
    worst = max(result.gap for result in results)
    median = statistics.median(times)
    table.add_row(f"[bold]{preset}", f"{median:.2f}", f"{times[-1]:.2f}", "100 %", f"{worst:.1e}")
    stages = {name for result in results for name in result.stages}
    by_stage = {name: statistics.median(1e3 * result.stages.get(name, 0.0) for result in results) for name in stages}
    for name, took in sorted(by_stage.items(), key=lambda item: -item[1]):
        longest = max(1e3 * result.stages.get(name, 0.0) for result in results)
        table.add_row(f"  {name}", f"{took:.3f}", f"{longest:.3f}", f"{100 * took / median:.0f} %", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="paper,plant")
    parser.add_argument("--snapshots", type=int, default=20)
    parser.add_argument("--gap", type=float, default=1e-4)
    options = parser.parse_args()
    title = f"decomposition, gap {options.gap:g}, {options.snapshots} snapshots per preset"
    table = Table("preset / stage", "median ms", "longest ms", "share", "worst gap", title=title)
    started = time.perf_counter()
    for preset in options.presets.split(","):
        measure(preset, options.snapshots, options.gap, table)
    table.caption = f"{time.perf_counter() - started:.1f} s in all, compilation included there and nowhere else"
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
