"""Bounds of one solver against decisions of all others: no bound may lie below what anyone earns.

Local part, global part and their sum are held against each other, solver by solver. What may be forgiven is the evaluator's
rounding alone, as everywhere where utility meets a bound (``opt.bounds.rounding_room``: 1e-8 max(1, |bound|)). If no bound is
contradicted, then objectives of any two solvers agree within the sum of their gaps, since each lies below the other's bound.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..opt.bounds import file_stem, replay_directory, rounding_room
from ..opt.errors import FalseBoundError
from ..opt.files import write_atomically

PARTS = ("sum", "local", "global")


@dataclass(frozen=True)
class Claim:
    """What one run says of a part of a snapshot: objective earned (NaN: none), bound proved (+inf: none)."""

    snapshot: str
    part: str
    run: str
    objective: float
    bound: float


@dataclass(frozen=True)
class Meeting:
    """A bound and another run's objective. margin: (bound - objective) / max(1, |bound|); contradicts: too far below 0."""

    snapshot: str
    part: str
    prover: str
    bound: float
    holder: str
    objective: float

    @property
    def margin(self) -> float:
        """How far the bound is above what the other earns, relative to max(1, |bound|)."""
        return (self.bound - self.objective) / max(1.0, abs(self.bound))

    @property
    def contradicts(self) -> bool:
        """True when the objective exceeds the bound by more than rounding."""
        return not self.objective <= self.bound + float(rounding_room(self.bound))


def meetings(claims: Iterable[Claim]) -> list[Meeting]:
    """Every finite bound with every objective on the same part of the same snapshot, its own included."""
    groups: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        groups.setdefault((claim.snapshot, claim.part), []).append(claim)
    return [
        Meeting(prover.snapshot, prover.part, prover.run, prover.bound, holder.run, holder.objective)
        for group in groups.values()
        for prover in group
        if math.isfinite(prover.bound)
        for holder in group
        if math.isfinite(holder.objective)
    ]


def refuse_contradictions(
    found: Sequence[Meeting], snapshots: Mapping[str, dict[str, Any]], solutions: Mapping[tuple[str, str], dict[str, Any]]
) -> None:
    """Raise FalseBoundError for the worst contradiction, after saving its snapshot and both solutions for replay.

    snapshots: snapshot files' content by name; solutions: solution files' content by (snapshot, run).
    """
    wrong = sorted((each for each in found if each.contradicts), key=lambda each: each.margin)
    if not wrong:
        return
    worst = wrong[0]
    directory = replay_directory()
    directory.mkdir(parents=True, exist_ok=True)
    kept = directory / f"{file_stem(worst.snapshot)}.snapshot.json"
    write_atomically(kept, json.dumps(snapshots[worst.snapshot]) + "\n")
    files = [kept]
    for run in dict.fromkeys((worst.prover, worst.holder)):
        files.append(_solution_file(directory, worst.snapshot, run))
        write_atomically(files[-1], json.dumps(solutions[worst.snapshot, run]) + "\n")
    more = f" ({len(wrong) - 1} more contradictions)" if len(wrong) > 1 else ""
    raise FalseBoundError(
        f"snapshot {worst.snapshot}: {worst.prover} proves {worst.bound!r} for the {worst.part} and {worst.holder} earns "
        f"{worst.objective!r}, {-worst.margin:.1e} above it: one of them is wrong{more}. There is no report. Replay with "
        f"`twingap verify` from {', '.join(map(str, files))}"
    )


def _solution_file(directory: Path, snapshot: str, run: str) -> Path:
    return directory / f"{file_stem(snapshot)}-{file_stem(run)}.solution.json"
