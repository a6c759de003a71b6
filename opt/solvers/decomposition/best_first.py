"""Best-first branch and bound of one local part: which cell is cut next, what is proved of the whole, and when to stop."""

from __future__ import annotations

import heapq
import math
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from ...result import Deadline, Stopped
from .proof_tree import ProofTree

Cell = TypeVar("Cell")


class BestFirst(ABC, Generic[Cell]):
    """Open cells by bound, the value of the best decision held, and the largest bound of the cells that were closed.

    Ends when bound - value <= relative max(|value|, 1e-9) + absolute. Everything off is worth 0 and is in no cell.
    """

    def __init__(self, relative: float, absolute: float, deadline: Deadline) -> None:
        self.relative, self.absolute, self.deadline = relative, absolute, deadline
        self.value = 0.0
        self.closed = 0.0
        self.open: list[tuple[float, int, Cell]] = []
        self.cells = 0
        self.tree = ProofTree()
        self.roots: tuple[int, ...] = ()  # of the tree: one, or none when nobody can earn anything
        self.trace: list[tuple[float, float, float]] = []
        self.stages = {"bounding": 0.0, "primal": 0.0}

    @property
    def bound(self) -> float:
        """Proved bound of the whole part: the largest of all cells, open or closed."""
        return max(self.closed, -self.open[0][0]) if self.open else self.closed

    @property
    def target(self) -> float:
        """A cell with a bound up to this needs no more work."""
        return self.value + self.relative * max(abs(self.value), 1e-9) + self.absolute

    @abstractmethod
    def branch(self, cell: Cell) -> None:
        """Cut a cell where its relaxation is weakest, and settle its parts."""

    def run(self, root: int) -> Stopped:
        """Cut the cell with the largest bound until none can matter, or the deadline passes. ``root``: number of the first."""
        self.roots = (root,)
        while self.open and -self.open[0][0] > max(self.target, self.closed):
            self.trace.append((self.deadline.elapsed, self.value, self.bound))
            if self.deadline.passed:
                return "time_limit"
            self.branch(heapq.heappop(self.open)[2])
        return "exhausted"

    def give_up(self, bound: float) -> Stopped:
        """No search, because arithmetic would fail: one leaf with this bound, whatever its multipliers."""
        self.closed = bound
        self.roots = (self.tree.add(bound, 0.0, 0.0),)
        return "exhausted"

    def settle(self, cell: Cell, bound: float, slack: float) -> None:
        """Keep a cell open while its bound may hold a better decision.

        What is left of a gap that rounding alone may make (``slack``) cannot be closed by cutting.
        """
        self.cells += 1
        if not bound <= max(self.target, self.value + 4.0 * slack):
            heapq.heappush(self.open, (-bound, self.cells, cell))
        else:
            self.closed = max(self.closed, bound)

    def ended(self, stopped: Stopped, objective: float) -> Stopped:
        """Why the search ended, the decision being worth ``objective`` to the evaluator."""
        self.trace.append((self.deadline.elapsed, objective, self.bound))
        if stopped == "time_limit":
            return stopped
        reached = self.bound - objective <= self.relative * max(abs(objective), 1e-9) + self.absolute
        return "gap" if reached else "exhausted"

    def improved(self, value: float, bound: float = math.inf) -> None:
        """Note a better decision; ``bound``: proved of everything at this moment."""
        self.value = value
        self.trace.append((self.deadline.elapsed, value, bound))
