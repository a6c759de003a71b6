"""Both checkers side by side: one line per snapshot file, then per family of drawn snapshots.

    python benchmarks/rigorous.py [SNAPSHOT.json ...] [--draws 36] [--gap 1e-5] [--limit 5]

Every snapshot is solved with a certificate, which both checkers re-prove: leaves of its local and global trees, CPU seconds
of the fast and of the rigorous checker in this process (compilation excluded), and whether each accepts it. Then sums and the
worst case for ``--draws`` snapshots of every family. Exit code 1 if a certificate is refused by either.
"""

import argparse
import sys
import time
from pathlib import Path

import twingap
from twingap.opt.families import FAMILIES
from twingap.opt.solution_file import Solution


def claims_of(result):
    """What the result's solution file says."""
    parts = ((part.objective, part.bound) for part in (result.local, result.global_))
    numbers = (
        result.objective,
        result.bound,
        result.gap,
        result.stopped,
        result.holds,
        result.seconds,
        *parts,
        result.decision,
    )
    return Solution(result.snapshot, result.solver, *numbers)


def judged(verify, *claims):
    """(whether every check holds, CPU seconds)."""
    started = time.process_time()
    holds = all(check.holds for check in verify(*claims))
    return holds, time.process_time() - started


def measure(snapshot, gap, limit):
    """(leaves of both parts, (holds, seconds) of the fast and of the rigorous checker); None without a certificate."""
    result = twingap.solve(snapshot, gap=gap, time_limit=limit, certificate=True)
    if result.certificate is None:
        return None
    claims = snapshot, claims_of(result), result.certificate
    leaves = len(result.certificate.local.bounds), len(result.certificate.global_.bounds)
    return leaves, judged(twingap.verify_certificate, *claims), judged(twingap.verify_rigorously, *claims)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshots", nargs="*", type=Path)
    parser.add_argument("--draws", type=int, default=36)
    parser.add_argument("--gap", type=float, default=1e-5)
    parser.add_argument("--limit", type=float, default=5.0)
    chosen = parser.parse_args()
    for seed in range(2):  # compiles
        for name in FAMILIES:
            measure(twingap.draw_family(name, seed), 1e-2, chosen.limit)
    refused = 0
    if chosen.snapshots:
        print(f"{'snapshot':16s} {'leaves':>12s} {'fast s':>8s} {'rigorous s':>10s}  fast rigorous")
    for path in chosen.snapshots:
        found = measure(twingap.load_snapshot(path), chosen.gap, chosen.limit)
        if found is None:
            print(f"{path.stem:16s} no bound in {chosen.limit} s")
            continue
        (local, global_), (fast, fast_s), (rigorous, rigorous_s) = found
        refused += not (fast and rigorous)
        print(
            f"{path.stem:16s} {local:5d} + {global_:4d} {fast_s:8.3f} {rigorous_s:10.3f}  {fast!s:5s}{rigorous!s}", flush=True
        )
    print(f"{'family':16s} draws  leaves   fast s rigorous s  worst s  refused: fast rigorous")
    for name in FAMILIES if chosen.draws else ():
        drawn = (measure(twingap.draw_family(name, seed), chosen.gap, chosen.limit) for seed in range(chosen.draws))
        rows = [row for row in drawn if row is not None]
        fast_no, rigorous_no = sum(not row[1][0] for row in rows), sum(not row[2][0] for row in rows)
        refused += fast_no + rigorous_no
        fast_s, rigorous_s = ([row[which][1] for row in rows] for which in (1, 2))
        leaves = sum(sum(row[0]) for row in rows)
        times = f"{sum(fast_s):8.2f} {sum(rigorous_s):10.2f} {max(rigorous_s, default=0.0):8.2f}"
        print(f"{name:16s} {len(rows):5d} {leaves:7d} {times}           {fast_no:4d} {rigorous_no:8d}", flush=True)
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
