r"""Refine, solve, repair, repeat: the loop around HiGHS for one part of Problem (16).

A part is a list of cases (intervals of the multicast time; the global part has one) that together hold every decision worth
having. A round takes the case with the largest bound, builds its program on the grids of now, cuts the linear relaxation until
curves are tight, searches it with HiGHS, repairs the solution to a feasible decision, and splits intervals (or the case) where
the relaxation promised too much. A case's first visit ends with the
linear relaxation, and so does every one in which that alone shows where the grids are too coarse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from ...arrays import Floats
from ...decision import GlobalDecision, LocalDecision
from ...result import Deadline
from ...stop import LimitReached
from .highs import Relaxation, Searched
from .program import Program, TangentPoints

PartDecision = TypeVar("PartDecision", LocalDecision, GlobalDecision, covariant=True)

# Precision of hyperbolas: relative error of p t >= c that is cut off, from the first round to the last.
COARSE, FINE = 3e-3, 1e-8
# Part of what a linear relaxation earns too much that grids must explain for refining them to come before searching.
MOSTLY = 0.3
# Part of all time that the first searches may take (other cases and the other part want some, too); one that needed more
# doubles it.
SEARCH_SHARE = 0.25


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

    def loose(self, values: Floats) -> float:
        """Money that the relaxation earns at ``values`` because its grids are coarse."""
        ...

    def refine(self, values: Floats, allowed: float) -> tuple[bool, Sequence[Case]]:
        """Split intervals of the grids that promise more than ``allowed`` money at ``values``: any? And the cases that
        replace the one built last."""
        ...


@dataclass
class _Open:
    case: Case
    bound: float
    solved: bool = False


class Refinement(Generic[PartDecision]):
    """State of the loop: bound and decision of one part, and its trace of (seconds, objective, bound)."""

    def __init__(self, part: Refinable[PartDecision], clock: Deadline) -> None:
        self.part, self.clock = part, clock
        self.points = TangentPoints()
        self.open = [_Open(case, part.quick_bound(case) + part.tail) for case in part.cases]
        self.movable = bool(self.open)
        self.patience = SEARCH_SHARE * clock.limit
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
        known = opened.bound - part.objective if opened.solved else scale
        precision = min(max(0.2 * known / scale, FINE), COARSE)
        try:
            with deadline.enforced():
                relaxation = Relaxation(part.build(opened.case), part.unit, self.points, deadline)
        except LimitReached:
            return
        solved = relaxation.tighten(precision, rounds=3)
        self.stages["linear"] += self.clock.elapsed - start
        if solved is None:
            self.movable = deadline.passed
            return
        opened.bound = min(opened.bound, solved.bound + part.tail)
        first, opened.solved = not opened.solved, True
        self._repair(solved, target)
        over = solved.relaxed - part.objective
        if not first and opened.bound > part.objective + target and part.loose(solved.values) <= MOSTLY * over:
            found = self._search(relaxation, opened, target)
            if len(found.values):
                solved = found
                self._repair(solved, target)
                over = solved.relaxed - part.objective
        if not first and opened.bound > part.objective + target:
            sharper = relaxation.sharpen(solved.values, precision)
            finer, cases = part.refine(solved.values, max(0.25 * target, 0.1 * over))
            self.open.remove(opened)
            self.open += [_Open(case, opened.bound, True) for case in cases]
            self.movable = finer or sharper or precision > FINE
        self.log()

    def _repair(self, solved: Searched, target: float) -> None:
        """Look for a decision near a solution."""
        start = self.clock.elapsed
        self.part.attempt(solved.values, 0.01 * target)
        self.stages["repair"] += self.clock.elapsed - start

    def _search(self, relaxation: Relaxation, opened: _Open, target: float) -> Searched:
        """Mixed-integer search that ends when refining pays more than searching."""
        part, start, before = self.part, self.clock.elapsed, opened.bound

        def watch(relaxed: float, bound: float) -> bool:
            opened.bound = min(opened.bound, bound + part.tail)
            self.log()
            over = bound - part.objective
            return (
                over <= target
                or self.clock.elapsed - start > self.patience
                or (math.isfinite(relaxed) and bound - relaxed <= 0.1 * over)
            )

        found = relaxation.search(part.objective + 0.8 * target, 0.1 * target, watch)
        # What HiGHS says at its end is the proof; what it said on the way is the trace.
        opened.bound = min(before, found.bound + part.tail)
        self.nodes += found.nodes
        if self.clock.elapsed - start > self.patience:
            self.patience *= 2.0
        self.stages["search"] += self.clock.elapsed - start
        return found
