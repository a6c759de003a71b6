"""Attacks bounds, certificates and decisions of the certified oracle on drawn snapshots, regime by regime.

    python benchmarks/fuzz.py --draws 10000 [--seed 0] [--regime plain,whole] [--processes 2] [--time-limit 3] [--save DIR]

Each draw is solved with a certificate, the certificate re-proved from its file, and both parts attacked at link level
(``tests/opt/fuzzing``). The table counts draws, false bounds, own certificates that are refused, infeasible decisions, errors, gaps
above 1e-4, and in how many of the parts that earn the attack met the objective to 1e-3. Draws with a fault are listed (and with
--save their snapshots written). Ends with 1 when anything is false, refused, infeasible or an error; else with 0.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console  # noqa: E402 - the path above comes first
from rich.progress import track  # noqa: E402
from rich.table import Table  # noqa: E402
from tests.opt.fuzzing.draws import REGIMES, draw  # noqa: E402
from tests.opt.fuzzing.trial import FAULTS, Trial, run  # noqa: E402

import twingap  # noqa: E402

console = Console(width=150)
WIDE = 1e-4


def trial(options: argparse.Namespace, job: tuple[str, int]) -> Trial:
    return run(*job, gap=options.gap, time_limit=options.time_limit, effort=options.effort)


def trials(options: argparse.Namespace, jobs: list[tuple[str, int]]) -> Iterator[Trial]:
    """Outcomes as they come in, from this process or several."""
    work = partial(trial, options)
    if options.processes == 1:
        yield from map(work, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        yield from pool.imap_unordered(work, jobs, chunksize=4)


def row(name: str, found: list[Trial]) -> list[str]:
    gaps = [each.gap for each in found if each.stopped]
    parts = [part for each in found for part in each.parts if part.earns and each.stopped]
    wide = sum(any(part.gap > WIDE for part in each.parts) for each in found)
    counts = [sum(any(kind == fault for kind, _ in each.faults) for each in found) for fault in FAULTS]
    reached = sum(part.reached for part in parts)
    share = f"{reached}/{len(parts)} ({reached / len(parts):.1%})" if parts else "-"
    worst = max((part.gap for each in found for part in each.parts if each.stopped), default=float("nan"))
    del gaps
    return [name, str(len(found)), *map(str, counts), str(wide), f"{worst:.1e}", share]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="in all, spread evenly over the regimes")
    parser.add_argument("--seed", type=int, default=0, help="first seed of each regime")
    parser.add_argument("--regime", default=",".join(REGIMES), help="comma-separated")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--gap", type=float, default=1e-6)
    parser.add_argument("--time-limit", type=float, default=3.0)
    parser.add_argument("--effort", type=int, default=1, help="how closely the attack looks; 2 takes about three times as long")
    parser.add_argument("--save", type=Path, help="folder for the snapshots of draws with a fault")
    parser.add_argument("--weak", action="store_true", help="also list draws with gaps above 1e-4 and attacks that fell short")
    options = parser.parse_args()
    names = options.regime.split(",")
    unknown = [name for name in names if name not in REGIMES]
    if unknown:
        parser.error(f"no regime {', '.join(unknown)}; there are {', '.join(REGIMES)}")
    each = -(-options.draws // len(names))
    jobs = [(name, options.seed + number) for number in range(each) for name in names][: options.draws]
    twingap.solve(draw("plain", 0), gap=1e-3)
    found: dict[str, list[Trial]] = {name: [] for name in names}
    bad = 0
    progress = track(trials(options, jobs), "attacking", len(jobs), console=Console(stderr=True), disable=not sys.stderr.isatty())
    for outcome in progress:
        found[outcome.regime].append(outcome)
        bad += bool(outcome.faults)
        short = any(part.earns and (part.gap > WIDE or not part.reached) for part in outcome.parts)
        if outcome.faults or (options.weak and short):
            print(outcome.says(), flush=True)
        if outcome.faults and options.save:
            options.save.mkdir(parents=True, exist_ok=True)
            twingap.save_snapshot(draw(outcome.regime, outcome.seed), options.save / f"{outcome.regime}-{outcome.seed}.json")
    table = Table("regime", "draws", *FAULTS, f"gap > {WIDE:g}", "worst gap", "attack reached", title=f"seeds from {options.seed}")
    for name in names:
        table.add_row(*row(name, found[name]))
    everything = [outcome for name in names for outcome in found[name]]
    table.add_row(*row("[bold]all", everything))
    console.print(table)
    print(f"{len(everything)} draws, {bad} with a fault")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
