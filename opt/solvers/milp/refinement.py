r"""Refine, solve, repair, repeat: the loop around HiGHS for one part of Problem (16).

A part is a list of cases (intervals of the multicast time; the global part has one) that together hold every decision worth
having. A round takes the case with the largest bound, builds its program on the grids of now, cuts the linear relaxation until
curves are tight, searches it with HiGHS, repairs the solution to a feasible decision, and splits intervals (or the case) where
the relaxation promised too much. The first visit of a case stops after the linear relaxation, which is often enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from ...arrays import Floats
from ...decision import GlobalDecision, LocalDecision
from ...result import Deadline
from .highs import Relaxation, Searched
from .program import Program, TangentPoints

PartDecision = TypeVar("PartDecision", LocalDecision, GlobalDecision, covariant=True)

# Precision of hyperbolas: relative error of p t >= c that is cut off, from the first round to the last.
COARSE, FINE = 3e-3, 1e-8


class Case(NamedTuple):
    """An interval of the multicast time [s]."""

    left: float
    right: float


class Refinable(Protocol[PartDecision]):
    """One part: its grids, its decision held, its first cases, and what it may earn outside of them (``tail``)."""

    unit: float
    tail: float
    cases: Sequence[Case]

    @property
    def objective(self) -> float:
        """What the decision held earns."""
        ...

    @property
    def decision(self) -> PartDecision:
        """The decision held."""
        ...

    def quick_bound(self, case: Case) -> float:
        """A bound on what decisions of a case earn, without a program."""
        ...

    def build(self, case: Case) -> Program:
        """The program of a case on the grids of now."""
        ...

    def attempt(self, values: Floats, accuracy: float) -> None:
        """Look for a decision near ``values``, a solution of the program built last."""
        ...

    def refine(self, values: Floats, allowed: float) -> tuple[bool, Sequence[Case]]:
        """Split intervals of the grids that promise more than ``allowed`` money at ``values``: any? And the cases that
        replace the one built last."""
        ...


@dataclass
class _Open:
    case: Case
    bound: float
    solutions: int = 0


class Refinement(Generic[PartDecision]):
    """State of the loop: bound and decision of one part, and its trace of (seconds, objective, bound)."""

    def __init__(self, part: Refinable[PartDecision], clock: Deadline) -> None:
        self.part, self.clock = part, clock
        self.points = TangentPoints()
        self.open = [_Open(case, part.quick_bound(case) + part.tail) for case in part.cases]
        self.movable = bool(self.open)
        self.rounds = self.nodes = 0
        self.trace: list[tuple[float, float, float]] = []
        self.stages = {"linear": 0.0, "search": 0.0, "repair": 0.0}
        self.log()

    @property
    def bound(self) -> float:
        """Proved bound of the part."""
        return max(self.part.objective, self.part.tail, *(opened.bound for opened in self.open))

    @property
    def gap(self) -> float:
        """bound - objective, in money."""
        return self.bound - self.part.objective

    def log(self) -> None:
        """Add a point to the trace if it says something new."""
        point = (self.clock.elapsed, self.part.objective, self.bound)
        if not self.trace or self.trace[-1][1:] != point[1:]:
            self.trace.append(point)

    def round(self, target: float, deadline: Deadline) -> None:
        """Work on the case with the largest bound, towards a gap of ``target`` [money]."""
        self.rounds += 1
        part, start = self.part, self.clock.elapsed
        opened = max(self.open, key=lambda one: one.bound)
        scale = part.unit + abs(part.objective)
        known = opened.bound - part.objective if opened.solutions > 1 else scale
        precision = min(max(0.03 * known / scale, FINE), COARSE)
        relaxation = Relaxation(part.build(opened.case), part.unit, self.points, deadline)
        solved = relaxation.tighten(precision, rounds=6)
        self.stages["linear"] += self.clock.elapsed - start
        if solved is None:
            self.movable = deadline.passed
            return
        opened.bound = min(opened.bound, solved.bound + part.tail)
        if opened.solutions and opened.bound > part.objective + 0.5 * target:
            solved = self._search(relaxation, opened, target)
        start = self.clock.elapsed
        opened.solutions += 1
        if len(solved.values):
            part.attempt(solved.values, 0.01 * target)
            if opened.solutions > 1 and opened.bound > part.objective + 0.5 * target:
                sharper = relaxation.sharpen(solved.values, precision)
                allowed = max(0.25 * target, 0.1 * (solved.relaxed - part.objective))
                finer, cases = part.refine(solved.values, allowed)
                self.open.remove(opened)
                self.open += [_Open(case, opened.bound, opened.solutions) for case in cases]
                self.movable = finer or sharper or precision > FINE or len(cases) > 1
        self.stages["repair"] += self.clock.elapsed - start
        self.log()

    def _search(self, relaxation: Relaxation, opened: _Open, target: float) -> Searched:
        """Mixed-integer search that ends when refining pays more than searching."""
        part, start = self.part, self.clock.elapsed

        def watch(relaxed: float, bound: float) -> bool:
            opened.bound = min(opened.bound, bound + part.tail)
            self.log()
            over = bound - part.objective
            return over <= 0.5 * target or (math.isfinite(relaxed) and bound - relaxed <= 0.1 * over)

        found = relaxation.search(0.1 * target, watch)
        opened.bound = min(opened.bound, found.bound + part.tail)
        self.nodes += found.nodes
        self.stages["search"] += self.clock.elapsed - start
        return found
