"""Limits that hold at every size: wall clock beyond the time limit and peak memory of every solver on large snapshots.

    python benchmarks/limits.py [--sizes 10x50 20x200 50x1000] [--solvers decomposition ...] [--limit 10]

Sizes are committees x APs of preset ``paper`` with 5 delegates per committee. Each run is a process of its own; what only the
first solve of a process needs (imports, compiled kernels) is made before the clock starts. Peak memory is that of the whole
process, Python and its libraries included. Exit code 1 when a run takes longer than the limit + 1 s or more than 4 GB, or dies.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from twingap.opt.registry import registered_solvers

LATE, MOST = 1.0, 4e9
DELEGATES = 5

CHILD = """
import json, resource, sys, time
import twingap
from twingap.opt.registry import find_solver, prepare_solver
from twingap.opt.errors import LicenceError
solver, committees, aps, delegates, limit, certificate = json.loads(sys.argv[1])
size = {"committees": committees, "aps": aps, "delegates": (delegates, delegates)}
epoch = twingap.draw("paper", 0, **size)
find_solver(solver)
prepare_solver(solver, epoch)
began = time.perf_counter()
try:
    result = twingap.solve(epoch, solver, gap=1e-4, time_limit=limit, certificate=certificate)
    said = {"objective": result.objective, "bound": result.bound, "stopped": result.stopped, "holds": result.holds}
except LicenceError:
    said = {"stopped": "licence"}
wall = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(said | {"wall": wall, "peak": peak}))
"""


@dataclass(frozen=True)
class Run:
    """A run: which, and what its process said (empty: it died)."""

    solver: str
    size: str
    said: dict[str, Any]
    error: str

    def holds(self, limit: float) -> bool:
        """Whether both limits were kept."""
        return bool(self.said) and self.said["wall"] <= limit + LATE and self.said["peak"] <= MOST

    def line(self, limit: float) -> str:
        """One line of the table."""
        head = f"{self.solver:14s} {self.size:>8s}"
        if not self.said:
            return f"{head}  died: {self.error}"
        numbers = f"{self.said['wall'] - limit:+8.2f} s {self.said['peak'] / 1e9:6.2f} GB"
        found = f"objective {self.said.get('objective', float('nan')):.6g}, bound {self.said.get('bound', float('nan')):.6g}"
        return f"{head} {numbers}  {self.said['stopped']:12s} {found}{'' if self.holds(limit) else '  <-- LIMIT PASSED'}"


def run(solver: str, size: str, limit: float) -> Run:
    """Solve in a process of its own."""
    committees, aps = (int(number) for number in size.split("x"))
    asked = json.dumps([solver, committees, aps, DELEGATES, limit, False])
    ended = subprocess.run([sys.executable, "-c", CHILD, asked], capture_output=True, text=True, check=False)
    said = json.loads(ended.stdout.splitlines()[-1]) if ended.returncode == 0 and ended.stdout else {}
    return Run(solver, size, said, (ended.stderr.strip().splitlines() or [f"code {ended.returncode}"])[-1])


def main() -> int:
    """Print the table; 1 when a limit was passed."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--sizes", nargs="+", default=["10x50", "20x200", "50x1000"])
    ask.add_argument("--solvers", nargs="+", default=[n for n, e in registered_solvers().items() if not e.missing])
    ask.add_argument("--limit", type=float, default=10.0)
    options = ask.parse_args()
    print(f"{'solver':14s} {'size':>8s} {'wall - limit':>10s} {'peak':>9s}  ended")
    kept = True
    for size in options.sizes:
        for solver in options.solvers:
            one = run(solver, size, options.limit)
            kept = kept and one.holds(options.limit)
            print(one.line(options.limit), flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
