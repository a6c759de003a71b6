"""Forges certificates of drawn snapshots and of presets by the hundred thousand, and asks the checkers about them.

    python benchmarks/forge.py --forgeries 200000 [--seed 0] [--victims 200] [--regime plain,orders] [--rigorous 500]

Each forgery changes multipliers, cuts or the tree of an own certificate (``tests/opt/fuzzing/forging.py``) and then claims just
what the everyday checker proves. It is false when it is accepted though a known decision earns more. With --rigorous N the
rigorous checker is asked about N forgeries that claim a hair less than is attained: it must refuse them all. --save DIR keeps
what is false. Ends with 1 when anything false is accepted, else with 0.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
from dataclasses import replace
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402 - the path above comes first
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402
from rich.table import Table  # noqa: E402

import twingap  # noqa: E402
from tests.opt.fuzzing.draws import REGIMES, draw  # noqa: E402
from tests.opt.fuzzing.forging import Forged, Forger, Victim, attempt, claiming, lowered, victim  # noqa: E402

try:
    from twingap.opt.rigorous.check import verify_rigorously
except ImportError:
    verify_rigorously = None

console = Console(width=120)
PRESETS = ("tiny", "paper")


def victims(options: argparse.Namespace, regimes: list[str]) -> list[Victim]:
    snapshots = [twingap.draw(name, seed) for name in PRESETS for seed in range(options.seed, options.seed + 3)]
    snapshots += [twingap.draw_family(name, options.seed) for name in ("small", "scarce", "smooth", "cap", "perlink", "whole")]
    snapshots += [draw(regimes[n % len(regimes)], options.seed + n // len(regimes)) for n in range(options.victims)]
    shown = track(snapshots, "solving", console=Console(stderr=True), disable=not sys.stderr.isatty())
    return [its for its in map(victim, shown) if its is not None]


def fools_rigorous(its: Victim, found: Forged) -> bool:
    """Whether the rigorous checker accepts a forgery whose claims are lowered to just below what is attained."""
    assert verify_rigorously is not None
    assert found.certificate is not None
    claims = claiming(its, found.certificate)
    return all(check.holds for check in verify_rigorously(its.snapshot, claims, found.certificate))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forgeries", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--victims", type=int, default=200, help="drawn snapshots, beside presets and families")
    parser.add_argument("--regime", default=",".join(REGIMES), help="comma-separated")
    parser.add_argument("--rigorous", type=int, default=0, help="how many forgeries the rigorous checker is asked about")
    parser.add_argument("--save", type=Path, help="folder for snapshots and certificates of false ones")
    parser.add_argument("--show", type=int, default=20, help="how many false ones to print")
    options = parser.parse_args()
    if options.rigorous and verify_rigorously is None:
        parser.error("--rigorous needs the extra `rigorous` (python-flint): pip install 'twingap[rigorous]'")
    rng = np.random.default_rng(options.seed)
    forger = Forger(rng)
    pool = victims(options, options.regime.split(","))
    alike: dict[tuple[bool, bool], list[int]] = collections.defaultdict(list)
    for number, its in enumerate(pool):
        alike[its.certificate.local.whole, hasattr(its.certificate.global_, "counts")].append(number)
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    false: list[str] = []
    asked = 0
    for number in track(range(options.forgeries), "forging", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        its = pool[number % len(pool)]
        part = "local" if rng.random() < 0.5 else "global"
        same = alike[its.certificate.local.whole, hasattr(its.certificate.global_, "counts")]
        found = attempt(its, pool[same[int(rng.integers(len(same)))]], part, forger)
        verdict = (
            "FALSE"
            if found.false
            else "refused"
            if np.isnan(found.proved)
            else "proves less"
            if found.certificate is None
            else "refused"
        )
        counts[found.way.split("+")[0], verdict] += 1
        if options.rigorous and number % max(1, options.forgeries // options.rigorous) == 0:
            found, asked = lowered(its, found), asked + 1
            fooled = found.certificate is not None and fools_rigorous(its, found)
            counts["asked rigorously", "FALSE" if fooled else "refused"] += 1
            found = replace(found, false=found.false or fooled, way=f"{found.way} (rigorous)" if fooled else found.way)
        if found.false:
            numbers = f"proves {found.proved!r}, attained {its.attained(part)!r}"
            what = f"{its.snapshot.name} {part} {found.way}: {numbers} {found.refused}"
            false.append(what)
            if len(false) <= options.show:
                print(what, flush=True)
            if options.save and found.certificate is not None:
                options.save.mkdir(parents=True, exist_ok=True)
                stem = options.save / f"{its.snapshot.name}-{number}"
                twingap.save_snapshot(its.snapshot, f"{stem}.snapshot.json")
                twingap.save_certificate(found.certificate, f"{stem}.certificate.json")
    verdicts = ("proves less", "refused", "FALSE")
    table = Table("way", *verdicts, title=f"{options.forgeries} forgeries of {len(pool)} certificates")
    for way in sorted({way for way, _ in counts}):
        table.add_row(way, *(str(counts[way, verdict]) for verdict in verdicts))
    console.print(table)
    rigorously = f" ({asked} asked rigorously)" if options.rigorous else ""
    print(f"{options.forgeries} forgeries{rigorously}, {len(false)} accepted that claim less than is attained")
    return int(bool(false))


if __name__ == "__main__":
    sys.exit(main())
