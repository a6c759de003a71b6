r"""Solver of the local part of Problem (16) with whole subchannels: best-first branch and bound on T_multi and on counts.

W_j = u_j + multicast is a whole number n_j, split freely inside (model section 2), so C1 allows floor(W) in all. A cell is an
interval of tau = T_multi, an interval of each n_j and one of each u_j; ``whole_bound`` proves a bound on it, ``whole_primal``
finds the best splits for the counts that the bound would take. Cells are cut at the edges of the delay's pieces, in tau, in one
head's count, or in one head's u (off or on). Every head with peers must multicast, so n_j >= 1, or nobody earns anything;
everything off is worth 0. Of heads equal in every number only counts n_j >= n_j' for j < j' are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...certificate.proof import COUNT_CUT, SHARE_CUT, TIME_CUT
from ...decision import LocalDecision
from ...local_equations import evaluate_local
from ...local_reduction import ReducedLocal, equal_heads, everything, multicast_needs, reduce_local
from ...result import Deadline, Stopped
from ...snapshot import LocalPart
from ...whole_subchannels import whole_budget
from .best_first import BestFirst
from .local_delay import NARROW, STEP_BACK, edge, level_at, line_below, piece_edge, shared_delay
from .part_answer import PartAnswer
from .proof_tree import local_proof
from .whole_bound import WholeBound, best_counts, bound_whole, nobody_earns
from .whole_primal import recover_whole, tune_counts


@dataclass(frozen=True, eq=False)
class Cell:
    """tau in [left, right], fewest <= n <= most, low <= u <= high, what was proved about it, its number in the proof tree."""

    left: float
    right: float
    fewest: Integers
    most: Integers
    low: Floats
    high: Floats
    proved: WholeBound
    number: int


def solve_whole_local(
    part: LocalPart, relative: float, absolute: float, deadline: Deadline, certify: bool = False
) -> PartAnswer[LocalDecision]:
    """Solve one epoch until bound - objective <= relative max(|objective|, 1e-9) + absolute, or the deadline, or nothing but
    slack is left ("exhausted"). With ``certify`` the answer holds the proof of its bound."""
    started = perf_counter()
    search = _Search(reduce_local(part), np.array(multicast_needs(part)), relative, absolute, deadline)
    search.stages["reduction"] = perf_counter() - started
    stopped = search.solve()
    decision = recover_whole(part, search.counts, search.uplink, search.cpu)
    objective = float(evaluate_local(part, decision).utility)
    if objective < 0.0:
        nothing = np.zeros(len(search.uplink))
        decision = recover_whole(part, nothing.astype(np.int64), nothing, nothing)
        objective = float(evaluate_local(part, decision).utility)
    stopped = search.ended(stopped, objective)
    proof = local_proof(search.tree, search.roots, search.bound, whole=True) if certify else None
    return PartAnswer(decision, objective, search.bound, stopped, tuple(search.trace), search.stages, proof)


class _Search(BestFirst[Cell]):
    """Cells of multicast time, counts and uplink shares, and the best decision held."""

    def __init__(self, problem: ReducedLocal, seconds: Floats, relative: float, absolute: float, deadline: Deadline) -> None:
        super().__init__(relative, absolute, deadline)
        heads = len(seconds)
        self.problem, self.seconds = problem, seconds
        self.budget = whole_budget(problem.budget)
        self.counts, self.uplink, self.cpu = np.zeros(heads, dtype=np.int64), np.zeros(heads), np.zeros(heads)
        self.twins = equal_heads(problem.worth, problem.work, problem.need, problem.cpu_max, seconds)
        self.tried: set[tuple[bytes, bytes, float, bool]] = set()

    def solve(self) -> Stopped:
        """Search everything but "all off"."""
        need = self.problem.multicast_need
        fewest = (self.seconds > 0.0).astype(np.int64)
        if not self.problem.tame:
            return self.give_up(everything(self.problem))
        if not math.isfinite(need) or self.budget < max(1, int(fewest.sum())):
            return "exhausted"  # a head with peers cannot multicast: T_multi is infinite whatever is done
        heads = len(self.seconds)
        most = np.full(heads, self.budget, dtype=np.int64)
        left, right = (need / self.budget * (1.0 - 1e-12), math.inf) if need > 0.0 else (0.0, 0.0)
        free = (np.zeros(heads), np.full(heads, np.inf))
        return self.run(self.consider(left, right, fewest, most, *free, math.inf, 0.0))

    def consider(
        self,
        left: float,
        right: float,
        fewest: Integers,
        most: Integers,
        low: Floats,
        high: Floats,
        above: float,
        price: float,
    ) -> int:
        """Bound a new cell (its parent's bound is ``above``), look for a decision, and keep it open if it may hold a better;
        returns its number."""
        started = perf_counter()
        problem = self.problem
        middle = 0.5 * (left + right) if right < math.inf else left
        line, slope = line_below(problem, left, middle) if left > 0.0 else (0.0, 0.0)
        delay = line + slope * middle if problem.stepped else shared_delay(problem, middle)
        precision = 0.05 * (self.absolute + self.relative * max(abs(self.value), 1e-9)) + 1e-14 * abs(self.value)
        proved = bound_whole(
            problem,
            self.seconds,
            self.budget,
            fewest,
            most,
            low,
            high,
            left,
            right,
            line,
            slope,
            delay,
            price,
            self.target,
            precision,
        )
        if self.value <= 0.0 < proved.bound:
            boxes = (self.seconds, self.budget, fewest, most, low, high)
            if nobody_earns(problem, *boxes, left, right, line, slope):
                proved = proved._replace(bound=0.0, price=0.0, slack=0.0)
        number = self.tree.add(proved.bound, proved.price, middle)
        if above < proved.bound:
            proved = proved._replace(bound=above)
        self.stages["bounding"] += perf_counter() - started
        cell = Cell(left, right, fewest, most, low, high, proved, number)
        if proved.bound > self.target:
            self.improve(cell)
        self.settle(cell, proved.bound, proved.slack)
        return number

    def improve(self, cell: Cell) -> None:
        """Decisions with the counts that the bound of a cell would take."""
        started = perf_counter()
        proved = cell.proved
        heads = len(self.seconds)
        for counts, uplink, slow in (
            (proved.counts_fast, proved.uplink_fast, proved.seconds_fast),
            (proved.counts_slow, proved.uplink_slow, proved.seconds_slow),
        ):
            tau = slow / heads
            tau = min(max(tau, cell.left), cell.right * (1.0 - STEP_BACK)) if math.isfinite(tau) else cell.left
            price = proved.price
            for _ in range(4):
                found = self.attempt(counts, uplink > 0.0, tau, price, cell.right <= 1.001 * cell.left)
                if found is None:
                    break
                tau, price = found
                fade = math.exp(-self.problem.decay * shared_delay(self.problem, tau))
                counts, uplink = counts.copy(), uplink.copy()
                limits = (cell.fewest, cell.most, cell.low, cell.high)
                best_counts(self.problem, self.seconds, self.budget, *limits, fade, price, counts, uplink)
        self.stages["primal"] += perf_counter() - started

    def attempt(self, counts: Integers, running: Booleans, tau: float, price: float, sure: bool) -> tuple[float, float] | None:
        """Tune these counts and keep the best; (tau, nu) where they are best, None if tried (and as ``sure`` of tau) or
        worthless."""
        left, right = self.piece(tau)
        key = (counts.tobytes(), running.tobytes(), right if self.problem.stepped else 0.0, sure)
        if key in self.tried or self.deadline.passed:
            return None
        self.tried.add(key)
        found = tune_counts(self.problem, self.seconds, counts, running, left, right, tau, max(price, 1e-9))
        if found.value > self.value:
            self.counts, self.uplink, self.cpu = counts.copy(), found.uplink, found.cpu
            self.improved(found.value)
        if not math.isfinite(found.value):
            return None
        return found.seconds / len(counts), found.price

    def piece(self, tau: float) -> tuple[float, float]:
        """Multicast times around ``tau`` that a decision may take, with one adaptation level."""
        problem = self.problem
        if problem.multicast_need <= 0.0:
            return 0.0, 0.0
        if not problem.stepped:
            return 0.0, 16.0 * tau
        level = level_at(problem, tau)
        start = edge(problem, level) if level > 0.0 else 0.0
        return start, edge(problem, level + 1.0) * (1.0 - STEP_BACK)

    def branch(self, cell: Cell) -> None:
        """Cut a cell where its relaxation is weakest: at a piece of the delay, in tau, in a count, or in a head's u."""
        left, right, proved = cell.left, cell.right, cell.proved
        cut = piece_edge(self.problem, left, right, 2.0 * left) if left > 0.0 else 0.0
        if cut > 0.0:
            self.cut_time(cell, cut)
            return
        if right == math.inf:
            self.cut_time(cell, 2.0 * left)
            return
        wide = right > left * (1.0 + NARROW)
        gap = proved.bound - self.value
        if not (wide and proved.time_error > 0.2 * gap):
            if self.cut_count(cell) or self.cut_share(cell, 0.05 if wide else 1e-6):
                return
            if not wide:
                self.closed = max(self.closed, proved.bound)
                return
        self.cut_time(cell, self.inside(cell))

    def inside(self, cell: Cell) -> float:
        """A multicast time well inside the cell, near where the relaxed answers are."""
        heads, span = len(self.seconds), cell.right - cell.left
        ends = [min(max(s / heads, cell.left), cell.right) for s in (cell.proved.seconds_slow, cell.proved.seconds_fast)]
        return cell.left + span * min(max((0.5 * sum(ends) - cell.left) / span, 0.2), 0.8)

    def cut_time(self, cell: Cell, cut: float) -> None:
        """Two cells left and right of ``cut``."""
        rest = (cell.fewest, cell.most, cell.low, cell.high, cell.proved.bound, cell.proved.price)
        self.tree.cut(
            cell.number, TIME_CUT, 0, cut, self.consider(cell.left, cut, *rest), self.consider(cut, cell.right, *rest)
        )

    def cut_count(self, cell: Cell) -> bool:
        """Two cells with fewer and more subchannels of the head on which the relaxed answers differ most; False: on none."""
        proved = cell.proved
        differ = np.abs(proved.counts_slow - proved.counts_fast)
        if not differ.any():
            return False
        j = int(np.argmax(differ + 1e-3 * np.minimum(np.abs(proved.uplink_slow - proved.uplink_fast), 1.0)))
        cut = int(proved.counts_slow[j] + proved.counts_fast[j]) // 2
        later = self.twins == self.twins[j]
        earlier = later.copy()
        later[:j], earlier[j + 1 :] = False, False
        less, more = cell.most.copy(), cell.fewest.copy()
        less[later] = np.minimum(less[later], cut)
        more[earlier] = np.maximum(more[earlier], cut + 1)
        below = above = -1
        rest = (cell.low, cell.high, proved.bound, proved.price)
        if (less >= cell.fewest).all():
            below = self.consider(cell.left, cell.right, cell.fewest, less, *rest)
        if (more <= cell.most).all():
            above = self.consider(cell.left, cell.right, more, cell.most, *rest)
        nothing = (-math.inf, 0.0, 0.0)  # bound and multipliers of a part without any numbers
        below, above = (self.tree.add(*nothing) if number < 0 else number for number in (below, above))
        self.tree.cut(cell.number, COUNT_CUT, j, float(cut), below, above)
        return True

    def cut_share(self, cell: Cell, least: float) -> bool:
        """Two cells with less and more upload of the head on which the relaxed answers differ most; False: all differ
        by less than ``least`` of their counts."""
        proved = cell.proved
        differ = np.where(self.seconds > 0.0, np.abs(proved.uplink_slow - proved.uplink_fast), 0.0)
        j = int(np.argmax(differ))
        if differ[j] <= least * proved.counts_slow[j]:
            return False
        cut = 0.5 * float(proved.uplink_slow[j] + proved.uplink_fast[j])
        less, more = cell.high.copy(), cell.low.copy()
        less[j], more[j] = cut, cut
        rest = (proved.bound, proved.price)
        below = self.consider(cell.left, cell.right, cell.fewest, cell.most, cell.low, less, *rest)
        above = self.consider(cell.left, cell.right, cell.fewest, cell.most, more, cell.high, *rest)
        self.tree.cut(cell.number, SHARE_CUT, j, cut, below, above)
        return True
