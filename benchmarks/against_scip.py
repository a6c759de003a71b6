"""decomposition beside SCIP (reduced formulation): same snapshots, same tolerance, one run.

    python benchmarks/against_scip.py [--heads 2,5,10,30] [--snapshots 3] [--gap 1e-3] [--time-limit 300] [--head-start 1]

Snapshots are family ``small``'s (two committees of five) with that many heads and spectrum in proportion. CPU time of this
process, in which both run, kernels compiled before; the time limit is the wall clock's. Ratio: SCIP time over ours to the same
gap, a lower limit (>=) where SCIP stopped at its time limit. Last columns: SCIP's gap when it stopped beside the gap that
decomposition reaches within ``--head-start`` seconds when it is asked for 0. Bounds are crossed: if one solver's decision beat
the other's bound, the run would stop and name the snapshot.
"""

from __future__ import annotations

import argparse
import statistics
import time

from rich.console import Console
from rich.progress import track
from rich.table import Table

import twingap
from twingap.opt.families import draw_family
from twingap.opt.result import Result
from twingap.opt.snapshot import Snapshot


def snapshot_of(heads: int, seed: int) -> Snapshot:
    aps = 1 if heads <= 10 else -(-heads // 10)
    return draw_family("small", seed, aps=aps, heads_per_ap=(heads // aps, heads // aps), local_subchannels=8.0 * heads / 6.0)


def timed(snapshot: Snapshot, solver: str, gap: float, limit: float) -> tuple[float, Result]:
    started = time.process_time()
    result = twingap.solve(snapshot, solver=solver, gap=gap, time_limit=limit)
    return time.process_time() - started, result


def cross_check(snapshot: Snapshot, one: Result, other: Result) -> None:
    for holder, prover in ((one, other), (other, one)):
        if holder.objective > prover.bound + 1e-8 * max(1.0, abs(prover.bound)):
            raise SystemExit(
                f"{snapshot.name}: {holder.solver} holds {holder.objective!r}, {prover.solver} proves {prover.bound!r}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", default="2,5,10,30")
    parser.add_argument("--snapshots", type=int, default=3)
    parser.add_argument("--gap", type=float, default=1e-3)
    parser.add_argument("--time-limit", type=float, default=300.0, help="of SCIP, per snapshot [s]")
    parser.add_argument("--head-start", type=float, default=1.0, help="of decomposition when asked for a gap of 0 [s]")
    options = parser.parse_args()
    twingap.solve(snapshot_of(5, 10_000), gap=options.gap)
    title = f"to a gap of {options.gap:g}, {options.snapshots} snapshots per size, medians"
    columns = ("heads", "ours ms", "SCIP s", "ratio", "SCIP closed", "SCIP's gap", f"ours after {options.head_start:g} s")
    table = Table(*columns, title=title)
    sizes = [int(heads) for heads in options.heads.split(",")]
    steps = [(heads, seed) for heads in sizes for seed in range(options.snapshots)]
    rows: dict[int, list[tuple[float, float, float, float]]] = {heads: [] for heads in sizes}
    for heads, seed in track(steps, description="solving", console=Console(stderr=True), transient=True):
        snapshot = snapshot_of(heads, seed)
        ours, mine = min((timed(snapshot, "decomposition", options.gap, 60.0) for _ in range(3)), key=lambda pair: pair[0])
        theirs, scip = timed(snapshot, "scip", options.gap, options.time_limit)
        _, long = timed(snapshot, "decomposition", 0.0, options.head_start)
        cross_check(snapshot, mine, scip)
        cross_check(snapshot, long, scip)
        rows[heads].append((ours, theirs, scip.gap, long.gap))
    for heads, of_size in rows.items():
        ours, theirs, gap, long_gap = (statistics.median(column) for column in zip(*of_size, strict=True))
        ratio = statistics.median(row[1] / row[0] for row in of_size)
        closed = sum(row[2] <= options.gap for row in of_size)
        cells = (f"{1e3 * ours:.2f}", f"{theirs:.2f}", f"{'' if 2 * closed > len(of_size) else '>= '}{ratio:.0f}")
        table.add_row(str(heads), *cells, f"{closed}/{len(of_size)}", f"{gap:.1e}", f"{long_gap:.1e}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
