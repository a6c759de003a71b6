"""How the local part's solver scales with the number of heads J: time, exponent, time per head and pass, peak memory.

    python benchmarks/scaling.py [--heads 80,800,8000,100000] [--snapshots 3] [--gap 1e-6] [--json FILE]

Two regimes: ample spectrum (family ``paper``: 1.25 subchannels per head) and starved (family ``starved``: 0.15). A snapshot's
local part alone is solved; CPU time of this process, medians over seeds, compilation excluded. The exponent is the slope of a
line through (ln J, ln time), over all J and over the largest factor of ten. A pass is one answer of all heads to one price,
timed by itself; "passes" is the solve's time in that unit. Peak memory is the process's so far (J ascends), snapshots included.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from twingap.opt.families import draw_family
from twingap.opt.local_reduction import reduce_local
from twingap.opt.result import Deadline
from twingap.opt.snapshot import LocalPart
from twingap.opt.solvers.decomposition.local_heads import heads_of, respond_all
from twingap.opt.solvers.decomposition.local_part import solve_local

# Regime: family, subchannels per AP of ten heads.
REGIMES = {"ample": ("paper", 12.5), "starved": ("starved", 1.5)}


def local_part(regime: str, heads: int, seed: int) -> LocalPart:
    family, per_ap = REGIMES[regime]
    aps = max(1, heads // 10)
    return draw_family(family, seed, aps=aps, local_subchannels=per_ap * aps).local


def seconds_per_pass(part: LocalPart) -> float:
    problem = reduce_local(part)
    heads, count = heads_of(problem), len(problem.worth)
    free = np.zeros(count), np.full(count, np.inf)
    price = 0.02 * float(problem.worth.sum()) / problem.budget
    best = math.inf
    for _ in range(10):
        started = time.process_time()
        for _ in range(max(1, 10_000 // count)):
            respond_all(problem, heads, *free, 0.9, price, np.zeros(0))
        best = min(best, (time.process_time() - started) / max(1, 10_000 // count))
    return best


def measure(regime: str, heads: int, snapshots: int, gap: float) -> dict[str, float | str]:
    times: list[float] = []
    gaps: list[float] = []
    part = local_part(regime, heads, 0)
    for seed in range(snapshots):
        part = local_part(regime, heads, seed)
        started = time.process_time()
        answer = solve_local(part, gap, 0.0, Deadline(600.0))
        times.append(time.process_time() - started)
        gaps.append((answer.bound - answer.objective) / max(abs(answer.objective), 1e-9))
    median, one_pass = statistics.median(times), seconds_per_pass(part)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "regime": regime,
        "heads": heads,
        "median_s": median,
        "longest_s": max(times),
        "worst_gap": max(gaps),
        "ns_per_head": 1e9 * median / heads,
        "ns_per_head_and_pass": 1e9 * one_pass / heads,
        "passes": median / one_pass,
        "peak_memory_mib": peak / 2**20,
    }


def exponent(rows: list[dict[str, float | str]]) -> float:
    if len(rows) < 2:
        return math.nan
    heads, seconds = ([math.log(float(row[key])) for row in rows] for key in ("heads", "median_s"))
    return float(np.polyfit(heads, seconds, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", default="80,250,800,2500,8000,25000,100000")
    parser.add_argument("--snapshots", type=int, default=3)
    parser.add_argument("--gap", type=float, default=1e-6)
    parser.add_argument("--json", type=Path, help="write the rows and exponents here")
    options = parser.parse_args()
    sizes = sorted(int(heads) for heads in options.heads.split(","))
    for regime in REGIMES:
        for seed in range(3):
            solve_local(local_part(regime, 80, seed), options.gap, 0.0, Deadline(600.0))
    steps = [(heads, regime) for heads in sizes for regime in REGIMES]
    progress = track(steps, description="measuring", console=Console(stderr=True), transient=True)
    rows = [measure(regime, heads, options.snapshots, options.gap) for heads, regime in progress]
    title = f"local part, gap {options.gap:g}, {options.snapshots} snapshots per size"
    columns = ("regime", "heads", "median s", "longest s", "worst gap", "ns/head", "ns/head, pass", "passes", "peak MiB")
    table = Table(*columns, title=title)
    exponents: dict[str, dict[str, float]] = {}
    for regime in REGIMES:
        of_regime = [row for row in rows if row["regime"] == regime]
        for row in of_regime:
            formats = ("s", "d", ".4f", ".4f", ".1e", ".0f", ".1f", ".0f", ".0f")
            table.add_row(*(format(value, form) for value, form in zip(row.values(), formats, strict=True)))
        largest = [row for row in of_regime if float(row["heads"]) >= 0.08 * sizes[-1]]
        exponents[regime] = {"all": exponent(of_regime), "largest": exponent(largest)}
    Console(width=110).print(table)
    for regime, fitted in exponents.items():
        print(f"{regime}: time grows like J^{fitted['all']:.2f} over all sizes, J^{fitted['largest']:.2f} over the largest")
    if options.json:
        options.json.write_text(json.dumps({"gap": options.gap, "rows": rows, "exponents": exponents}, indent=2))


if __name__ == "__main__":
    main()
