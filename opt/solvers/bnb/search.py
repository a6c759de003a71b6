"""Best-bound search over the boxes of one part: relax, prove, tighten, branch."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ...arrays import Floats
from ...result import Deadline
from .conic import ConicSolution

# A box is relaxed again at most this often, as long as tightening leaves at most SHRINK of its size.
ROUNDS = 8
SHRINK = 0.8


class Node(Protocol):
    """A box of decisions and the bound proved for it."""

    @property
    def bound(self) -> float:
        """Upper bound of what any decision in the box earns."""
        ...

    @property
    def prices(self) -> Any:
        """Prices that proved it; None for a root."""
        ...


class Proof(Protocol):
    """A proved bound and whatever tightening needs of it."""

    @property
    def total(self) -> float:
        """The bound."""
        ...


NodeT = TypeVar("NodeT", bound=Node)


class Tree(Protocol[NodeT]):
    """One part: how its boxes are relaxed, bounded, tightened, cut and rounded. It keeps the best decision found."""

    decision: Any
    objective: float

    @property
    def solves(self) -> int:
        """Cone programs solved so far."""
        ...

    def roots(self, deadline: Deadline | None = None) -> tuple[list[NodeT], float]:
        """Boxes that cover the part's decisions, and the bound of those they leave out (without time: all of them)."""
        ...

    def relaxed(self, node: NodeT, deadline: Deadline) -> ConicSolution | None:
        """The relaxation's answer; None when it gave no numbers."""
        ...

    def prices(self, node: NodeT, found: ConicSolution) -> Any:
        """The answer's duals as prices; along a ray when the program was infeasible."""
        ...

    def proved(self, node: NodeT, prices: Any) -> Proof:
        """The bound that these prices prove; true for any."""
        ...

    def tightened(self, node: NodeT, prices: Any, proof: Any) -> NodeT | None:
        """The box without what cannot beat the incumbent; None: nothing is left."""
        ...

    def size(self, node: NodeT) -> float:
        """How much freedom the box has."""
        ...

    def halves(self, node: NodeT, values: dict[str, Floats] | None) -> list[NodeT]:
        """Boxes that cover the box, cut where the relaxed point (None: unknown) gains most over the truth."""
        ...

    def attempt(self, node: NodeT, values: dict[str, Floats], deadline: Deadline) -> ConicSolution | None:
        """Look for a better decision near the relaxed point; the last program of a climb that went to its end."""
        ...


@dataclass
class Search:
    """Best-bound search of one tree. bound: proved for the whole part; nodes: boxes expanded so far; kept: largest bound of
    decisions in no box, and of boxes in which nothing was left to cut."""

    tree: Tree[Any]
    bound: float
    nodes: int = 0
    kept: float = -float("inf")
    _queue: list[tuple[float, int, Any]] = field(default_factory=list[tuple[float, int, Any]])
    _pushed: int = 0

    def start(self, deadline: Deadline) -> None:
        """Prove the roots; without time left the bound stays what it was."""
        if deadline.passed:
            self.kept = self.bound
            return
        # Half of the time at most: the other tree wants some, and so does searching.
        roots, self.kept = self.tree.roots(Deadline(0.5 * deadline.left))
        self._push(roots)
        self._update()

    @property
    def done(self) -> bool:
        """Whether no box is left that could raise the incumbent above what is kept."""
        return not self._queue or -self._queue[0][0] <= max(self.kept, self.tree.objective)

    def step(self, tolerance: float, deadline: Deadline) -> None:
        """Replace the box with the largest bound by what is left of it; within ``tolerance`` of the incumbent it stays."""
        _, _, node = heapq.heappop(self._queue)
        self.nodes += 1
        self._push(self._expand(node, tolerance, deadline))
        self._update()

    def _push(self, nodes: list[Any]) -> None:
        for node in nodes:
            if node.bound > self.tree.objective:
                self._pushed += 1
                heapq.heappush(self._queue, (-node.bound, self._pushed, node))

    def _update(self) -> None:
        top = -self._queue[0][0] if self._queue else -float("inf")
        self.bound = min(self.bound, max(top, self.kept, self.tree.objective))

    def _expand(self, node: Any, tolerance: float, deadline: Deadline) -> list[Any]:
        tree, values = self.tree, None
        if node.prices is not None:
            # What proved the parent's bound often disposes of a child, at a fraction of a cone program's cost.
            before, node = node, self._tightened(node, node.prices)
            if node is None:
                return []
            if tree.size(node) < SHRINK * tree.size(before):
                return [node]
        for _ in range(ROUNDS):
            found = tree.relaxed(node, deadline)
            if found is None:
                break
            before, node = node, self._tightened(node, tree.prices(node, found))
            if node is None:
                return []
            if found.infeasible:
                break
            values = found.values
            climbed = tree.attempt(node, values, deadline)
            if climbed is not None:
                node = self._tightened(node, tree.prices(node, climbed))
                if node is None:
                    return []
            if node.bound <= tree.objective + tolerance or deadline.passed:
                return [node]
            gained = before.bound - node.bound > (1.0 - SHRINK) * (node.bound - tree.objective)
            if not gained and tree.size(node) > SHRINK * tree.size(before):
                break
        children = tree.halves(node, values)
        if not children:
            self.kept = max(self.kept, node.bound)
        return children

    def _tightened(self, node: Any, prices: Any) -> Any | None:
        """The box with the bound these prices prove and without what cannot beat the incumbent; None: nothing is left."""
        proof = self.tree.proved(node, prices)
        if min(node.bound, proof.total) <= self.tree.objective:
            return None
        return self.tree.tightened(node, prices, proof)
