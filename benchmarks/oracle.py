"""Time and gap of the certified oracle by preset and by family, stage by stage.

    python benchmarks/oracle.py [--presets paper,plant] [--families cap] [--snapshots 20] [--gap 1e-6] [--no-stages] [--batch N]

Each name's snapshots are drawn with seeds 0, 1, ... CPU time of this process, so that other programs do not count; imports are
done and kernels are compiled (one unmeasured solve per name) before the clock starts. Nothing is asserted about absolute times.
Stages are shown where they take at least a twentieth of the median; the rest are checks, bookkeeping and evaluation.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.progress import track
from rich.table import Table

import twingap
from twingap.opt.families import FAMILIES, draw_family
from twingap.opt.snapshot import Snapshot

console = Console(width=100)
PRESETS = ("tiny", "paper", "plant")


def measure(name: str, draw: Callable[[int], Snapshot], options: argparse.Namespace, table: Table) -> None:
    twingap.solve(draw(10_000), gap=options.gap)
    times: list[float] = []
    gaps: list[float] = []
    stages: dict[str, list[float]] = {}
    for seed in range(options.snapshots):
        snapshot = draw(seed)
        started = time.process_time()
        result = twingap.solve(snapshot, gap=options.gap, time_limit=options.time_limit)
        times.append(1e3 * (time.process_time() - started))
        gaps.append(result.gap)
        for stage, seconds in result.stages.items():
            stages.setdefault(stage, []).append(1e3 * seconds)
    median = statistics.median(times)
    ninth = sorted(times)[int(0.9 * (len(times) - 1))]
    closed = sum(gap <= options.gap for gap in gaps)
    table.add_row(
        f"[bold]{name}", f"{median:.2f}", f"{ninth:.2f}", f"{max(times):.2f}", f"{closed}/{len(gaps)}", f"{max(gaps):.1e}"
    )
    if options.no_stages:
        return
    medians = {stage: statistics.median(taken) for stage, taken in stages.items()}
    for stage, took in sorted(medians.items(), key=lambda item: -item[1]):
        if took >= 0.05 * median:
            table.add_row(f"  {stage}", f"{took:.3f}", "", f"{max(stages[stage]):.3f}", "", "")


def measure_batch(count: int, gap: float) -> None:
    """Snapshots of preset ``paper`` through ``solve_batch``, one process."""
    snapshots = [twingap.draw("paper", seed) for seed in range(count)]
    started = time.process_time()
    worst = max(result.gap for result in twingap.solve_batch(snapshots, gap=gap))
    print(f"solve_batch: {count} snapshots of paper in {time.process_time() - started:.2f} s, worst gap {worst:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default=",".join(PRESETS), help="comma-separated; empty: none")
    parser.add_argument("--families", default=",".join(FAMILIES), help="comma-separated; empty: none")
    parser.add_argument("--snapshots", type=int, default=20)
    parser.add_argument("--gap", type=float, default=1e-6)
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--no-stages", action="store_true")
    parser.add_argument("--batch", type=int, default=0, help="also solve this many paper snapshots as one batch")
    options = parser.parse_args()
    title = f"decomposition, gap {options.gap:g}, {options.snapshots} snapshots per name"
    table = Table("name / stage", "median ms", "90 % ms", "longest ms", "closed", "worst gap", title=title)
    presets, families = (list(filter(None, names.split(","))) for names in (options.presets, options.families))
    draws: list[tuple[str, Callable[[int], Snapshot]]] = [
        *((f"preset {name}", partial(twingap.draw, name)) for name in presets),
        *((f"family {name}", partial(draw_family, name)) for name in families),
    ]
    for name, draw in track(draws, description="measuring", console=Console(stderr=True), transient=True):
        measure(name, draw, options, table)
    console.print(table)
    if options.batch:
        measure_batch(options.batch, options.gap)


if __name__ == "__main__":
    main()
