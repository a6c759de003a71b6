"""Both parts of a snapshot attacked, and the best decisions joined into one that the evaluator scores."""

from __future__ import annotations

from dataclasses import dataclass

import twingap
from twingap.opt.decision import Decision
from twingap.opt.snapshot import Snapshot

from .global_attack import attack_global
from .local_attack import attack_local
from .whole_global_attack import attack_whole_global
from .whole_local_attack import attack_whole_local


@dataclass(frozen=True)
class Met:
    """The best decision that was met, and what it earns in each part by ``twingap.evaluate``; it breaks no constraint at all."""

    decision: Decision
    local: float
    global_: float


def rounding(utility: float, scale: float) -> float:
    """By how much a decision may pass a true bound through the evaluator's rounding; scale: the sum of all benefits."""
    return 1e-9 * abs(utility) + 1e-12 * scale


def attack(snapshot: Snapshot, effort: int = 1) -> Met:
    """The best decision that the attack meets; effort: 1 quick, 2 and more closer."""
    local = (attack_whole_local if snapshot.local.whole_subchannels else attack_local)(snapshot.local, effort)[1]
    global_ = (attack_whole_global if snapshot.global_.whole_subchannels else attack_global)(snapshot.global_, effort)[1]
    decision = Decision(local, global_)
    found = twingap.evaluate(snapshot, decision)
    if not found.violation <= 0.0:
        # Whole totals may miss their whole numbers by the rounding of one sum.
        whole = max(float(v["whole"]) if "whole" in v else 0.0 for v in (found.local.violations, found.global_.violations))
        assert found.violation <= whole <= 1e-12, f"the attack broke a constraint by {float(found.violation):.3e}"
    return Met(decision, float(found.local.utility), float(found.global_.utility))
