"""Time to solve and time to re-prove, side by side: one line per snapshot file.

    python benchmarks/certificates.py SNAPSHOT.json ... [--gap 1e-4] [--repeat 5]

Medians of CPU time in this process, compilation excluded: solving, solving with a certificate, reading the certificate file,
verifying it; then the size of the file and whether every check holds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import twingap
from twingap.opt.certificate.certificate_file import load_certificate, save_certificate
from twingap.opt.certificate.check import verify_certificate
from twingap.opt.solution_file import load_solution, save_solution


def milliseconds(action, repeat):
    taken = []
    for _ in range(repeat):
        started = time.process_time()
        action()
        taken.append(1e3 * (time.process_time() - started))
    return statistics.median(taken)


def measure(path, gap, repeat, folder):
    """One line of the table."""
    snapshot, answer, proof = twingap.load_snapshot(path), Path(folder) / "solution.json", Path(folder) / "certificate.json"
    for _ in range(2):  # the first may compile, and run into the time limit while it does
        result = twingap.solve(snapshot, gap=gap, certificate=True)
    save_solution(result, snapshot, answer)
    save_certificate(result.certificate, proof)
    solution, certificate = load_solution(answer, snapshot), load_certificate(proof)
    holds = all(check.holds for check in verify_certificate(snapshot, solution, certificate))
    actions = (
        lambda: twingap.solve(snapshot, gap=gap),
        lambda: twingap.solve(snapshot, gap=gap, certificate=True),
        lambda: load_certificate(proof),
        lambda: verify_certificate(snapshot, solution, certificate),
    )
    times = "".join(f" {milliseconds(action, repeat):9.2f}" for action in actions)
    return f"{path.stem:24s}{times}     {proof.stat().st_size:9d} {result.gap:9.1e}  {holds}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshots", nargs="+", type=Path)
    parser.add_argument("--gap", type=float, default=1e-4)
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{'snapshot':24s} {'solve':>9s} {'certified':>9s} {'read':>9s} {'verify':>9s}  ms {'bytes':>9s} {'gap':>9s}  holds")
    for path in chosen.snapshots:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(path, chosen.gap, chosen.repeat, folder), flush=True)


if __name__ == "__main__":
    main()
