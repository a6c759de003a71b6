"""Check a solution file's claims with the equations alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .evaluation import Evaluation, evaluate
from .result import relative_gap
from .snapshot import Snapshot
from .solution_file import Solution

# How far a claimed number may be from what the equations say, relative to max(1, |number|).
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Check:
    """One claim: what was checked, whether it holds, and the numbers."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, eq=False)
class Verification:
    """All checks of one solution, with the evaluation they rest on (None when there is no decision)."""

    checks: tuple[Check, ...]
    evaluation: Evaluation | None

    @property
    def holds(self) -> bool:
        """True when every check holds."""
        return all(check.holds for check in self.checks)


def verify(snapshot: Snapshot, solution: Solution, tolerance: float = TOLERANCE) -> Verification:
    """Re-evaluate decision, constraints and objective, and compare with what the solution claims.

    A bound cannot be re-proved from the decision; what is checked is that the decision does not refute it.
    """
    checks = [Check("snapshot", solution.snapshot == snapshot.name, f"solution is for {solution.snapshot!r}")]
    if solution.decision is None:
        checks.append(Check("decision", holds=False, detail="the solution holds no decision"))
        return Verification(tuple(checks), None)
    found = evaluate(snapshot, solution.decision)
    # Adding 0 makes -0 (of maximum(0, -minimum)) 0, as it reads, and nothing else of anything else.
    violations = {f"local.{k}": float(x) + 0.0 for k, x in found.local.violations.items()}
    violations |= {f"global.{k}": float(x) + 0.0 for k, x in found.global_.violations.items()}
    checks += [Check(f"constraint {k}", x <= tolerance, f"violated by {x:.3e}") for k, x in violations.items()]
    earned = {
        "objective": (float(found.utility), solution.objective),
        "local objective": (float(found.local.utility), solution.local[0]),
        "global objective": (float(found.global_.utility), solution.global_[0]),
    }
    for name, (real, claimed) in earned.items():
        close = abs(real - claimed) <= tolerance * max(1.0, abs(real))
        checks.append(Check(name, close, f"claims {claimed!r}, earns {real!r}"))
    bounds = {"": solution.bound, "local ": solution.local[1], "global ": solution.global_[1]}
    for name, bound in bounds.items():
        real = earned[f"{name}objective"][0]
        room = tolerance * max(1.0, abs(real))
        checks.append(Check(f"{name}bound not beaten", bound >= real - room, f"bound {bound!r}, earns {real!r}"))
    gap = relative_gap(solution.objective, solution.bound)
    same = (math.isinf(gap) and math.isinf(solution.gap)) or abs(gap - solution.gap) <= tolerance * max(1.0, abs(gap))
    checks.append(Check("gap", same, f"claims {solution.gap!r}, its numbers give {gap!r}"))
    return Verification(tuple(checks), found)
